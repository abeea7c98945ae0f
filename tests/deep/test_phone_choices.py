"""The choices of L{tests.interop.test_phone_choices} over TCP."""

from __future__ import annotations

from tests.interop import test_phone_choices


class PhoneChoicesTcpTests(test_phone_choices.PhoneChoicesTests):
    """What a phone can be set to."""

    transport = "TCP"
