"""Ladders that are compared with a drawing, rung by rung."""

from __future__ import annotations

from b2bua.testing import LadderTestCase
from b2bua.testing.ladder import summary


class DrawnTestCase(LadderTestCase):
    """
    A test that knows each message on the wire.

    A rung is C{alice INVITE server}: who sends what to whom.  Registration is
    left out, and C{sdp} or a direction says that a message brings a session.
    """

    def assertDrawn(self, drawing: str) -> None:
        """Insist that these messages went over the network, and no other, in this order."""
        wanted = [" ".join(line.split()) for line in drawing.splitlines() if line.strip()]
        names = self.world.network.names
        sent: list[str] = []
        for packet in self.world.network.log:
            source, destination = (names.get(end[0], end[0]) for end in (packet.source, packet.destination))
            title = summary(packet.data)
            if "REGISTER" not in title:
                sent.append(f"{source} {title} {destination}")
        if sent != wanted:
            at = next((i for i, (a, b) in enumerate(zip(sent, wanted, strict=False)) if a != b), len(sent))
            here = f"{sent[at] if at < len(sent) else 'nothing'!r}, drawn is {wanted[at:][:1]}"
            raise self.world.failure(f"rung {at + 1} is {here}")
