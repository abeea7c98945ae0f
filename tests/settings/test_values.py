"""Tests of L{b2bua.settings.values}."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.settings.values import Listen, host, host_port, listen, pattern, sip_uri, source, user


class ListenTests(SynchronousTestCase):
    """L{listen}: the sockets to open."""

    def test_read(self) -> None:
        """The URI says transport, address and port; each transport has its own default port."""
        for text, place in {
            "sip:0.0.0.0:5060;transport=udp": Listen("UDP", "0.0.0.0", 5060),
            "sip:192.0.2.1": Listen("UDP", "192.0.2.1", 5060),
            "sip:[::]:5070;transport=tcp": Listen("TCP", "::", 5070),
            "sip:127.0.0.1:0;transport=tcp": Listen("TCP", "127.0.0.1", 0),
            "sips:0.0.0.0": Listen("TLS", "0.0.0.0", 5061),
            "sips:0.0.0.0:5061;transport=tcp": Listen("TLS", "0.0.0.0", 5061),
            "sip:0.0.0.0;transport=TLS": Listen("TLS", "0.0.0.0", 5061),
            "sip:0.0.0.0:8080;transport=ws": Listen("WS", "0.0.0.0", 8080),
            "sips:[::1];transport=ws": Listen("WSS", "::1", 443),
            "sip:[2001:DB8::1]:8443;transport=wss": Listen("WSS", "2001:db8::1", 8443),
        }.items():
            with self.subTest(text):
                self.assertEqual(listen(text), place)
                self.assertEqual(listen(str(place)), place)

    def test_refused(self) -> None:
        """What is no socket of ours is refused, whatever its type."""
        for text in (
            "",
            "sip:",
            "udp:0.0.0.0",
            "sip:pbx.example.com:5060",
            "sip:300.0.0.1",
            "sip:[::g]",
            "sip:0.0.0.0:65536",
            "sip:0.0.0.0;transport=sctp",
            "sips:0.0.0.0;transport=udp",
            "sip:0.0.0.0:5060;transport=udp;lr",
            "sip:0.0.0.0 ",
            5060,
            None,
            ["sip:0.0.0.0"],
        ):
            with self.subTest(str(text)):
                self.assertRaises(ValueError, listen, text)

    @settings(deadline=None, derandomize=True)
    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Any text gives a socket or a ValueError and nothing else."""
        for reader in (listen, source, host, host_port, user, pattern, sip_uri):
            try:
                reader(text)
            except ValueError:
                continue


class SourceTests(SynchronousTestCase):
    """L{source}: who may call without a password."""

    def test_matches(self) -> None:
        """An address or network matches its own; a port matches itself only."""
        for text, address, port, expected in (
            ("198.51.100.0/24", "198.51.100.77", 5060, True),
            ("198.51.100.0/24", "198.51.101.1", 5060, False),
            ("203.0.113.7:5080", "203.0.113.7", 5080, True),
            ("203.0.113.7:5080", "203.0.113.7", 5060, False),
            ("2001:db8::/32", "2001:db8::5", 1, True),
            ("[2001:db8::1]:5080", "2001:db8::1", 5080, True),
            ("[2001:db8::1]:5080", "2001:db8::1", 5081, False),
            ("0.0.0.0/0", "::1", 1, False),
        ):
            with self.subTest(f"{text} {address}:{port}"):
                self.assertIs(source(text).matches(ip_address(address), port), expected)
                self.assertEqual(source(str(source(text))), source(text))

    def test_refused(self) -> None:
        """Names, ranges of ports and networks with host bits are refused."""
        for text in ("carrier.example", "10.0.0.1/8", "10.0.0.1:99999", "[10.0.0.1", "10.0.0.1:", 7, None):
            with self.subTest(str(text)):
                self.assertRaises(ValueError, source, text)

    def test_meets(self) -> None:
        """Two meet if one peer can match both."""
        for one, other, expected in (
            ("10.0.0.0/8", "10.1.2.3", True),
            ("10.0.0.0/8", "10.1.2.3:5080", True),
            ("10.1.2.3:5060", "10.1.2.3:5080", False),
            ("10.0.0.0/8", "::/0", False),
            ("10.0.0.0/16", "10.1.0.0/16", False),
        ):
            with self.subTest(f"{one} {other}"):
                self.assertIs(source(one).meets(source(other)), expected)
                self.assertIs(source(other).meets(source(one)), expected)


class HostTests(SynchronousTestCase):
    """L{host}, L{host_port} and L{sip_uri}."""

    def test_host(self) -> None:
        """Names and addresses get one form each."""
        for text, expected in {
            "PBX.Example.com.": "pbx.example.com",
            "pbx": "pbx",
            "192.0.2.10": "192.0.2.10",
            "[2001:DB8::1]": "2001:db8::1",
        }.items():
            self.assertEqual(host(text), expected)
        for text in ("", "a b", "-a", "a..b", "a;b", "a:5060", "a\r\nb", "x" * 64):
            with self.subTest(text):
                self.assertRaises(ValueError, host, text)

    def test_host_port(self) -> None:
        """A port may follow; an IPv6 address is in brackets, as Via and Contact want it."""
        for text, expected in {
            "pbx.example.com:5080": "pbx.example.com:5080",
            "pbx.example.com": "pbx.example.com",
            "[::1]:5060": "[::1]:5060",
            "2001:db8::1": "[2001:db8::1]",
        }.items():
            self.assertEqual(host_port(text), expected)
        for text in ("pbx:70000", "a b:5060", ":5060", ""):
            with self.subTest(text):
                self.assertRaises(ValueError, host_port, text)

    def test_sip_uri(self) -> None:
        """A trunk's URI names a host."""
        for text in ("sip:sip.carrier.example", "sips:me@c.example:5061;lr", "sip:[::1]:5060;transport=tcp"):
            self.assertEqual(sip_uri(text), text)
        for text in ("carrier.example", "tel:+1", "sip:", "sip:a b", "http://x", "sip:x:99999"):
            with self.subTest(text):
                self.assertRaises(ValueError, sip_uri, text)
