"""What is known of a phone by what went over its wire."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.interop import teller
from tests.interop.teller import GLARE_SECONDS, Teller


class Shown(Teller):
    """A phone whose log shows each message between two lines."""

    trace = re.compile(r"^(?P<way>[TR]X)\n(?P<message>.*?)\nEND$", re.MULTILINE | re.DOTALL)


class TellerTests(SynchronousTestCase):
    """L{Teller}."""

    def setUp(self) -> None:
        """A phone that has shown nothing, on a clock that stands still."""
        self.clock = Clock()
        self.clock.advance(100)
        self.patch(teller, "reactor", self.clock)
        self.program: Any = SimpleNamespace(lines=[])
        self.phone = Shown(self.program, "101", "127.0.0.1:5060")

    def shows(self, way: str, first: str, number: int, method: str = "INVITE") -> None:
        """Its log shows a message."""
        via = "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1"
        head = f"From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: 1\nCSeq: {number} {method}\nVia: {via}"
        self.program.lines += f"{way}\n{first}\n{head}\nEND".split("\n")

    def test_glare(self) -> None:
        """After a 491 it tries again by itself, so nothing is asked of it before (RFC 3261 section 14.1)."""
        self.assertFalse(self.phone.restless)
        self.shows("TX", "INVITE sip:c@d SIP/2.0", 1)
        self.shows("RX", "SIP/2.0 491 Request Pending", 1)
        self.shows("TX", "ACK sip:c@d SIP/2.0", 1, "ACK")
        self.assertTrue(self.phone.restless)
        self.shows("TX", "INVITE sip:c@d SIP/2.0", 2)
        self.assertFalse(self.phone.restless)

    def test_gives_up(self) -> None:
        """One that does not try again is waited for no longer than one may take."""
        self.shows("RX", "SIP/2.0 491 Request Pending", 1)
        self.assertTrue(self.phone.restless)
        self.clock.advance(GLARE_SECONDS)
        self.assertFalse(self.phone.restless)

    def test_glare_of_the_server(self) -> None:
        """A 491 that it sends is for a change of the server's."""
        self.shows("TX", "SIP/2.0 491 Request Pending", 1)
        self.assertFalse(self.phone.restless)
