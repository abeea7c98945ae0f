"""
What three phones do in a working day: scenarios that are written once, for phones of any make.

A scenario is a function of the day and the phones A, B and C.  That the right
two would hear each other, and nobody else anybody, is seen after each step in
the session descriptions that every phone has sent and been sent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from itertools import permutations
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.interop.processes import LIMIT, reactor
from tests.interop.service import Service
from tests.interop.teller import Teller

LOOK = 0.02


class Day:
    """A service and its phones."""

    def __init__(self, service: Service, phones: Iterable[Any]) -> None:
        """Watch over these."""
        self.service = service
        self.phones = list(phones)

    # ---- what must become so --------------------------------------------

    async def until(self, what: str, met: Callable[[], bool]) -> None:
        """Wait until something is so, and no phone is about to change it."""
        waited = 0.0
        while any(phone.changing for phone in self.phones) or not met():
            if waited > LIMIT:
                stories = "\n".join(f"{phone.user}: {phone.going} {phone.sessions}" for phone in self.phones)
                raise AssertionError(f"it did not become so that {what}\n{stories}")
            await deferLater(reactor, LOOK)
            waited += LOOK

    @property
    def voices(self) -> set[tuple[str, str]]:
        """Who hears whom."""
        return {(one.user, other.user) for one, other in permutations(self.phones, 2) if one.hears(other)}

    async def talk(self, *pairs: tuple[Teller, Teller]) -> None:
        """Wait until these hear each other, and nobody else anybody."""
        wanted = {(x.user, y.user) for pair in pairs for x, y in permutations(pair)}
        await self.until(f"these hear each other and nobody else: {wanted}", lambda: self.voices == wanted)

    async def hold(self, holder: Any, other: Any) -> None:
        """One holds its first call, and does not hear the other any more."""
        await self.until("nobody changes a call by itself", lambda: not any(p.restless for p in self.phones))
        await (holder.hold() if holder.holds_by_itself else holder.hold(0))
        await self.held(holder, other)

    async def hold_for_a_moment(self, holder: Any) -> None:
        """One holds its only call and takes it back, whoever its media pass through."""
        await self.until("nobody changes a call by itself", lambda: not any(p.restless for p in self.phones))
        for deed, listens in ((holder.hold, False), (holder.resume, True)):
            await deed()
            await self.until(
                f"{holder.user} listens: {listens}",
                lambda listens=listens: [one.said.receives for one in holder.sessions] == [listens],
            )

    async def held(self, holder: Teller, other: Teller) -> None:
        """Wait until one does not hear the other any more."""
        await self.until(f"{holder.user} holds {other.user}", lambda: not holder.hears(other))

    async def rest(self) -> None:
        """Wait until all calls are over, at the phones and in the service."""
        await self.until(
            "all calls are over", lambda: not any(phone.going or phone.sessions for phone in self.phones)
        )
        waited = 0.0
        while calls := await self.service.ask("/calls"):
            if waited > LIMIT:
                raise AssertionError(f"the service keeps calls: {calls}")
            await deferLater(reactor, LOOK)
            waited += LOOK
        for phone in self.phones:
            phone.forget()

    # ---- what is done often ---------------------------------------------

    async def ring(self, caller: Any, callee: Any) -> None:
        """One calls the other, who rings."""
        await caller.dial(callee.user)
        await callee.tells("CALL_INCOMING")
        await caller.tells("CALL_RINGING")

    async def connect(self, caller: Any, callee: Any) -> None:
        """One calls the other, who answers."""
        await self.ring(caller, callee)
        await callee.answer()
        await gatherResults([phone.tells("CALL_ESTABLISHED") for phone in (caller, callee)])
        await self.until(f"{caller.user} and {callee.user} talk", lambda: self.mutual(caller, callee))

    def mutual(self, one: Teller, other: Teller) -> bool:
        """Do they hear each other?"""
        return one.hears(other) and other.hears(one)

    async def hold_and_resume(self, one: Any, other: Any) -> None:
        """Each holds the other, and takes it back."""
        for holder, held in ((one, other), (other, one)):
            await self.hold(holder, held)
            await holder.resume()
            await self.talk((holder, held))

    async def hang_up(self, one: Any, other: Any) -> None:
        """One hangs up, and the other one hears of it."""
        await one.hang_up()
        await other.tells("CALL_CLOSED")


Play = Callable[[Day, Any, Any, Any], Coroutine[Deferred[Any], Any, None]]


class Scenario(NamedTuple):
    """What is played, and what B must be able to do for it."""

    play: Play
    needs: str = ""

    def suits(self, b: Any) -> bool:
        """Can a phone play B?"""
        return not self.needs or bool(getattr(b, self.needs))


async def caller_hangs_up(day: Day, a: Any, b: Any, c: Any) -> None:
    """A calls B, they talk, and A hangs up."""
    await day.connect(a, b)
    await day.talk((a, b))
    await day.hang_up(a, b)


async def callee_hangs_up(day: Day, a: Any, b: Any, c: Any) -> None:
    """A calls B, and B hangs up."""
    await day.connect(a, b)
    await day.hang_up(b, a)


async def busy(day: Day, a: Any, b: Any, c: Any) -> None:
    """B refuses: A hears 486."""
    await day.ring(a, b)
    await b.hang_up()
    told = await a.tells("CALL_CLOSED")
    assert "486" in told["param"], told


async def no_answer(day: Day, a: Any, b: Any, c: Any) -> None:
    """Nobody answers, and A gives up: B's phone stops."""
    await day.ring(a, b)
    await day.hang_up(a, b)


