"""
The states and events of a leg, played: what the peer is sent, what the call hears, what state follows.

C{python -m tests.legs.state_table} prints it as docs/architecture.md has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from b2bua.legs.leg import Leg
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    HungUp,
    Moved,
    Progress,
    Refused,
    Replied,
    Requested,
    Ringing,
    Withdrawn,
    Word,
)
from tests.legs.layer import ANSWER, HELD_SDP, PHONE, FakeServer, LegCase

NOTHING = "·"


class LegPlay(LegCase):
    """One leg that is brought into a state and meets one event there."""

    def runTest(self) -> None:
        """It is no test of its own; L{table} makes many of it."""

    def setUp(self) -> None:
        """Remember what is answered, too."""
        super().setUp()
        self.servers: list[FakeServer] = []

    def gets(self, leg: Leg, method: str, body: bytes = b"", **options: Any) -> FakeServer:
        """Remember what the peer has asked."""
        server = super().gets(leg, method, body, **options)
        self.servers.append(server)
        return server

    # The states

    def invited(self) -> Leg:
        """The peer's INVITE is open."""
        leg = self.incoming()
        self.servers.append(self.server)
        return leg

    def inviting(self) -> Leg:
        """Ours is, and it rings."""
        leg = self.outgoing()
        self.client.answer(180)
        return leg

    def answered_leg(self) -> Leg:
        """Nothing is open."""
        return self.established()

    def our_change(self) -> Leg:
        """A re-INVITE of ours is open."""
        leg = self.established()
        leg.say(Changed(HELD_SDP))
        return leg

    def peer_change(self) -> Leg:
        """One of the peer is."""
        leg = self.established()
        self.gets(leg, "INVITE", HELD_SDP)
        return leg

    def ended(self) -> Leg:
        """It was answered, and the peer has hung up."""
        leg = self.established()
        self.gets(leg, "BYE")
        return leg

    STATES: tuple[tuple[str, Callable[[LegPlay], Leg]], ...] = (
        ("calling: the peer's INVITE", invited),
        ("calling: our INVITE", inviting),
        ("answered", answered_leg),
        ("answered: our re-INVITE", our_change),
        ("answered: the peer's", peer_change),
        ("ended", ended),
    )

    # What follows

    def seen(self) -> tuple[list[str], list[str]]:
        """All that was sent to the peer, and all that the call has heard."""
        sent = [f"{response.code}" for server in self.servers for response in server.responses]
        for client in self.layer.clients:
            sent += [client.request.method, *["CANCEL" for _ in client.cancels]]
        return sent + ["ACK"] * len(self.layer.acks), self.heard

    def play(self, state: Callable[[LegPlay], Leg], event: Callable[[LegPlay, Leg], None]) -> str:
        """Bring a leg into a state, let something happen, and say what follows."""
        self.setUp()
        leg = state(self)
        before, (sent, heard) = leg.state, self.seen()
        event(self, leg)
        now_sent, now_heard = self.seen()
        cells = _new(sent, now_sent) + [f"`{word}`" for word in now_heard[len(heard) :]]
        if leg.state is not before:
            cells.append(f"→ {leg.state.value}")
        return " ".join(cells) or NOTHING


def _new(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What is in one list more often than in another."""
    left = list(before)
    new = []
    for item in after:
        if item in left:
            left.remove(item)
        else:
            new.append(item)
    return new


def _say(word: Word) -> Callable[[LegPlay, Leg], None]:
    """The call says something."""
    return lambda play, leg: leg.say(word)


def _asks(method: str, body: bytes = b"", *fields: tuple[str, str]) -> Callable[[LegPlay, Leg], None]:
    """The peer asks for something within the dialog."""

    def happens(play: LegPlay, leg: Leg) -> None:
        """Let it come."""
        play.gets(leg, method, body, fields=fields)

    return happens


def _answers(code: int, body: bytes = b"", *, local: bool = False) -> Callable[[LegPlay, Leg], None]:
    """The peer answers the INVITE of ours that is open, or there is none."""

    def happens(play: LegPlay, leg: Leg) -> None:
        """Let it come."""
        if play.layer.clients and not play.client.finished and play.client.request.method == "INVITE":
            play.client.answer(code, body, local=local)

    return happens


def _cancels(play: LegPlay, leg: Leg) -> None:
    """The peer cancels the INVITE of its that is open."""
    server = next((s for s in reversed(play.servers) if s.request.method == "INVITE" and not s.final), None)
    if server is not None:
        play.server = server
        play.cancel(leg)


def _loses(play: LegPlay, leg: Leg) -> None:
    """The connection of the peer is closed."""
    leg.flow_lost(leg.flow or PHONE)


EVENTS: tuple[tuple[str, Callable[[LegPlay, Leg], None]], ...] = (
    ("call: `Ringing`", _say(Ringing())),
    ("call: `Progress`", _say(Progress(181))),
    ("call: `Answered`", _say(Answered(ANSWER))),
    ("call: `Refused` 486", _say(Refused(486))),
    ("call: `Moved` 302", _say(Moved(302, ("<sip:103@example.com>",)))),
    ("call: `Confirmed`", _say(Confirmed())),
    ("call: `Changed`", _say(Changed(HELD_SDP))),
    ("call: `Withdrawn`", _say(Withdrawn())),
    ("call: `Requested` INFO", _say(Requested("INFO", 1))),
    ("call: `Replied`", _say(Replied(1, 200))),
    ("call: `HungUp`", _say(HungUp())),
    ("peer: 180", _answers(180)),
    ("peer: 200", _answers(200, ANSWER)),
    ("peer: 486", _answers(486)),
    ("peer: 491", _answers(491)),
    ("peer: 302", _answers(302)),
    ("nobody answers (408)", _answers(408, local=True)),
    ("peer: CANCEL", _cancels),
    ("peer: INVITE", _asks("INVITE", HELD_SDP)),
    ("peer: UPDATE", _asks("UPDATE", HELD_SDP)),
    ("peer: PRACK", _asks("PRACK", b"", ("RAck", "1 1 INVITE"))),
    ("peer: INFO", _asks("INFO")),
    ("peer: OPTIONS", _asks("OPTIONS")),
    ("peer: REFER", _asks("REFER", b"", ("Refer-To", "<sip:103@example.com>"))),
    ("peer: BYE", _asks("BYE")),
    ("connection lost", _loses),
)
"""In the order of the table."""


def table() -> list[str]:
    """The lines of the table."""
    play = LegPlay()
    lines = ["| | " + " | ".join(name for name, _ in LegPlay.STATES) + " |"]
    lines.append("|---" * (len(LegPlay.STATES) + 1) + "|")
    for name, event in EVENTS:
        lines.append(
            f"| {name} | " + " | ".join(play.play(state, event) for _, state in LegPlay.STATES) + " |"
        )
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join([*table(), ""]))
