"""The calls that outlive kill -9 of L{tests.interop.test_survival} over TCP."""

from __future__ import annotations

from tests.interop import test_survival


class PhonesByTcpTests(test_survival.PhonesTests):
    """PJSIP: the calls follow their phones to their new connections (RFC 5626 in spirit)."""

    transport = "tcp"
