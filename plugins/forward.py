"""
Call forwarding: always, when busy, when nobody answers, when not reachable.

RFC 5359 sections 2.7 to 2.9, and the Yealink guide's flows 8 to 10 with the
server deciding.  Each extension has its own table::

    [extensions.102.forward]
    always = "103"                    # a number as one dials it, or a SIP URI
    busy = "103"
    busy_external = "+4930123456"     # callers from outside go elsewhere
    no_answer = "100"
    no_answer_after = 20              # seconds
    unreachable = "+491701234567"     # no phone is registered, or none can be reached
    alert_info = "<http://pbx/forwarded>;info=alert-external"

Every target can be given for internal and external callers apart, with
C{_internal} and C{_external} after the key.  Users change theirs with feature
codes; C{*72103} forwards all calls to 103, C{*73} ends it.  A forwarded call
is dialled with the permission of the extension that forwards.

What the phones' answers mean is a matter of their make: a Yealink can refuse
with 480 or 603 what another one calls busy.  Hence::

    [forward]
    busy_statuses = [486, 600]        # add 480 (do not disturb) or 603 (declined)
    no_answer_after = 20              # for those who do not say
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from b2bua import Changeable, Elsewhere, Options, Seconds, Table, hookimpl
from b2bua.calls import Confirm, Diverted, Forward, Lamp, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Outcome, Party

Status = Annotated[int, Field(ge=400, le=699)]


class Rules(Table):
    """C{[forward]}: what holds for everybody."""

    busy_statuses: tuple[Status, ...] = Field((486, 600), description="which answers of a phone mean busy")
    no_answer_after: Seconds = Field(20.0, description="seconds after which nobody has answered")


class Forwards(Table):
    """C{[extensions.NUMBER.forward]}: where calls to one extension go on."""

    always: Changeable[Elsewhere] = ""
    always_internal: Changeable[Elsewhere] = ""
    always_external: Changeable[Elsewhere] = ""
    busy: Changeable[Elsewhere] = ""
    busy_internal: Changeable[Elsewhere] = ""
    busy_external: Changeable[Elsewhere] = ""
    no_answer: Changeable[Elsewhere] = ""
    no_answer_internal: Changeable[Elsewhere] = ""
    no_answer_external: Changeable[Elsewhere] = ""
    no_answer_after: Changeable[Seconds | None] = None
    unreachable: Changeable[Elsewhere] = ""
    unreachable_internal: Changeable[Elsewhere] = ""
    unreachable_external: Changeable[Elsewhere] = ""
    alert_info: str = ""

    @cached_property
    def targets(self) -> dict[tuple[str, bool], str]:
        """
        Where calls go on, by the kind of forward, and whether an extension calls: mostly nowhere.

        What is said for the caller's side counts before what is said for all.
        """
        sides = ((kind, internal) for kind in WHY for internal in (True, False))
        return {
            (kind, internal): target
            for kind, internal in sides
            if (
                target := getattr(self, f"{kind}_{'internal' if internal else 'external'}")
                or getattr(self, kind)
            )
        }


WHY = {
    "always": Diverted.ALWAYS,
    "busy": Diverted.BUSY,
    "no_answer": Diverted.NO_ANSWER,
    "unreachable": Diverted.UNREACHABLE,
}
SPOKEN = {
    "always": "Forward all calls",
    "busy": "Forward when busy",
    "no_answer": "Forward when no answer",
    "unreachable": "Forward when unreachable",
}
CODES = {
    "forward_always_on": "*72",
    "forward_always_off": "*73",
    "forward_busy_on": "*90",
    "forward_busy_off": "*91",
    "forward_no_answer_on": "*92",
    "forward_no_answer_off": "*93",
    "forward_unreachable_on": "*94",
    "forward_unreachable_off": "*95",
}


class CallForward:
    """Sends calls on, as each extension wants it."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"forward": Rules, "extensions.*.forward": Forwards}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Two codes for each kind of forward."""
        return CODES

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Who forwards all calls is not looked for elsewhere."""
        return ("find_me", "ring_group")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the rules; what users want is asked for when it is needed."""
        self._options = options
        self._rules = options.of(Rules)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Forward | None:
        """Section 2.7: forward unconditionally."""
        return self._forward(attempt, "always")

    @hookimpl
    def ring_seconds(self, attempt: Attempt) -> float | None:
        """Section 2.9: ring no longer than until it goes on elsewhere."""
        name = attempt.extension
        if name is None or not attempt.forwards:
            return None
        own = self._options.of(Forwards, name)
        if not own.targets or ("no_answer", attempt.internal) not in own.targets:
            return None
        return own.no_answer_after or self._rules.no_answer_after

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Forward | None:
        """Sections 2.8 and 2.9: forward on busy, on no answer, or when there is nobody to ring."""
        kind = self._meaning(outcome)
        return self._forward(attempt, kind) if kind else None

    def _meaning(self, outcome: Outcome) -> str:
        """Which forward a failure calls for; empty for none."""
        if outcome.local:
            return outcome.kind if outcome.kind in WHY else ""
        if outcome.code in self._rules.busy_statuses:
            return "busy"
        if outcome.code == 480 and outcome.rang:
            return "no_answer"  # the phone has a time of its own for ringing
        return outcome.kind if outcome.kind in ("no_answer", "unreachable") else ""

    def _forward(self, attempt: Attempt, kind: str) -> Forward | None:
        """Where the extension wants such calls to go."""
        name = attempt.extension
        if name is None or not attempt.forwards:
            return None
        own = self._options.of(Forwards, name)
        if not own.targets:
            return None
        target = own.targets.get((kind, attempt.internal))
        if not target or (attempt.internal and target == attempt.caller.name):
            return None  # whom calls are forwarded to may still call: a secretary her boss
        return Forward(target, WHY[kind], own.alert_info)

    @hookimpl
    def code_shown(self, name: str, argument: str, watcher: Party) -> Lamp:
        """A key that sets a forward is lit while there is one, to that number if it names one."""
        kind, _, switch = name.removeprefix("forward_").rpartition("_")
        target = getattr(self._options.of(Forwards, watcher.name), kind)
        on = bool(target) and argument in ("", target)
        return Lamp("busy" if on == (switch == "on") else "idle", target)

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Confirm | Refuse:
        """Set or end a forward of whoever dials."""
        kind, _, switch = name.removeprefix("forward_").rpartition("_")
        owner = attempt.caller.name
        if switch == "off":
            # Targets that are told apart by caller end as well, since nobody hears of them here.
            off = dict.fromkeys((kind, f"{kind}_internal", f"{kind}_external"), "")
            self._options.change(Forwards, owner, **off)
            return Confirm(f"{SPOKEN[kind]}: off")
        if not argument:
            return Refuse(484, "Dial the number to forward to as well")
        if argument == owner:
            return Refuse(603, "Cannot forward to yourself")
        try:
            self._options.change(Forwards, owner, **{kind: argument})
        except ValueError:
            return Refuse(484, "Not a number")
        return Confirm(f"{SPOKEN[kind]} to {argument}")
