"""Whatever happens to a machine, and in whatever order."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.transactions.effects import (
    REPEATS,
    Effects,
    Ended,
    Failed,
    Lingers,
    Start,
    StartBoth,
    Stop,
    StopBoth,
    TimerValues,
)
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.wire.message import Response, write
from tests.transactions.messages import request, response

Machine: TypeAlias = InviteClient | NonInviteClient | InviteServer | NonInviteServer

CODES = (100, 180, 200, 202, 302, 408, 486, 503, 603)
INVITE, OPTIONS = request(), request("OPTIONS")
ACK = request("ACK", to="<sip:bob@example.com>;tag=b1")
EVENTS = st.one_of(
    st.tuples(st.just("message"), st.sampled_from(CODES)),
    st.sampled_from([("again", 0), ("ack", 0), ("fail", 0), ("lose", 0), ("cancel", 0), ("ack", 0)]),
    st.tuples(st.just("fire"), st.integers(0, 1)),
)


class Model:
    """A runner that does nothing but keep what must hold."""

    def __init__(self, machine: Machine, opening: Any) -> None:
        """Start the machine."""
        self.machine = machine
        self.opening = opening
        self.timers: dict[bool, str] = {}
        self.ended = self.left = False
        self.finals = 0
        server = isinstance(machine, (InviteServer, NonInviteServer))
        self.perform(machine.wait() if server else machine.start())

    def perform(self, effects: Effects) -> None:
        """Keep the timers, and look at each effect."""
        for at, effect in enumerate(effects):
            match effect:
                case Start(timer, seconds):
                    assert seconds > 0, effect
                    self.timers[timer in REPEATS] = timer
                case StartBoth(repeats, after, ends, at_last):
                    assert 0 < after < at_last, effect
                    self.timers = {True: repeats, False: ends}
                case Stop(timer):
                    self.timers.pop(timer in REPEATS, None)
                case StopBoth():
                    self.timers.clear()
                case Ended():
                    assert not self.ended, "it ends once"
                    self.ended = True
                    self.timers.clear()
                case Lingers(_, seconds):
                    assert seconds > 0, effect
                    assert not self.ended, "it ends once"
                    self.ended = self.left = True
                    self.timers.clear()
                case Response() | Failed():
                    assert at == len(effects) - 1, "the user is told last"
                    self.told(effect)
        if self.ended:
            assert not self.timers
            left = ("Completed", "Confirmed", "Accepted")
            assert self.machine.state in (left if self.left else ("Terminated",))
        else:
            assert self.machine.state != "Terminated"

    def told(self, effect: Response | Failed) -> None:
        """Count what ends the waiting of a client's user."""
        final = isinstance(effect, Failed) or (isinstance(effect, Response) and effect.code >= 200)
        self.finals += final

    def happen(self, kind: str, what: int) -> None:
        """Let something happen."""
        machine = self.machine
        if kind == "fire":
            letters = list(self.timers.items())
            if letters:
                repeats, letter = letters[what % len(letters)]
                del self.timers[repeats]
                self.perform(machine.fire(letter))
        elif isinstance(machine, (InviteClient, NonInviteClient)):
            match kind:
                case "message":
                    self.perform(machine.receive(response(self.opening, what)))
                case "fail":
                    self.perform(machine.fail())
                case "lose":
                    self.perform(machine.lose())
                case "cancel":
                    self.perform(machine.cancel())
        else:
            match kind:
                case "message":
                    self.perform(machine.answer(response(self.opening, what)))
                case "again":
                    self.perform(machine.receive(self.opening))
                case "ack" if isinstance(machine, InviteServer):
                    self.perform(machine.receive(ACK))

    def run_out(self) -> None:
        """Nothing more happens but timers."""
        for turn in range(200):
            if not self.timers:
                return
            # What ends a state comes after what repeats something.
            repeats = True in self.timers and turn < 100
            letter = self.timers.pop(repeats, None)
            if letter is not None:
                self.perform(self.machine.fire(letter))
        raise AssertionError(f"{self.timers} never end")


def machines(reliable: bool) -> list[tuple[Machine, Any]]:
    """One of each kind."""
    timers = TimerValues()
    return [
        (InviteClient(INVITE, write(INVITE), timers, reliable=reliable), INVITE),
        (NonInviteClient(OPTIONS, write(OPTIONS), timers, reliable=reliable), OPTIONS),
        (InviteServer(INVITE, timers, reliable=reliable), INVITE),
        (NonInviteServer(OPTIONS, timers, reliable=reliable), OPTIONS),
    ]


class MachineTests(SynchronousTestCase):
    """No sequence of events leads anywhere that the figures do not show."""

    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(st.integers(0, 3), st.booleans(), st.lists(EVENTS, max_size=25))
    def test_any_sequence(self, which: int, reliable: bool, events: list[tuple[str, int]]) -> None:
        """
        No sequence reaches an undefined state or leaves a timer.

        What has ended does nothing any more, whatever comes; and all that
        still waits has a timer that ends it, but for what waits for people.
        """
        machine, opening = machines(reliable)[which]
        model = Model(machine, opening)
        for kind, what in events:
            model.happen(kind, what)
            if model.ended:
                assert model.timers == {}
        model.run_out()
        waiting = machine.state == "Proceeding" and opening is INVITE
        assert model.ended or waiting, machine.state
        if isinstance(machine, NonInviteClient):
            assert model.finals == 1, "the user hears of the end once"
        if model.ended:
            for kind, what in events:
                model.happen(kind, what)
            assert model.timers == {}