async def hold(day: Day, a: Any, b: Any, c: Any) -> None:
    """Each side holds the other one, and takes it back."""
    await day.connect(a, b)
    await day.hold_and_resume(a, b)
    await day.hang_up(b, a)


async def call_waiting(day: Day, a: Any, b: Any, c: Any) -> None:
    """C calls B, who talks to A: B holds A, answers C, and takes A back when C has gone."""
    await day.connect(a, b)
    await day.ring(c, b)
    if not b.holds_by_itself:
        await day.hold(b, a)
    await b.answer()
    await day.held(b, a)
    await day.until("B and C talk", lambda: day.mutual(b, c))
    await c.hang_up()
    await b.tells("CALL_CLOSED")
    await b.resume()
    await day.talk((a, b))
    await day.hang_up(a, b)


async def blind_transfer_by_callee(day: Day, a: Any, b: Any, c: Any) -> None:
    """A has called B, who transfers A to C and is out."""
    await day.connect(a, b)
    await _blind(day, a, b, c)


async def blind_transfer_by_caller(day: Day, a: Any, b: Any, c: Any) -> None:
    """B has called A, and transfers A to C."""
    await day.connect(b, a)
    await _blind(day, a, b, c)


async def _blind(day: Day, a: Any, b: Any, c: Any) -> None:
    """B transfers A to C; who talk then, and hold each other."""
    await b.transfer(c.user)
    await c.tells("CALL_INCOMING")
    await c.answer()
    await day.talk((a, c))
    await day.until("B is out", lambda: not b.going)
    await day.hold_and_resume(a, c)
    await day.hang_up(a, c)


async def blind_transfer_to_busy(day: Day, a: Any, b: Any, c: Any) -> None:
    """C refuses: A and B go on, unless B's phone hangs up then."""
    await day.connect(a, b)
    await b.transfer(c.user)
    await c.tells("CALL_INCOMING")
    await c.hang_up()
    if b.leaves_failed:
        await a.tells("CALL_CLOSED")
    else:
        await b.tells("TRANSFER", param="486")
        await day.talk((a, b))
        await day.hang_up(a, b)


