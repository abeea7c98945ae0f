"""The calls of L{tests.interop.test_calls} over TCP and TLS."""

from __future__ import annotations

from tests.interop import test_calls


class TcpTests(test_calls.UdpTests):
    """Over TCP (asked for since 2016 in sippy/b2bua#17)."""

    transport = "tcp"


class TlsTests(test_calls.UdpTests):
    """Over TLS, with a certificate that the phones check (sippy/b2bua#27)."""

    transport = "tls"
