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
those of calls by trunks, from the answer to the end, and calls at once add up; what
is used up is kept over restarts, and with the last minute the call ends, whoever
has it by then.  The day is the server's.  Five wrong PINs, and the extension's PIN is of no use for
ten minutes.  Records of calls show what was dialled, PINs included: keep them safe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, StringConstraints

from b2bua import NotConfigured, Options, Service, Table, Timer, hookimpl
from b2bua.calls import Dial, Member, Refuse
from b2bua_plugins._minutes import Going, MinuteBook
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
        self._guesses.start(service)
        self._payers = service.lasting.setdefault("payers", self._payers)
        self._book = MinuteBook(service, self._options.now)
        self._timer: Timer | None = None
        service.after(0, self._go_on)

    def _go_on(self) -> None:
        """What went on is there again by now, and ends in time."""
        self._book.keep_only({party.leg for call in self._service.calls() for party in call.parties})
        self._look()

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

    def _left(self, payer: str, trunk: str = "") -> float:
        """Seconds until the budget of a day is used up, as many calls as take of it now."""
        own = self._options.of(OfExtension, payer)
        day = self._all.minutes_a_day if own.minutes_a_day is None else own.minutes_a_day
        of_trunk = self._options.of(OfTrunk, trunk).minutes_a_day if trunk else 0
        left = float("inf")
        for minutes, who in ((day, f"extension {payer}"), (of_trunk, f"trunk {trunk}")):
            if minutes:
                used, calls = self._book.used(who)
                left = min(left, (60.0 * minutes - used) / max(1, calls))
        return left

    def _left_of(self, going: Going) -> float:
        """Seconds that a call may go on."""
        own = self._options.of(OfExtension, going.payer)
        most = self._all.minutes_max if own.minutes_max is None else own.minutes_max
        of_call = 60.0 * most - self._book.elapsed(going) if most else float("inf")
        return min(of_call, self._left(going.payer, going.trunk))

    def _look(self) -> None:
        """End calls whose minutes are used up, and look again when the next ones are."""
        if self._timer is not None:
            self._timer.stop()
        left = {leg: self._left_of(going) for leg, going in self._book.going().items()}
        over = {leg for leg, seconds in left.items() if seconds <= 0}
        for state in self._service.calls() if over else ():
            if any(party.leg in over for party in state.parties):
                self._service.hang_up(state.id)
        following = min((seconds for seconds in left.values() if seconds > 0), default=float("inf"))
        if following != float("inf"):
            self._timer = self._service.after(following, self._look)

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """A call by a trunk has been answered: from now on it costs something."""
        payer = self._payers.get(state.id)
        for party in state.parties if payer is not None else ():
            outgoing = party.kind == "trunk" and not party.incoming
            if payer and outgoing and party.talks_to and not self._book.knows(party.leg):
                self._book.begins(party.leg, payer, party.name)
                self._look()

    @hookimpl
    def leg_ended(self, leg: Leg) -> None:
        """Write down what a call has cost; others may have more time now."""
        if self._book.ends(leg.id):
            self._look()

    @hookimpl
    def call_ended(self, call: Call) -> None:
        """Forget who has dialled in it."""
        self._payers.pop(call.id, None)
        self._unlocked.pop(call.id, None)
