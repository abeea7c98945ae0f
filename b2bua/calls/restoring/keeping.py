"""
When a call is written down, so that it can outlive its process.

A call is written two seconds after its answer, so that short ones cost nothing,
and then half a second after each change of who talks to whom, who
holds or waits, of a session or its timer.  Never in the middle of an operation:
what is kept then is what the parties can go on from.

Of what rings, the open INVITEs are written after half a second, so that the next
start can end them; the call itself takes their place when it is written.  Who was
answered before, as by a voice of ours, is written too, so that it hears the end.

While somebody is sought, or an operation is at work, it stays written who talks
and who waits; what the parties have agreed on meanwhile is put right, since the
next process has to know what they were shown last (RFC 3264 section 8).

We look twice a second.  What a change costs at once is one entry of a table.

A party that goes over to another call is kept in exactly one at any time: what
is written of one is put right, or removed, together with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from b2bua.calls.restoring.as_json import as_json
from b2bua.calls.restoring.snapshot import arrange, is_kept, left_to_another, who_is_told, write_call
from b2bua.legs import orphan
from b2bua.legs.state import LegState

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.clock import IClock, ITimer
    from b2bua.legs.leg import Leg

YOUNG = 2.0
"""Seconds after the answer before a call is written for the first time."""
CHANGE = 0.5
"""Seconds that a call has been as it is before what is written of it is put right."""
RING = 0.5
"""Seconds that somebody has rung before that is written."""
RINGING = " rings"
"""What the open INVITEs of a call that is kept itself are kept under, behind its id."""
AT_ONCE = 100
"""So many calls are written in one go; the others wait for their turn."""
PAUSE = 0.05
"""Seconds between two such goes."""


class CallKeeper:
    """Writes calls down as they change, and removes them when they are over."""

    def __init__(self, clock: IClock, write: Callable[[str, str | None], None]) -> None:
        """
        Have nothing to write.

        @param write: keeps the text of a call by its id; None removes it.
        """
        self._clock = clock
        self._write = write
        self.start = 0
        """Which start of the service this process is."""
        self._touched: dict[Call, None] = {}
        """The calls in which something has changed since we looked."""
        self._fresh: dict[Call, float] = {}
        """Since when somebody was answered in a call that was never written, the oldest first."""
        self._changed: dict[Call, float] = {}
        """Since when those are as they are that were written, or could not be in their turn."""
        self._rings: dict[Call, float] = {}
        """Since when it is to be looked at who rings in a call."""
        self._ringing: dict[str, tuple[str, int]] = {}
        """The calls whose open INVITEs are kept: under which name, and a hash of what is written."""
        self._written: dict[str, tuple[Call, tuple[Leg, ...], dict[str, Any]]] = {}
        """What is kept, by the id of the call: of which parties, and how they are arranged."""
        self._home: dict[Leg, str] = {}
        """In which of them a leg is."""
        self._lingering: dict[str, None] = {}
        """Calls that are over, and are kept for parties on their way to another one."""
        self._timer: ITimer | None = None
        self._idle: float | None = None
        """Until when there was nothing to look at, if we have not looked since."""

    def __len__(self) -> int:
        """How many calls are kept."""
        return len(self._written)

    @property
    def waiting(self) -> int:
        """How many calls are to be written as soon as they are quiet."""
        return len({*self._touched, *self._fresh, *self._changed, *self._rings})

    def touch(self, call: Call) -> None:
        """Something has changed in a call."""
        self._touched[call] = None
        if self._timer is None:
            self._timer = self._clock.start(CHANGE, self._look)
            self._idle = self._clock.now()
            self._sort(self._idle)

    def leave(self, call: Call) -> None:
        """
        An operation begins, which may take long: a call that was never written is written as it is.

        So is one whose parties are told something, who have the session of a voice from then on.
        """
        new = call in self._fresh or call in self._touched or call in self._changed
        if who_is_told(call, call.legs) or (new and call.id not in self._written and is_kept(call)):
            self._unqueue(call)
            self._keep(call, tuple([leg for leg in call.legs if leg.answered]))

    def join(self, call: Call) -> None:
        """
        An operation has joined two: that is written at once.

        Whom they talked to before is about to leave, and hangs up as soon as it hears of it.
        While an ACK is missing, or another exchange is open, it is written after that.
        """
        if is_kept(call):
            self._unqueue(call)
            self._keep(call, tuple(call.legs))
            return
        for leg in call.legs:
            if not leg.ended and not leg.stable:
                leg.when_stable = partial(self.join, call)

    def adopt(self, call: Call, legs: Iterable[Leg]) -> None:
        """A call was restored, and is kept as it is."""
        self._unqueue(call)
        self._note(call, tuple(legs))

    def write(self, call: Call) -> None:
        """Have a call that was taken from another node written as ours."""
        self._keep(call, tuple(call.legs))

    def finish(self, call: Call) -> None:
        """Have a call that is settled written as it is now, since another process goes on with it."""
        if not self.is_finished(call):
            self._unqueue(call)
            self._keep(call, tuple(call.legs))
        if call.id in self._ringing:
            self._forget_rings(call)

    def _unqueue(self, call: Call) -> None:
        """It need not be looked at, but for who rings."""
        for queue in (self._touched, self._fresh, self._changed):
            if call in queue:
                del queue[call]

    def ids(self) -> list[str]:
        """The calls of which something is kept."""
        return [*self._written, *self._ringing]

    def is_finished(self, call: Call) -> bool:
        """Is it written as it is?"""
        waits = call in self._touched or call in self._fresh or call in self._changed
        return call.id in self._written and not waits

    def give(self, call: Call) -> str:
        """Write a call that is settled for another process, which keeps it from now on."""
        former = {self._home.pop(leg, call.id) for leg in call.legs} - {call.id}
        text = as_json(write_call(call, self.start))
        self.forget(call)
        for id in former:
            self._put_right(id)
        return text

    def forget(self, call: Call) -> None:
        """Another process keeps it from now on."""
        self._unqueue(call)
        self._rings.pop(call, None)
        self._ringing.pop(call.id, None)
        for leg in self._written.pop(call.id, (call, (), {}))[1]:
            if self._home.get(leg) == call.id:
                del self._home[leg]

    def over(self, call: Call) -> None:
        """A call is over; if a party of it lives on in another one, its turn comes with that."""
        id = call.id
        for queue in (self._touched, self._fresh, self._changed, self._rings):
            if call in queue:
                del queue[call]
        if id in self._ringing:
            self._forget_rings(call)
        if self._lingering:
            for other in tuple(self._lingering):
                if other in self._written:
                    self._put_right(other)
        if id in self._written:
            self._put_right(id)

    def _look(self) -> None:
        """Write what has been quiet for long enough."""
        self._timer = None
        now, left = self._clock.now(), AT_ONCE
        self._sort(now)
        self._idle = None
        for call, since in list(islice(self._rings.items(), left)):
            if now - since < RING - 0.001:
                break
            del self._rings[call]
            left -= 1
            self._write_rings(call)
        for queue, quiet in ((self._changed, CHANGE), (self._fresh, YOUNG)):
            for call, since in list(islice(queue.items(), left)):
                if now - since < quiet - 0.001:
                    break
                del queue[call]
                left -= 1
                self._settle(call)
        if self._rings or self._changed or self._fresh or self._touched:
            self._timer = self._clock.start(CHANGE if left else PAUSE, self._look)

    def _sort(self, now: float) -> None:
        """Note since when what has changed is as it is, and who rings: after a rest, from its end on."""
        rang = now if self._idle is None else self._idle
        touched, self._touched = self._touched, {}
        for call in touched:
            if call.over:
                continue
            states = [leg.state for leg in call.legs]
            rings = LegState.CALLING in states
            if rings and call not in self._rings:
                self._rings[call] = rang
            if call.id in self._written:
                self._changed.pop(call, None)  # it goes to the end
                self._changed[call] = now
            elif (
                (not rings or LegState.ANSWERED in states)
                and call not in self._changed
                and call not in self._fresh
            ):
                self._fresh[call] = now

    def _write_rings(self, call: Call) -> None:
        """Write the open INVITEs of a call; what is kept of others stays until the call is written."""
        start, id = self.start, call.id
        found = [written for leg in call.legs if (written := orphan.write_open(leg, start)) is not None]
        if found:
            text = as_json(found)
            if id in self._ringing:
                name, before = self._ringing[id]
            else:
                # Their name is that of the call, while it is not kept itself.
                name, before = id + RINGING if id in self._written else id, None
            now = hash(text)
            if now != before:
                self._ringing[id] = name, now
                self._write(name, text)
            for written in found:
                if written["ours"] and not written["heard"]:
                    self._rings[call] = self._clock.now()

    def _forget_rings(self, call: Call) -> None:
        """Nobody rings any more."""
        self._write(self._ringing.pop(call.id)[0], None)

    def _settle(self, call: Call) -> None:
        """Write a call, if it can be gone on with as it is, or ended."""
        if is_kept(call):
            self._keep(call, tuple(call.legs))
        elif any(leg.answered and not leg.stable for leg in call.legs):
            self._changed[call] = self._clock.now()  # an exchange is open, and will end
            self._note_operation(call)
        elif call.id not in self._written or any(leg.ended for leg in self._written[call.id][1]):
            # Somebody is sought for who is there: the next process can tell them that it is over.
            if left := tuple([leg for leg in call.legs if leg.answered]):
                self._keep(call, left)
            elif call.id in self._written:
                self._put_right(call.id)
        else:
            self._keep_sessions(call)

    def _note_operation(self, call: Call) -> None:
        """
        An operation is at work, and waits for a phone, which may take long: write once that it is.

        What the two have agreed on just before is written nowhere yet.
        """
        if call.bridge is None and call.id in self._written:
            _, legs, arranged = self._written[call.id]
            left = left_to_another(call, legs, arranged)
            there = all(leg.call is call and not leg.ended for leg in legs)  # else nothing is written
            if there and left["told"] and not arranged["told"]:
                self._written[call.id] = (call, legs, left)
                self._keep_sessions(call)

    def _keep_sessions(self, call: Call) -> None:
        """Write the parties once more as they are; one that is in another call by now comes with that."""
        _, legs, arranged = self._written[call.id]
        if all(leg.call is call for leg in legs):
            text = as_json(write_call(call, self.start, legs, left_to_another(call, legs, arranged)))
            self._write(call.id, text)

    def _keep(self, call: Call, legs: tuple[Leg, ...]) -> None:
        """Write it with these legs."""
        id, home = call.id, self._home
        former = [at for leg in legs if leg in home and (at := home[leg]) != id]
        arranged = self._note(call, legs)
        self._write(id, as_json(write_call(call, self.start, legs, arranged)))
        for other in dict.fromkeys(former) if former else ():
            self._put_right(other)
        if id in self._ringing:
            self._keep_rings(call)

    def _keep_rings(self, call: Call) -> None:
        """A call was written: the open INVITEs stood in its place, and may be open still."""
        if _rings(call):
            if self._ringing[call.id][0] == call.id:
                del self._ringing[call.id]
            self._write_rings(call)
        elif self._ringing[call.id][0] == call.id:
            del self._ringing[call.id]
        else:
            self._forget_rings(call)

    def _note(self, call: Call, legs: tuple[Leg, ...]) -> dict[str, Any]:
        """Remember what is kept, and say how the parties are arranged."""
        id, home = call.id, self._home
        if id in self._written:
            for leg in self._written[id][1]:
                if leg not in legs and home.get(leg) == id:
                    del home[leg]
        arranged = arrange(call, legs)
        self._written[id] = (call, legs, arranged)
        for leg in legs:
            home[leg] = id
        return arranged

    def _put_right(self, id: str) -> None:
        """Parties have left a call that is kept: leave in it who has nowhere else to be."""
        call, legs, _ = self._written[id]
        home = self._home
        mine = [leg for leg in legs if leg in home and home[leg] == id]
        left = tuple([leg for leg in mine if leg.answered and leg.call is not None])
        if call.over and left:
            self._lingering[id] = None
            return
        if left:
            self._keep(call, left)
            return
        if id in self._lingering:
            del self._lingering[id]
        for leg in mine:
            del home[leg]
        del self._written[id]
        self._write(id, None)


def _rings(call: Call) -> bool:
    """Is an INVITE open in a call, of a peer or of ours?"""
    return LegState.CALLING in [leg.state for leg in call.legs]