async def blind_transfer_to_busy_by_one_who_left(day: Day, a: Any, b: Any, c: Any) -> None:
    """B hangs up as soon as C rings, and C refuses: B is rung again, and has A back."""
    await day.connect(a, b)
    await b.transfer(c.user)
    await c.tells("CALL_INCOMING")
    await b.hang_up()
    await b.tells("CALL_CLOSED")
    await day.until("B is out", lambda: not b.sessions)
    await c.hang_up()
    await b.tells("CALL_INCOMING")
    await b.answer()
    await day.talk((a, b))
    await day.hang_up(a, b)


async def attended_transfer(day: Day, a: Any, b: Any, c: Any) -> None:
    """A has called B, who calls C, and transfers A to it."""
    await day.connect(a, b)
    await day.hold(b, a)
    await day.connect(b, c)
    await _attended(day, a, b, c)


async def attended_transfer_by_caller(day: Day, a: Any, b: Any, c: Any) -> None:
    """B has called A and calls C, and transfers A to it."""
    await day.connect(b, a)
    await day.hold(b, a)
    await day.connect(b, c)
    await _attended(day, a, b, c)


async def attended_transfer_of_callers(day: Day, a: Any, b: Any, c: Any) -> None:
    """A and C have both called B, who brings them together."""
    await day.connect(a, b)
    await day.hold(b, a)
    await day.connect(c, b)
    await _attended(day, a, b, c)


async def attended_transfer_to_caller(day: Day, a: Any, b: Any, c: Any) -> None:
    """B has called A, was called by C, and transfers A to C."""
    await day.connect(b, a)
    await day.hold(b, a)
    await day.connect(c, b)
    await _attended(day, a, b, c)


async def _attended(day: Day, a: Any, b: Any, c: Any) -> None:
    """B brings its two calls together; A and C talk, and hold each other."""
    await b.attend()
    await day.talk((a, c))
    await day.until("B is out", lambda: not b.going)
    await day.hold_and_resume(a, c)
    await day.hang_up(c, a)


async def semi_attended_transfer(day: Day, a: Any, b: Any, c: Any) -> None:
    """B transfers A to C, which still rings."""
    await day.connect(a, b)
    await day.hold(b, a)
    await day.ring(b, c)
    await b.attend()
    await b.tells("TRANSFER")
    await c.answer()
    await day.talk((a, c))
    await day.until("B is out", lambda: not b.going)
    await day.hang_up(a, c)


async def forward(day: Day, a: Any, b: Any, c: Any) -> None:
    """B's phone sends its calls to C by itself (302)."""
    await a.dial(b.user)
    await b.tells("CALL_INCOMING")
    await b.redirect(c.user)
    await c.tells("CALL_INCOMING")
    await c.answer()
    await day.talk((a, c))
    await day.hang_up(c, a)


async def other_refusals(day: Day, a: Any, b: Any, c: Any) -> None:
    """480 and 603 each reach A as they are."""
    for code in (480, 603):
        await a.dial(b.user)
        await b.tells("CALL_INCOMING")
        await b.refuse(code)
        told = await a.tells("CALL_CLOSED")
        assert str(code) in told["param"], told


SCENARIOS = (
    Scenario(caller_hangs_up),
    Scenario(callee_hangs_up),
    Scenario(busy),
    Scenario(no_answer),
    Scenario(hold),
    Scenario(call_waiting),
    Scenario(blind_transfer_by_callee),
    Scenario(blind_transfer_by_caller),
    Scenario(blind_transfer_to_busy),
    Scenario(blind_transfer_to_busy_by_one_who_left),
    Scenario(attended_transfer, "attends"),
    Scenario(attended_transfer_by_caller, "attends"),
    Scenario(attended_transfer_of_callers, "attends"),
    Scenario(attended_transfer_to_caller, "attends"),
    Scenario(semi_attended_transfer, "attends_early"),
    Scenario(forward, "redirects"),
    Scenario(other_refusals, "redirects"),
)
