"""The days of L{tests.interop.test_phones} over TCP and TLS."""

from __future__ import annotations

from tests.interop import test_phones
from tests.interop.pjsip import Pjsip


class AlikeTcpTests(test_phones.AlikeTests):
    """Over TCP."""

    transport = "tcp"
    alike = (Pjsip,)


class MixedTcpTests(test_phones.MixedTests):
    """Over TCP."""

    transport = "tcp"


class AlikeTlsTests(test_phones.AlikeTests):
    """Over TLS, with a certificate that the phones check."""

    transport = "tls"
    alike = (Pjsip,)
