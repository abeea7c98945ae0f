"""Whatever happens to a machine, and in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire.message import Request, Response
from tests.transactions.messages import (
    ENDED,
    REPEATS,
    STOP,
    STOP_REPEATS,
    Failed,
    Lingers,
    Start,
    StartBoth,
    Wanted,
    played,
    request,
    response,
)

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

    def __init__(self, opening: Request, *, server: bool, reliable: bool) -> None:
        """Start the machine."""
        self.machine = machine = played(opening, server=server, reliable=reliable)
        self.server = server
        self.opening = opening
        self.timers: dict[bool, str] = {}
        self.ended = self.left = False
        self.finals = 0
        self.perform(machine.wait() if server else machine.start())

    def perform(self, effects: tuple[Wanted, ...]) -> None:
        """Keep the timers, and look at each effect."""
        for at, effect in enumerate(effects):
            match effect:
                case Start(timer, seconds):
                    assert seconds > 0, effect
                    self.timers[timer in REPEATS] = timer
                case StartBoth(repeats, after, ends, at_last):
                    assert 0 < after < at_last, effect
                    self.timers = {True: repeats, False: ends}
                case _ if effect == STOP_REPEATS:
                    self.timers.pop(True, None)
                case _ if effect == STOP:
                    self.timers.clear()
                case _ if effect == ENDED:
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
        elif not self.server:
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
                case "ack" if self.opening is INVITE:
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


MACHINES = ((INVITE, False), (OPTIONS, False), (INVITE, True), (OPTIONS, True))
"""One of each kind: what opens it, and whether we are asked."""


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
        opening, server = MACHINES[which]
        model = Model(opening, server=server, reliable=reliable)
        for kind, what in events:
            model.happen(kind, what)
            if model.ended:
                assert model.timers == {}
        model.run_out()
        waiting = model.machine.state == "Proceeding" and opening is INVITE
        assert model.ended or waiting, model.machine.state
        if opening is OPTIONS and not server:
            assert model.finals == 1, "the user hears of the end once"
        if model.ended:
            for kind, what in events:
                model.happen(kind, what)
            assert model.timers == {}
