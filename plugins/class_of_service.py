r"""
Class of service: which numbers an extension may dial, for how long, and how many minutes a day.

    [class_of_service]
    classes = ["local", "mobile"]        # of every extension that has no list of its own
    minutes_max = 120                    # of one call, which is ended then; 0 is no limit
    minutes_a_day = 0

    [class_of_service.numbers]           # regular expressions, of numbers as they are dialled
    premium = '0?0900\d+'
    mobile = '01[567]\d+'
    local = '[2-9]\d{5,7}'
    international = '(00|\+)\d+'         # the first one that matches says the class

    [extensions.102.class_of_service]
    classes = ["local"]
    minutes_a_day = 60
    pin = "4711"                         # *474711*0900123456 dials whatever class it is

    [trunks.carrier.class_of_service]
    minutes_a_day = 600                  # of all calls by this trunk

It is the class of whoever pays that counts: who dials, forwards or transfers.
C{may_dial} counts besides, and a number of no class is left to it.  Minutes are
those of calls by trunks, from the answer to the end; what is used up is kept over
restarts, and with the last minute the call ends, whoever has it by then.  The
day is the server's.  Five wrong PINs, and the extension's PIN is of no use for
ten minutes.  Records of calls show what was dialled, PINs included: keep them safe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from b2bua import NotConfigured, Options, Service, Table, hookimpl
from b2bua.calls import Dial, Member, Refuse
from b2bua_plugins._pins import PIN, Guesses

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Call, CallState, Leg

DENIED = Refuse(403, "Not in your class of service")
SPENT = Refuse(403, "No minutes left today")


def expression(text: str) -> str:
    """Check a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


Minutes = Annotated[int, Field(ge=0, le=1440)]


class Classes(Table):
    """C{[class_of_service]}: what the classes are, and what holds for all extensions."""

    numbers: Annotated[Mapping[str, Annotated[str, AfterValidator(expression)]], Field(max_length=100)] = (
        Field(default_factory=dict)
    )
    classes: tuple[str, ...] = ()
    minutes_max: Minutes = 0
    minutes_a_day: Minutes = 0


class OfExtension(Table):
    """C{[extensions.NUMBER.class_of_service]}: what an extension may dial."""

    classes: tuple[str, ...] | None = None
    minutes_max: Minutes | None = None
    minutes_a_day: Minutes | None = None
    pin: Annotated[str, StringConstraints(pattern=PIN)] = Field(default="", repr=False)


class OfTrunk(Table):
    """C{[trunks.NAME.class_of_service]}: how much goes by a trunk."""

    minutes_a_day: Minutes = 0


