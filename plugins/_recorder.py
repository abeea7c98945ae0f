"""What begins and ends recordings of calls: what is being recorded, and what is to be."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from b2bua.calls import (
    Busy,
    Gone,
    NotJoined,
    NotRecorded,
    expect_recording,
    record,
    take_up_recording,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from b2bua import Service
    from b2bua.calls import Call, Recording
    from b2bua_plugins._recorded_told import Told
    from b2bua_plugins._recordings import Recordings

AGAIN_SECONDS = 2.0
"""When it is tried again to record a call whose parties do not talk yet, or are being transferred."""
SOON_SECONDS = 0.5
"""When it is tried again to tell who has come into a call, whose answer is still on its way, say."""
PATIENCE = 3.0
"""Who asks for something is answered by then; a phone may take longer to be shown to the relay."""
TRIES = 3
"""So often a recording is begun anew that has ended by itself."""


class Recorder:
    """Records calls to files of L{Recordings}."""

    log = Logger()

    def __init__(self, name: str, shelf: Recordings, told: Told, now: Callable[[], datetime]) -> None:
        """
        Begin with none.

        @param name: that of the feature, for the records of calls.
        """
        self._name, self._shelf, self._told, self._now = name, shelf, told, now
        self._service: Service
        self.going: dict[str, Recording] = {}
        """What is being recorded, by calls."""
        self._wanted: dict[str, int] = {}
        """Calls that are to be recorded, and how often that may be begun anew."""
        self._off: set[str] = set()
        """Calls whose recording somebody has ended: it begins again by hand, or by a transfer."""
        self._starting: set[str] = set()
        """Calls whose recording is about to begin, unless it is called off."""
        self._paused: set[str] = set()
        """Calls of which nothing is written down now; should the engine fail, not by the next one either."""
        self._elsewhere: dict[str, Any] = {}
        """Rows of calls that the process before this one still has."""
        self.failed = 0
        """How many calls were not recorded that should have been, or not to their end."""

    def start(self, service: Service) -> None:
        """When all calls are there that were kept, see what was being recorded."""
        self._service = service
        self._told.start(service)
        lasting = service.lasting  # what calls from before a reload share with the features of now
        lasting["service"] = service
        self.going = lasting.setdefault("going", self.going)
        self._wanted = lasting.setdefault("wanted", self._wanted)
        self._off = lasting.setdefault("off", self._off)
        self._starting = lasting.setdefault("starting", self._starting)
        self._paused = lasting.setdefault("paused", self._paused)
        self._off.update(id for id, kept in service.data.items() if _is_off(kept))
        if not service.can_record:
            self.log.warn(
                "no call is recorded: no relay can; set [media] workers, or recordings of rtpengine"
            )
        service.after(0, self._take_up_all)

    # ---- calls that are to be recorded -----------------------------------------

    def want(self, call: Call) -> None:
        """Record a call as soon as two talk in it."""
        if call.id not in self._wanted:
            self._wanted[call.id] = TRIES
            expect_recording(call)

    def wants(self, call: Call) -> bool:
        """Is it to be recorded?"""
        return call.id in self._wanted

    def is_on(self, call: Call) -> bool:
        """Is it recorded, or as soon as those who talk in it have been told?"""
        return call.id in self.going or (self.wants(call) and self._told.missing(call))

    def who_talks_has_changed(self, call: Call) -> None:
        """Tell who has come into a call that is recorded, and begin with one that waits for that."""
        if self.is_on(call) and self._told.missing(call) and call.id not in self._starting:
            self._service.after(0, self._tell if call.id in self.going else self._begin, call, call=call)

    async def _tell(self, call: Call) -> None:
        """Tell who has come in; when that cannot be it is recorded no more."""
        if call.id not in self.going or call.id in self._starting:
            return
        self._starting.add(call.id)
        try:
            await self._told.tell(call)
        except Busy:
            self._service.after(SOON_SECONDS, self._tell, call, call=call)
        except (NotRecorded, NotJoined) as problem:
            self._complain(call, str(problem))
            await self.turn(call, "off")
        except Gone:
            pass  # the call is over
        else:
            if call.id in self.going:
                self._note(call, self.going[call.id].path)
        finally:
            self._starting.discard(call.id)

    def leaves_alone(self, id: str) -> bool:
        """Is a call not recorded, and has it been said already whether it is to be?"""
        return id not in self.going and (id in self._wanted or id in self._off or id in self._elsewhere)

    def writes(self, path: Path) -> bool:
        """Is that one of those that are being recorded?"""
        return any(Path(one.path).name == path.name for one in self.going.values())

    def forget(self, call: Call) -> None:
        """It is over."""
        self._wanted.pop(call.id, None)
        self._off.discard(call.id)
        self._let_go(call.id)

    def pauses(self, call: Call) -> bool:
        """Does its recording pause?"""
        return call.id in self._paused

    def begin_soon(self, call: Call, seconds: float = 0) -> None:
        """Begin, as soon as it can be."""
        self._service.after(seconds, self._begin, call, call=call)

    async def _begin(self, call: Call) -> None:
        """Begin now, or when nothing else is at work in the call."""
        if call.id not in self._wanted or call.id in self._paused or call.id in self._starting:
            return
        try:
            await self._record(call)
        except Busy:
            self.begin_soon(call, AGAIN_SECONDS)
        except (NotRecorded, NotJoined, OSError) as problem:
            self._complain(call, str(problem))
        except Gone:
            pass  # the call is over, or goes on in another one

    # ---- one of them -------------------------------------------------------------

    async def turn(self, call: Call, what: str) -> None:
        """
        Turn the recording of a call C{on} or C{off}, or let it C{pause} or C{resume}.

        @raise ValueError: it cannot be; the text is for people.
        """
        recording = self.going.get(call.id)
        try:
            if what == "off":
                self._wanted.pop(call.id, None)
                self._off.add(call.id)
                self._starting.discard(call.id)
                if recording is not None:
                    await recording.end()
                self._let_go(call.id)
                if call.id in self._off:  # the call is not over
                    self._note(call, "", off=True)
            elif what == "on" or (what == "resume" and recording is None and call.id in self._paused):
                await self._record(call)
            elif recording is None:
                raise ValueError("the call is not recorded")
            else:
                await self._pause(call, recording, paused=what == "pause")
        except Busy:
            if what != "on" or not self._told.missing(call):
                raise ValueError("something else is just being done with the call; try again") from None
            self.want(call)  # one holds the other, say: who is to be told hears it when they talk again
            self.begin_soon(call, AGAIN_SECONDS)
        except Gone as gone:
            raise ValueError(f"{gone} has just left the call") from None
        except (NotRecorded, NotJoined, OSError) as problem:
            raise ValueError(str(problem)) from None

    def turn_soon(self, call: Call, what: str) -> Deferred[None]:
        """
        Turn it as L{turn} does, in the time that a phone waits for an answer.

        What takes longer goes on behind the answer, and if it fails the trace says so.
        """
        answer: Deferred[None] = Deferred()

        async def turn() -> None:
            try:
                await self.turn(call, what)
            except ValueError as problem:
                call.story.note("not recorded: {}", problem)
                if not answer.called:
                    answer.errback(problem)
            else:
                enough()

        def enough() -> None:
            if not answer.called:
                answer.callback(None)

        service = self._service.lasting["service"]  # the call may be of before a reload
        service.after(0, turn, call=call)
        service.after(PATIENCE, enough, call=call)  # whether there is a reload meanwhile,
        service.after(PATIENCE, enough)  # or the call ends
        return answer

    async def _record(self, call: Call) -> None:
        """
        Record a call, if that is not being done.

        @raise OSError: there is no place for it.
        """
        if call.id in self.going:
            return
        if call.id in self._starting:
            raise NotRecorded("it is being recorded already")
        recording: Recording | None = None
        self._starting.add(call.id)
        try:
            if self._told.missing(call):
                await self._tell_first(call)
            if call.id not in self._starting:
                return
            caller = call.record.number or call.record.caller
            dialled = call.dialled.partition("@")[0].removeprefix("sip:")
            path = str(self._shelf.place(self._now(), call.id, caller, dialled))
            recording = await record(call, path, partial(self._ended, call), by=self._name)
        finally:
            called_off = call.id not in self._starting
            self._starting.discard(call.id)
        if called_off:
            await recording.end()
        if recording.over:
            return
        self.going[call.id] = recording
        self._paused.discard(call.id)
        self._note(call, path)

    async def _tell_first(self, call: Call) -> None:
        """Tell those who are to be recorded; should the process die meanwhile, the next one does so again."""
        self._note(call, "")
        expect_recording(call)  # so that they need not be shown the relay later
        try:
            await self._told.tell(call)
        except Exception:  # all but the end of the process
            self._tells_no_more(call.id)
            raise
        self._tells_no_more(call.id)

    def _tells_no_more(self, id: str) -> None:
        """The next process need not tell them; that somebody has called it off stays written down."""
        if id in self._starting:
            self._no_more(id)

    async def _pause(self, call: Call, recording: Recording, *, paused: bool) -> None:
        """
        Write silence, or what is said again.

        What is not to be heard is in no recording, come what may: one that the engine
        loses meanwhile is begun anew when it is to go on.
        """
        if paused:
            self._paused.add(call.id)
        try:
            await recording.pause(paused)
        except NotRecorded:
            if paused and not recording.over:
                self._paused.discard(call.id)
            raise
        if not paused:
            self._paused.discard(call.id)
        if not recording.over:
            self._note(call, recording.path)

    def _ended(self, call: Call, why: str) -> None:
        """A recording is over; one that has ended by itself is begun anew."""
        self.going.pop(call.id, None)
        again = bool(why) and self._wanted.get(call.id, 0) > 0
        if not (again and call.id in self._paused):
            self._let_go(call.id)
        if not why:
            return
        self._complain(call, why)
        if again:
            self._wanted[call.id] -= 1
            self.begin_soon(call, AGAIN_SECONDS)

    def _complain(self, call: Call, why: str) -> None:
        """A call is not recorded that should be."""
        self.failed += 1
        self.log.warn("call {call} is not recorded: {why}", call=call.id, why=why)

    # ---- after a restart or a crash ------------------------------------------------

    def _take_up_all(self) -> None:
        """Go on with the recordings of a process before this one, and save those that it has lost."""
        for id, kept in list(self._service.data.items()):
            if id in self.going:
                continue
            if self._service.is_elsewhere(id):
                self._elsewhere[id] = kept
            else:
                self._take_up_kept(id, kept)
        self._save_lost()
        self._look_elsewhere()

    def _look_elsewhere(self) -> None:
        """Go on with those of a process that ends when it has handed over its calls, as they come or end."""
        gone = [id for id in self._elsewhere if not self._service.is_elsewhere(id)]
        for id in gone:
            self._came(id)
        if gone:
            self._save_lost()
        if self._elsewhere:
            self._service.after(AGAIN_SECONDS, self._look_elsewhere)

    def comes(self, id: str) -> None:
        """A call changes: if it comes from the process before, its recording goes on with it."""
        if id in self._elsewhere:
            self._service.after(0, self._came, id)

    def _came(self, id: str) -> None:
        """A call goes on here that a process before this one still had, or is over."""
        if id in self._elsewhere:
            self._take_up_kept(id, self._elsewhere.pop(id))

    def _take_up_kept(self, id: str, kept: Any) -> None:
        """Go on as a row says."""
        if not _is_off(kept):
            path, paused, *known = (kept, False) if isinstance(kept, str) else kept
            self._told.take_up(known[0] if known else [])
            self._take_up(id, path, paused=paused)
        elif self._service.call(id) is None:
            self._off.discard(id)
            self._no_more(id)

    def _save_lost(self) -> None:
        """Make recordings of those that nobody goes on with."""
        written = {one.path for one in self.going.values()}
        written |= {str(kept[0]) for kept in self._elsewhere.values() if isinstance(kept, list)}
        try:
            saved = self._shelf.rescue(written)
        except OSError as problem:
            self.log.warn("recordings cannot be saved: {problem}", problem=str(problem))
        else:
            if saved:
                self.log.info("recordings saved that came to no end: {saved}", saved=saved)

    def _take_up(self, id: str, path: str, *, paused: bool) -> None:
        """Go on with one recording, or begin it anew in the call that goes on."""
        state = self._service.call(id)
        found = None if state is None else self._service.leg(id, state.parties[0].leg)
        if found is None:
            self._no_more(id)
            return
        call = found[0]
        if paused:
            self._paused.add(id)
        recording = take_up_recording(call, path, partial(self._ended, call)) if path else None
        if recording is not None:
            recording.paused = paused
            self.going[id] = recording
            self.who_talks_has_changed(call)
        else:
            self.want(call)
            self.begin_soon(call, AGAIN_SECONDS)

    def _note(self, call: Call, path: str, *, off: bool = False) -> None:
        """Write down what is being recorded, whether it pauses, who knows of it, and what was ended."""
        with self._service.data.change() as rows:
            rows[call.id] = [path, call.id in self._paused, self._told.known(call), off]

    def _let_go(self, id: str) -> None:
        """Neither is it recorded now, nor does that pause."""
        self._paused.discard(id)
        self._no_more(id)

    def _no_more(self, id: str) -> None:
        """It need not be taken up any more."""
        if id in self._service.data:
            with self._service.data.change() as rows:
                del rows[id]


def _is_off(kept: Any) -> bool:
    """Does a row say that somebody has ended the recording of its call?"""
    return isinstance(kept, list) and len(kept) > 3 and bool(kept[3])
