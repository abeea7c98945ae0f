"""
When a call is written down, so that it can outlive its process.

A call is written when it has been as it is for two seconds, so that short ones
cost nothing, and then half a second after each change of who talks to whom, who
holds or waits, of a session or its timer.  Never in the middle of an operation:
what is kept then is what the parties can go on from.

Of what rings, the open INVITEs are written after half a second, so that the next
start can end them.

A party that goes over to another call is kept in exactly one at any time: what
is written of one is put right, or removed, together with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

from b2bua.calls.restoring.as_json import as_json
from b2bua.calls.restoring.snapshot import is_kept, write_call
from b2bua.legs import orphan
from b2bua.legs.state import LegState

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.clock import IClock, ITimer
    from b2bua.legs.leg import Leg

QUIET = 2.0
"""Seconds that a call has been as it is before it is written for the first time."""
CHANGE = 0.5
"""The same for what has been written before."""
RING = 0.5
"""Seconds that somebody has rung before that is written."""
RINGING = " rings"
"""What the open INVITEs of a call are kept under, behind its id."""
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
        self._fresh: dict[Call, float] = {}
        """Since when a call that was never written is as it is, the oldest first."""
        self._changed: dict[Call, float] = {}
        """The same for those that were."""
        self._rings: dict[Call, float] = {}
        """Since when it is to be looked at who rings in a call."""
        self._ringing: dict[str, int] = {}
        """The calls whose open INVITEs are kept, with a hash of what is written."""
        self._written: dict[str, tuple[Call, tuple[Leg, ...]]] = {}
        """What is kept, by the id of the call."""
        self._home: dict[Leg, str] = {}
        """In which of them a leg is."""
        self._lingering: dict[str, None] = {}
        """Calls that are over, and are kept for parties on their way to another one."""
        self._timer: ITimer | None = None

    def __len__(self) -> int:
        """How many calls are kept."""
        return len(self._written)

    @property
    def waiting(self) -> int:
        """How many calls are to be written as soon as they are quiet."""
        return len(self._fresh) + len(self._changed) + len(self._rings)

    def touch(self, call: Call) -> None:
        """Something has changed in a call."""
        if call.over:
            return
        queue = self._changed if call.id in self._written else self._fresh
        queue.pop(call, None)
        queue[call] = self._clock.now()
        if call not in self._rings:
            for leg in call.legs:
                if leg.state is LegState.CALLING:
                    self._rings[call] = queue[call]
                    break
        if self._timer is None:
            self._timer = self._clock.start(CHANGE, self._look)

    def leave(self, call: Call) -> None:
        """An operation begins, which may take long: a call that was never written is written as it is."""
        if call in self._fresh and is_kept(call):
            del self._fresh[call]
            self._keep(call, tuple(call.legs))

    def adopt(self, call: Call, legs: Iterable[Leg]) -> None:
        """A call was restored, and is kept as it is."""
        self._fresh.pop(call, None)
        self._note(call, tuple(legs))

    def finish(self, call: Call) -> None:
        """Have a call that is settled written as it is now, since another process goes on with it."""
        if call in self._fresh or call in self._changed or call.id not in self._written:
            self._fresh.pop(call, None)
            self._changed.pop(call, None)
            self._keep(call, tuple(call.legs))
        if call.id in self._ringing:
            self._forget_rings(call)

    def ids(self) -> list[str]:
        """The calls of which something is kept."""
        return [*self._written, *self._ringing]

    def is_finished(self, call: Call) -> bool:
        """Is it written as it is?"""
        return call.id in self._written and call not in self._fresh and call not in self._changed

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
        for queue in (self._fresh, self._changed, self._rings):
            queue.pop(call, None)
        self._ringing.pop(call.id, None)
        for leg in self._written.pop(call.id, (call, ()))[1]:
            if self._home.get(leg) == call.id:
                del self._home[leg]

    def over(self, call: Call) -> None:
        """A call is over; if a party of it lives on in another one, its turn comes with that."""
        self._fresh.pop(call, None)
        self._changed.pop(call, None)
        self._rings.pop(call, None)
        if call.id in self._ringing:
            self._forget_rings(call)
        for id in (*self._lingering, call.id):
            if id in self._written:
                self._put_right(id)

    def _look(self) -> None:
        """Write what has been quiet for long enough."""
        self._timer = None
        now, left = self._clock.now(), AT_ONCE
        for call, since in list(islice(self._rings.items(), left)):
            if now - since < RING - 0.001:
                break
            del self._rings[call]
            left -= 1
            self._write_rings(call)
        for queue, quiet in ((self._changed, CHANGE), (self._fresh, QUIET)):
            for call, since in list(islice(queue.items(), left)):
                if now - since < quiet - 0.001:
                    break
                del queue[call]
                left -= 1
                self._settle(call)
        if self.waiting:
            self._timer = self._clock.start(CHANGE if left else PAUSE, self._look)

    def _write_rings(self, call: Call) -> None:
        """Write the open INVITEs of a call; what is kept of others stays until the call is written."""
        found = [written for leg in call.legs if (written := orphan.write_open(leg, self.start)) is not None]
        if found:
            text = as_json(found)
            if self._ringing.get(call.id) != hash(text):
                self._ringing[call.id] = hash(text)
                self._write(call.id + RINGING, text)
            if not all(written.get("heard", True) for written in found):
                self._rings[call] = self._clock.now()

    def _forget_rings(self, call: Call) -> None:
        """Nobody rings any more."""
        del self._ringing[call.id]
        self._write(call.id + RINGING, None)

    def _settle(self, call: Call) -> None:
        """Write a call, if it can be gone on with as it is, or ended."""
        if is_kept(call):
            self._keep(call, tuple(call.legs))
        elif any(leg.answered and not leg.stable for leg in call.legs):
            self.touch(call)  # an exchange is open, and will end

    def _keep(self, call: Call, legs: tuple[Leg, ...]) -> None:
        """Write it with these legs."""
        former = {self._home.get(leg, call.id) for leg in legs} - {call.id}
        self._note(call, legs)
        self._write(call.id, as_json(write_call(call, self.start, legs)))
        for id in former:
            self._put_right(id)
        if call.id in self._ringing and all(leg.answered for leg in call.legs):
            self._forget_rings(call)

    def _note(self, call: Call, legs: tuple[Leg, ...]) -> None:
        """Remember what is kept."""
        for leg in self._written.get(call.id, (call, ()))[1]:
            if leg not in legs and self._home.get(leg) == call.id:
                del self._home[leg]
        self._written[call.id] = (call, legs)
        for leg in legs:
            self._home[leg] = call.id

    def _put_right(self, id: str) -> None:
        """Parties have left a call that is kept: leave in it who has nowhere else to be."""
        call, legs = self._written[id]
        left = tuple([x for x in legs if x.answered and x.call is not None and self._home.get(x) == id])
        if call.over and left:
            self._lingering[id] = None
            return
        if left:
            self._keep(call, left)
            return
        self._lingering.pop(id, None)
        for leg in legs:
            if self._home.get(leg) == id:
                del self._home[leg]
        del self._written[id]
        self._write(id, None)