class ClassOfService:
    """Says who may dial what, and for how long."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {
            "class_of_service": Classes,
            "extensions.*.class_of_service": OfExtension,
            "trunks.*.class_of_service": OfTrunk,
        }

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """The PIN, and the number after it."""
        return {"dial_with_pin": "*47"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the classes; those that are named have to be there."""
        if not options.names(Classes):
            raise NotConfigured("no [class_of_service] table")
        self._options = options
        self._all = options.of(Classes)
        self._numbers = {name: re.compile(text) for name, text in self._all.numbers.items()}
        named = [("class_of_service", self._all.classes)]
        named += [
            (f"extensions.{name}.class_of_service", options.of(OfExtension, name).classes or ())
            for [name] in options.names(OfExtension)
        ]
        for table, classes in named:
            for one in classes:
                if one not in self._numbers:
                    raise ValueError(
                        f"[{table}] classes: there is no class {one} in [class_of_service.numbers]"
                    )
        self._unlocked: dict[str, str] = {}
        """The number that a PIN has opened, by call."""
        self._payers: dict[str, str] = {}
        """Who has dialled last in a call."""
        self._guesses = Guesses(options.now)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """After a reload, or a restart, calls may cost something already."""
        self._service = service
        service.after(0, self._go_on)

    def _go_on(self) -> None:
        """What went on is there again by now, and ends in time; what has ended meanwhile costs nothing."""
        going = {party.leg for call in self._service.calls() for party in call.parties}
        for key, row in self._service.data.items():
            if key.startswith("leg "):
                if key.removeprefix("leg ") in going:
                    self._limit(key.removeprefix("leg "), row)
                else:
                    with self._service.data.change() as rows:
                        del rows[key]

    # ---- who may dial what ----------------------------------------------

    @hookimpl
    def route_call(self, attempt: Attempt) -> Refuse | None:
        """Refuse what whoever pays may not dial."""
        payer = attempt.behalf
        if not payer.internal or attempt.extension is not None:
            return None
        found = next((name for name, one in self._numbers.items() if one.fullmatch(attempt.user)), None)
        if found is not None and self._unlocked.get(attempt.call.id) not in (attempt.user, attempt.target):
            own = self._options.of(OfExtension, payer.name).classes
            if found not in (self._all.classes if own is None else own):
                return DENIED
        self._payers[attempt.call.id] = payer.name
        return SPENT if self._left(payer.name) <= 0 else None

    @hookimpl
    def code_dialled(self, attempt: Attempt, argument: str) -> Dial | Refuse:
        """Dial a number of any class, with the PIN before it."""
        own = attempt.caller.name
        pin, _, number = argument.partition("*")
        if not self._guesses.opens(pin, self._options.of(OfExtension, own).pin, own):
            return Refuse(403, "Wrong PIN")
        if not number:
            return Refuse(484, "Dial the number after the PIN and a star")
        self._unlocked[attempt.call.id] = number
        return Dial((Member(number),))

    # ---- minutes --------------------------------------------------------

    def _used(self, who: str) -> float:
        """Seconds that are used up today."""
        row = self._service.data.get(who, {})
        return float(row["seconds"]) if row.get("day") == self._today() else 0.0

    def _today(self) -> str:
        """The date."""
        return self._options.now().date().isoformat()

    def _left(self, payer: str, trunk: str = "") -> float:
        """Seconds that may be talked now, by one call."""
        own = self._options.of(OfExtension, payer)
        day = self._all.minutes_a_day if own.minutes_a_day is None else own.minutes_a_day
        most = self._all.minutes_max if own.minutes_max is None else own.minutes_max
        of_trunk = self._options.of(OfTrunk, trunk).minutes_a_day if trunk else 0
        limits = [60.0 * most] if most else []
        limits += [60.0 * day - self._used(f"extension {payer}")] if day else []
        limits += [60.0 * of_trunk - self._used(f"trunk {trunk}")] if of_trunk else []
        return min(limits, default=float("inf"))

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """A call by a trunk has been answered: from now on it costs something."""
        for party in state.parties:
            key = f"leg {party.leg}"
            if (
                party.kind == "trunk"
                and not party.incoming
                and party.talks_to
                and key not in self._service.data
            ):
                row = {
                    "payer": self._payers.get(state.id, ""),
                    "trunk": party.name,
                    "since": self._options.now().timestamp(),
                }
                if row["payer"]:
                    with self._service.data.change() as rows:
                        rows[key] = row
                    self._limit(party.leg, row)

    def _limit(self, leg: str, row: Mapping[str, Any]) -> None:
        """End a call when its minutes are used up."""
        left = self._left(row["payer"], row["trunk"])
        if left != float("inf"):
            gone = self._options.now().timestamp() - row["since"]
            self._service.after(max(0.0, left - gone), self._cut, leg)

    def _cut(self, leg: str) -> None:
        """The minutes are over."""
        for state in self._service.calls():
            if any(party.leg == leg for party in state.parties):
                self._service.hang_up(state.id)

    @hookimpl
    def leg_ended(self, leg: Leg) -> None:
        """Write down what a call has cost."""
        row = self._service.data.get(f"leg {leg.id}")
        if row is None:
            return
        spent = self._options.now().timestamp() - row["since"]
        with self._service.data.change() as rows:
            del rows[f"leg {leg.id}"]
            for who in (f"extension {row['payer']}", f"trunk {row['trunk']}"):
                rows[who] = {"day": self._today(), "seconds": self._used(who) + spent}

    @hookimpl
    def call_ended(self, call: Call) -> None:
        """Forget who has dialled in it."""
        self._payers.pop(call.id, None)
        self._unlocked.pop(call.id, None)
