"""
Call back: click to dial, ring again what was busy, wake-up calls.

    [call_back]
    ring_seconds = 30        # each phone that is called
    minutes = 45             # how long somebody who is busy is waited for
    wake_up_again = 2        # times that a wake-up call is repeated, five minutes apart

C{b2bua dial 102 +493012345} rings 102, and when it is answered the number, with
the permission of 102; web pages do the same by the HTTP interface.

Whom one finds busy calls back: C{*66}, dialled after a busy tone, waits until
both are free, rings who dialled the code, then the other.  C{*86} gives that up.

C{*55} and four digits, C{*550730}, set a wake-up call for the next half past
seven by the clock of the server; C{*56} cancels it.  All of it is remembered over restarts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from b2bua import NotConfigured, Options, Seconds, Service, Table, hookimpl
from b2bua.calls import Confirm, Refuse, Wait

if TYPE_CHECKING:
    from b2bua.calls import Attempt, CallState, Outcome

CODES = {"call_back": "*66", "call_back_off": "*86", "wake_up": "*55", "wake_up_off": "*56"}
AWAKE = "wake-up"
"""What a phone that has woken somebody is connected to: silence, where music would be."""
AWAKE_SECONDS = 10.0
AGAIN_SECONDS = 300.0
BREATH_SECONDS = 3.0
"""From hanging up to the next ring."""
_CLOCK = re.compile(r"([01]\d|2[0-3])([0-5]\d)")


class Calls(Table):
    """C{[call_back]}: how long phones ring, and how long somebody is waited for."""

    ring_seconds: Seconds = 30.0
    minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 45
    wake_up_again: Annotated[int, Field(ge=0, le=10)] = 2


class CallBack:
    """Begins calls."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"call_back": Calls}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Wait for who is busy, and wake up."""
        return CODES

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """Click to dial."""
        return {"dial": self.dial}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Begin no calls unless the operator wants it."""
        if not options.names(Calls):
            raise NotConfigured("no [call_back] table")
        self._options = options
        self._table = options.of(Calls)
        self._ringing: set[str] = set()

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Go on waiting, and set the alarm clocks again."""
        self._service = service
        service.listen("call_changed", self._waits())
        for key, row in service.data.items():
            kind, _, extension = key.partition(" ")
            if kind == "wake":
                service.after(max(0.0, row["at"] - self._time()), self._wake, extension, row["at"])

    def _time(self) -> float:
        """Seconds since 1970."""
        return self._options.now().timestamp()

    async def dial(self, extension: str, number: str) -> str:
        """Ring an extension, then a number, and let the two talk."""
        outcome = await self._service.originate(extension, number, ring_seconds=self._table.ring_seconds)
        return "talking" if outcome is None else f"failed: {outcome.code} {outcome.reason}".strip()

    # ---- who was busy ---------------------------------------------------

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> None:
        """Remember whom an extension has found busy; what to do about it is for others to say."""
        # What a code or a short number leads to is still the caller's; what a forward or a group does is not.
        own = attempt.parent is None or attempt.behalf.key == attempt.caller.key
        if own and attempt.internal and attempt.extension and outcome.kind == "busy":
            with self._service.data.change() as rows:
                rows[f"last {attempt.caller.name}"] = attempt.extension

    def _waits(self) -> bool:
        """Does anybody wait for somebody?  Who was busy C{last} is only remembered."""
        return any(key.startswith("busy ") for key in self._service.data)

    def _wait_for(self, extension: str, wanted: str) -> Confirm:
        """Wait until both are free."""
        with self._service.data.change() as rows:
            rows[f"busy {extension}"] = {"wanted": wanted, "until": self._time() + 60 * self._table.minutes}
        self._service.listen("call_changed")
        self._service.after(BREATH_SECONDS, self._look)  # it may be free already
        return Confirm(f"Calling back when {wanted} is free")

    def _forget(self, key: str) -> bool:
        """Wait no more; was there anything?"""
        with self._service.data.change() as rows:
            known = rows.pop(key, None) is not None
        self._service.listen("call_changed", self._waits())
        return known

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """A call is over: perhaps both of a pair are free."""
        if not state.parties:
            self._service.after(BREATH_SECONDS, self._look)

    def _look(self) -> None:
        """Ring every pair of which both are free."""
        for key, row in self._service.data.items():
            kind, _, extension = key.partition(" ")
            if kind != "busy":
                continue
            if row["until"] < self._time():
                self._forget(key)
            elif not any(map(self._is_busy, (extension, row["wanted"]))):
                self._forget(key)
                self._ringing |= {extension, row["wanted"]}
                self._service.after(0, self._ring, extension, row["wanted"])

    def _is_busy(self, extension: str) -> bool:
        """Is an extension in a call, or about to be?"""
        return extension in self._ringing or bool(self._service.calls(extension))

    async def _ring(self, extension: str, wanted: str) -> None:
        """Ring who has waited, then the other; who is busy again is waited for again."""
        try:
            outcome = await self._service.originate(
                extension, wanted, shown=f"{wanted} is free", ring_seconds=self._table.ring_seconds
            )
        finally:
            self._ringing -= {extension, wanted}
        by = None if outcome is None or outcome.kind != "busy" else outcome.by
        if by is not None and by.name == wanted:
            self._wait_for(extension, wanted)

    # ---- waking up ------------------------------------------------------

    def _set_clock(self, extension: str, hour: int, minute: int) -> Confirm:
        """Wake somebody at the next such time."""
        now = self._options.now()
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        at += timedelta(days=at <= now)
        self._sleep_until(extension, at.timestamp(), self._table.wake_up_again)
        return Confirm(f"Wake-up at {hour:02}:{minute:02}")

    def _sleep_until(self, extension: str, at: float, again: int) -> None:
        """Set a clock that survives a restart."""
        with self._service.data.change() as rows:
            rows[f"wake {extension}"] = {"at": at, "again": again}
        self._service.after(max(0.0, at - self._time()), self._wake, extension, at)

    async def _wake(self, extension: str, at: float) -> None:
        """Ring, unless the clock has been set to another time; whom it does not wake is rung again."""
        row = self._service.data.get(f"wake {extension}")
        if row is None or row["at"] != at:
            return
        self._forget(f"wake {extension}")
        if not self._service.is_extension(extension):
            return
        outcome = await self._service.originate(
            extension, AWAKE, shown="Wake up", ring_seconds=self._table.ring_seconds
        )
        if outcome is not None and row["again"]:
            self._sleep_until(extension, self._time() + AGAIN_SECONDS, row["again"] - 1)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Wait | None:
        """Whom we have woken hears silence."""
        woken = attempt.user == AWAKE and attempt.leg is not None and attempt.leg.answered
        return Wait(AWAKE, AWAKE_SECONDS, text="Good morning") if woken else None

    # ---- codes ----------------------------------------------------------

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Confirm | Refuse:
        """Wait, wake up, or let it be."""
        own = attempt.caller.name
        if name == "call_back":
            wanted = self._service.data.get(f"last {own}")
            return self._wait_for(own, wanted) if wanted else Refuse(404, "Nobody was busy")
        if name == "wake_up":
            found = _CLOCK.fullmatch(argument)
            if found is None:
                return Refuse(484, "Dial four digits, 0730 say")
            return self._set_clock(own, int(found[1]), int(found[2]))
        known = self._forget(f"busy {own}" if name == "call_back_off" else f"wake {own}")
        return Confirm("Given up" if known else "Nothing to give up")
