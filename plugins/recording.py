"""
Recording: calls are written down as stereo sound, one party left, the other right.

    [recording]
    directory = "recordings"    # plugins/_recordings.py says how they lie there
    days = 90                   # older ones are deleted; without it never
    numbers = ["600"]           # queues, groups and numbers whose calls are recorded
    announce = "outside"        # whom to tell: everybody outside; "callers" there, "all", "none"
    language = "en"             # or "de", or a directory with a file recorded.wav
    tone = false                # true: they hear a tone (tone.wav) in place of words
    record_key = "*1"           # pressed in a call: record it, and no more
    pause_key = "*2"            # silence while a card number is said, and on again

    [extensions.102.recording]
    on = true                   # all calls of 102
    may = true                  # 102 may record and pause (keys, *96, the key of a Yealink)

    [trunks.carrier.recording]
    on = true                   # all calls through it

Who is to be told hears it before the call goes on: a caller before it rings, who is
called when they answer.  Who comes into a call that is recorded, or talks in one that
is to be from now on, hears it at once, and the other party with them.  Who cannot be
told is not recorded.

Who may record presses C{*1} in a call (phones that tell keys by INFO, or whose media
pass through the relay), the record key of a Yealink (C{Record: on}), or puts the
call on hold and dials C{*96}.  C{b2bua recordings} lists them, C{b2bua record CALL pause} is
for programs; administrators get the files at C{/files/recordings/NAME}.  It needs a relay
that can record: the embedded one, or rtpengine.  A call is recorded to its end,
whoever is transferred into it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twisted.logger import Logger

from b2bua import Options, Service, Table, hookimpl
from b2bua.calls import Confirm, Phase, Refuse, Replied, Talk
from b2bua_plugins._recorder import Recorder
from b2bua_plugins._recording_wishes import ForAll, OfExtension, OfTrunk, Wishes
from b2bua_plugins._recordings import Recordings, page

if TYPE_CHECKING:
    from b2bua.calls import (
        Attempt,
        Call,
        CallRecord,
        CallState,
        Conversation,
        InvitationDraft,
        Leg,
        LegEnd,
        Outcome,
        Requested,
    )

DAY = 24 * 3600.0


class CallRecording:
    """Records calls."""

    log = Logger()

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {
            "recording": ForAll,
            "extensions.*.recording": OfExtension,
            "trunks.*.recording": OfTrunk,
        }

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Record the call that is on hold, or no more."""
        return {"record": "*96"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take what holds for all."""
        self._now = options.now
        self._wishes = Wishes(options)
        self._all, self._told = self._wishes.all, self._wishes.told()
        self._shelf = Recordings(Path(self._all.directory))
        self._recorder = Recorder("recording", self._shelf, self._told, options.now)
        self._pressed: dict[str, dict[str, str]] = {}
        """The last keys in a call, by legs."""

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Whom a call is for is seen before anybody sends it elsewhere."""
        return ("agents", "auto_attendant", "find_me", "forward", "night_ring", "office_hours", "ring_group")

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """What an administrator can do."""
        return {"recordings": self.recordings, "record": self.record}

    @hookimpl
    def b2bua_files(self) -> Mapping[str, Callable[..., tuple[str, bytes | Path] | None]]:
        """The recordings, for administrators."""
        return {"recordings/": self._file}

    @hookimpl
    def b2bua_call_files(self) -> Mapping[str, Callable[[Collection[str]], Mapping[str, Sequence[str]]]]:
        """Which recordings are of which call."""
        return {"recordings/": self._of_calls}

    @hookimpl
    def b2bua_figures(self) -> Mapping[str, Callable[[], Mapping[str, float]]]:
        """What goes on, and what has failed."""
        return {
            "recording_going": lambda: {"calls": len(self._recorder.going)},
            "recording_failed_total": lambda: {"calls": self._recorder.failed},
        }

    @hookimpl
    def service_started(self, service: Service) -> None:
        """See what was being recorded, and what is too old."""
        self._service = service
        self._recorder.start(service)
        if self._all.days is not None:
            self._expire()
            service.every(DAY, self._expire)

    def _expire(self) -> None:
        """Delete what is too old."""
        assert self._all.days is not None
        try:
            self._shelf.expire(self._now(), self._all.days)
        except OSError as problem:
            self.log.warn(
                "a recording older than {days} days cannot be removed: {problem}; "
                "let the user of the service write in that directory",
                days=self._all.days,
                problem=str(problem),
            )

    # ---- calls that are recorded by what is set ----------------------------------

    @hookimpl
    def call_started(self, call: Call) -> None:
        """See who calls."""
        if call.caller is not None and self._wishes.is_set(call.caller.party):
            self._recorder.want(call)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """See whom a call goes to, and tell the caller."""
        call = attempt.call
        if self._wishes.are_for(attempt):
            self._recorder.want(call)
        caller = call.caller
        if not self._recorder.wants(call) or caller is None or not self._service.can_record:
            return None
        if caller.answered or caller.ended or call.record.answered is not None:
            return None
        if not self._told.concerns(caller.party, calls=True):
            return None
        return Talk(lambda talk: self._tell(talk, attempt.target))

    async def _tell(self, talk: Conversation, target: str) -> None:
        """Tell a caller that the call is recorded, then ring."""
        await self._told.say(talk)
        await talk.dial(target)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Have whoever is called hear, when they answer, that they will be recorded."""
        call, party = attempt.call, draft.party
        if party is None or attempt.leg is None or not self._told.concerns(party, calls=False):
            return
        if not self._service.can_record:
            return
        if self._recorder.is_on(call) or self._recorder.wants(call) or self._wishes.is_set(party):
            draft.first = self._told.say

    @hookimpl
    def call_answered(self, call: Call, leg: Leg) -> None:
        """Begin, if it is to be recorded for any of the two."""
        self._see(call)

    @hookimpl
    def call_transferred(self, call: Call, leg: Leg, outcome: Outcome | None) -> None:
        """Somebody else has come in: it may be one whose calls are recorded."""
        if outcome is None:
            self._see(call)

    def _see(self, call: Call) -> None:
        """Begin, if a call is to be recorded for any of those in it."""
        if any(self._wishes.is_set(one.party) for one in call.legs):
            self._recorder.want(call)
        if self._recorder.wants(call):
            self._recorder.begin_soon(call)

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """See whether somebody has come into a call that is recorded, or one whose calls are."""
        self._recorder.comes(state.id)
        found = None
        if state.phase is Phase.TALKING and not self._recorder.leaves_alone(state.id):
            found = self._service.leg(state.id, state.parties[0].leg)
        if found is not None and state.id in self._recorder.going:
            self._recorder.who_talks_has_changed(found[0])
        elif found is not None:
            self._see(found[0])

    @hookimpl
    def call_resumed(self, call: Call, leg: Leg) -> None:
        """They talk again: who is to be told can be told now."""
        self._recorder.who_talks_has_changed(call)

    @hookimpl
    def leg_ended(self, call: Call, leg: Leg, why: LegEnd, by_us: bool) -> None:
        """Nobody needs to know any more what the party knows."""
        self._told.forget(leg)

    @hookimpl
    def call_ended(self, call: Call, record: CallRecord) -> None:
        """Nothing more comes of it."""
        self._recorder.forget(call)
        self._pressed.pop(call.id, None)

    # ---- on demand -------------------------------------------------------------------

    @hookimpl
    async def key_pressed(self, call: Call, leg: Leg, key: str) -> None:
        """Turn it on and off, or pause, for who may."""
        pressed = self._pressed.setdefault(call.id, {})
        keys = pressed[leg.id] = (pressed.get(leg.id, "") + key)[-4:]
        for wanted, what in (
            (self._all.record_key, "off" if self._recorder.is_on(call) else "on"),
            (self._all.pause_key, "resume" if self._recorder.pauses(call) else "pause"),
        ):
            if wanted and keys.endswith(wanted) and self._wishes.may(leg.party):
                pressed[leg.id] = ""
                with suppress(ValueError):  # the trace says so
                    await self._recorder.turn_soon(call, what)

    @hookimpl
    async def request_unowned(self, leg: Leg, request: Requested) -> Replied | None:
        """The record key of a Yealink."""
        said = next((value.strip().lower() for name, value in request.fields if name.lower() == "record"), "")
        if request.method != "INFO" or said not in ("on", "off") or leg.call is None:
            return None
        if not self._wishes.may(leg.party):
            return Replied(request.token, 403, "Recording Not Allowed")
        try:
            await self._recorder.turn_soon(leg.call, said)
        except ValueError:
            return Replied(request.token, 480, "Recording Not Possible")
        return Replied(request.token, 200)

    @hookimpl
    async def code_dialled(self, attempt: Attempt) -> Confirm | Refuse:
        """Record the other call of who dials, or no more."""
        if not self._wishes.may(attempt.caller):
            return Refuse(403, "Recording Not Allowed")
        for state in self._service.calls(attempt.caller.name):
            for party in state.parties:
                if party.name == attempt.caller.name and party.phase in (Phase.TALKING, Phase.HOLDING):
                    found = self._service.leg(state.id, party.leg)
                    if found is not None:
                        what = "off" if self._recorder.is_on(found[0]) else "on"
                        try:
                            await self._recorder.turn_soon(found[0], what)
                        except ValueError:
                            return Refuse(480, "Recording Not Possible")
                        return Confirm(f"Recording {what}")
        return Refuse(480, "No Call To Record")

    # ---- what there is -----------------------------------------------------------------

    def recordings(self, call: str = "", most: int = 1000) -> list[dict[str, object]]:
        """List the latest recordings, or those of one call."""
        found = self._shelf.all(call, max(most, 0))
        return [one.row() for one in found if not self._recorder.writes(one.path)]

    async def record(self, call: str, what: Literal["on", "off", "pause", "resume"]) -> str:
        """Record a call, or no more; let it pause, and go on."""
        state = self._service.call(call)
        found = None if state is None else self._service.leg(call, state.parties[0].leg)
        if found is None:
            raise ValueError(f"there is no call {call:.60}; b2bua calls lists them")
        await self._recorder.turn(found[0], what)
        return f"recording of {call}: {what}"

    def _of_calls(self, calls: Collection[str]) -> dict[str, list[str]]:
        """The names of the recordings of calls, the oldest first."""
        found: dict[str, list[str]] = {}
        for one in self._shelf.of(calls):
            if not self._recorder.writes(one.path):
                found.setdefault(one.call, []).append(one.path.name)
        return found

    def _file(self, name: str) -> tuple[str, bytes | Path] | None:
        """One recording; without a name a page that lists them."""
        if not name:
            return "text/html; charset=utf-8", page(self.recordings()).encode()
        found = self._shelf.find(name)
        return None if found is None else ("audio/wav", found.path)
