"""From where a party is heard."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.latch import SETTLED, STRANGE_SECONDS, Latch, canonical, sendable

PHONE = ("192.0.2.8", 4000)
NAT = ("203.0.113.5", 61_000)
STRANGER = ("198.51.100.66", 1)


class LatchTests(SynchronousTestCase):
    """L{Latch}."""

    def setUp(self) -> None:
        """A phone at home describes its own address, and signals from that of its router."""
        self.latch = Latch(*PHONE, NAT[0])

    def test_strangers(self) -> None:
        """Who is neither where the party describes nor where it signals from is not heard, first or not."""
        self.assertFalse(self.latch.admits(STRANGER))
        self.assertTrue(self.latch.admits(NAT))
        self.assertFalse(self.latch.admits(STRANGER))

    def test_once(self) -> None:
        """Who speaks first is the party: the same host with another port is not, nor the described one."""
        self.assertTrue(self.latch.admits(NAT))
        self.assertFalse(self.latch.admits((NAT[0], 61_001)))
        self.assertFalse(self.latch.admits(PHONE))

    def test_target(self) -> None:
        """Packets go where it describes until it has spoken, and back the same way then (RFC 4961)."""
        self.assertEqual(self.latch.target(0.0), PHONE)
        self.latch.admits(NAT)
        self.assertEqual(self.latch.target(100.0), NAT)

    def test_lies(self) -> None:
        """A host of which we have only been told is sent to for five seconds; one that signals, for ever."""
        self.assertEqual(self.latch.target(10.0), PHONE)
        self.assertEqual(self.latch.target(10.0 + STRANGE_SECONDS), PHONE)
        self.assertIsNone(self.latch.target(10.1 + STRANGE_SECONDS))
        self.assertEqual(Latch(*NAT, NAT[0]).target(1000.0), NAT)

    def test_machine_itself(self) -> None:
        """Nothing goes to our own machine for who is not there, but to where they speak from."""
        for host in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"):
            latch = Latch("", 0)
            latch.describe(host, 2223, NAT[0])
            self.assertIsNone(latch.target(0.0), host)
            self.assertTrue(latch.admits(NAT))
            self.assertEqual(latch.target(0.0), NAT)
        self.assertEqual(Latch("127.0.0.1", 4000, "127.0.0.1").target(0.0), ("127.0.0.1", 4000))

    def test_described_anew(self) -> None:
        """What was on its way from the old place is heard, and does not keep the party there."""
        self.latch.admits(NAT)
        self.latch.describe("192.0.2.9", 5000, NAT[0])
        self.assertTrue(self.latch.admits(NAT))
        self.assertEqual(self.latch.target(0.0), ("192.0.2.9", 5000))
        self.assertTrue(self.latch.admits((NAT[0], 61_002)))
        self.assertFalse(self.latch.admits(NAT))
        self.assertEqual(self.latch.target(0.0), (NAT[0], 61_002))

    def test_nothing_has_changed(self) -> None:
        """A description that changes nothing leaves the party where it is; after a second nobody may."""
        self.latch.admits(NAT)
        self.latch.describe(*PHONE, NAT[0])
        self.assertEqual(self.latch.target(0.0), NAT)
        for _ in range(SETTLED):
            self.assertTrue(self.latch.admits(NAT))
        self.assertFalse(self.latch.admits((NAT[0], 61_002)))

    def test_not_described(self) -> None:
        """Before a party has described itself nobody is heard, and nobody is sent to."""
        latch = Latch("", 0)
        self.assertEqual((latch.admits(PHONE), latch.target(0.0)), (False, None))

    def test_addresses(self) -> None:
        """IPv6 addresses are the same however they are written (RFC 5952)."""
        self.assertEqual(canonical("2001:DB8:0:0::1"), "2001:db8::1")
        self.assertTrue(Latch("2001:DB8::0:1", 4000, "2001:db8::2").admits(("2001:db8::1", 4000)))

    def test_not_one_host(self) -> None:
        """Groups, everybody, nobody and names are never sent to."""
        for host in (
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "0.0.0.0",
            "::",
            "ff02::1",
            "example.com",
            "",
        ):
            self.assertFalse(sendable(host), host)
            self.assertIsNone(Latch(host, 4000, NAT[0]).target(0.0), host)
        for host in ("192.0.2.1", "127.0.0.1", "2001:db8::1"):
            self.assertTrue(sendable(host), host)
