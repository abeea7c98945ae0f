"""Transfers between browsers, whose media are bound to one peer by ICE and DTLS (RFC 8839, RFC 8842)."""

from __future__ import annotations

from itertools import product

from b2bua.testing.secured import Secured
from tests.ladders.transfers import TransferTestCase


class BrowserTests(TransferTestCase):
    """Whoever is joined has the whole and present description of the other."""

    def setUp(self) -> None:
        """All phones are browsers."""
        super().setUp()
        for phone in (self.alice, self.bob, self.carol):
            phone.describes = Secured

    def associated(self) -> None:
        """Alice and Carol have each other's credentials and certificate, and agree on who begins."""
        self.only_talking(self.alice, self.carol)
        one, other = self.alice.session.media, self.carol.session.media
        assert isinstance(one, Secured)
        assert isinstance(other, Secured)
        self.insist(one.associated(other), f"{one.role} {one.peer} and {other.role} {other.peer}")

    def test_attended(self) -> None:
        """
        One is asked for an offer, and its ACK brings the answer to it (RFC 3725).

        So neither has to begin again with something that the other does not
        know; and whoever began the calls before, the roles fit, since they are
        negotiated anew in an answer of somebody else.
        """
        for alice_calls, carol_calls, hold in product((True, False), repeat=3):
            with self.anew(alice_calls=alice_calls, carol_calls=carol_calls, hold=hold):
                first = (
                    self.call(self.alice, self.bob)[1] if alice_calls else self.call(self.bob, self.alice)[0]
                )
                if hold:
                    first.hold()
                    self.world.run(1)
                second = (
                    self.call(self.carol, self.bob)[1] if carol_calls else self.call(self.bob, self.carol)[0]
                )
                first.transfer(replaces=second)
                self.world.run(5)
                self.associated()
                self.alice.hang_up()
                self.quiet()

    def test_hold(self) -> None:
        """Within one call everything stays as it is through hold and resume."""
        self.call(self.alice, self.carol)
        for _ in range(2):
            self.alice.session.hold()
            self.world.run(1)
            self.alice.session.resume()
            self.world.run(1)
        self.associated()
        self.alice.hang_up()
        self.quiet()
