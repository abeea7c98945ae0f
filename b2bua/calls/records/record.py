"""What is left of a call when it is over: its record."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from b2bua.errors import PeerError
from b2bua.legs.state import ANSWERED
from b2bua.once import Remembered
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Identity, Party
    from b2bua.media.ports import Received


@dataclass(slots=True)
class LegRecord:
    """One leg of a call; times are seconds since 1970."""

    id: str
    party: str
    incoming: bool
    started: float
    answered: float | None = None
    ended: float | None = None
    why: str = ""
    """How it ended: C{bye}, C{cancel}, a status, or C{we: ...} when we ended it."""
    call_id: str = ""
    """The Call-ID of its dialog, to find it in a capture."""
    name: str = ""
    """The name of the party that displays show."""
    packets: int | None = None
    """How many packets of media came from its party; None, as what follows, if no relay has counted."""
    lost: int | None = None
    """How many of them did not arrive."""
    jitter: float | None = None
    """Seconds (RFC 3550 section 6.4.1)."""
    mos: float | None = None
    """1 to 5, as the relay estimates how it was heard; None where it does not know."""


@dataclass(slots=True)
class CallRecord:
    """
    The record of one call, written as the call goes on.

    There is exactly one for each call; its C{id} is the call's.  Times are
    seconds since 1970.
    """

    id: str
    caller: str
    dialled: str
    started: float
    answered: float | None = None
    ended: float | None = None
    status: int = 0
    """The final status that the caller heard; 0 while there was none."""
    reason: str = ""
    hung_up_by: str = ""
    """The party that ended the call, or was lost; empty if we did."""
    features: tuple[str, ...] = ()
    """The features that had a say, in the order in which they first did."""
    legs: list[LegRecord] = field(default_factory=list)
    node: str = ""
    """Which of our processes had the call; the store notes it."""
    why: str = ""
    """How a call that was answered ended: a word of L{HungUp.why}, or C{operator}, C{shutdown}, C{crash}."""
    number: str = ""
    """The number that calls, as an extension has it or a trunk tells it."""
    name: str = ""
    """The name that goes with it."""
    answered_by: str = ""
    """The party that answered the caller: of a group, who picked up; empty if a feature did."""

    @property
    def open(self) -> bool:
        """Is the call going on, as far as the record knows?"""
        return self.ended is None

    def cut(self, alive: float) -> None:
        """
        Close the record of a call that a crash cut.

        It ended then, or with what was recorded of it last: the time that the
        service was down is not part of it.

        @param alive: the last time at which the service is known to have run.
        """
        times = [alive, self.started, self.answered]
        for leg in self.legs:
            times += (leg.started, leg.answered, leg.ended)
        now = max(time for time in times if time is not None)
        self.ended = now
        self.status = self.status or 500
        self.reason = self.why = "crash"
        for entry in self.legs:
            if entry.ended is None:
                entry.ended = now
                entry.why = "crash"

    def resume(self, legs: Collection[str], alive: float) -> None:
        """
        The call goes on with these legs after a crash; what else was open has ended with the process.

        @param alive: the last time at which the service is known to have run.
        """
        for entry in self.legs:
            if entry.id in legs:
                entry.ended, entry.why = None, ""
            elif entry.ended is None:
                entry.ended, entry.why = max(alive, entry.started), "crash"

    @classmethod
    def begin(cls, id: str, now: float, caller: Party, dialled: str, identity: Identity) -> CallRecord:
        """The record of a call that starts."""
        record = cls(id, caller.title, dialled, now)
        record.number = caller.name if caller.internal else _numbers[identity.uri]
        record.name = identity.display
        return record

    def leg_began(self, leg: Leg, now: float) -> None:
        """A leg has come into the call; one that is restored is there already."""
        for entry in self.legs:
            if entry.id == leg.id and entry.ended is None:
                return
        party = leg.party
        answered = now if leg.state is ANSWERED else None  # it comes from another call
        self.legs.append(
            LegRecord(leg.id, party.title, leg.incoming, now, answered, None, "", leg.call_id, party.display)
        )

    def leg_ended(self, leg: Leg, now: float, why: str) -> None:
        """A leg has left the call."""
        for entry in self.legs:
            if entry.id == leg.id and entry.ended is None:
                entry.ended = now
                entry.why = why

    def media_came(self, leg: str, came: Received) -> None:
        """A relay has counted what came from the party of a leg."""
        for entry in self.legs:
            if entry.id == leg:
                entry.packets, entry.lost, entry.jitter, entry.mos = came

    def took_call(self, now: float, leg: Leg | None) -> None:
        """The caller was answered by C{leg}, or by ourselves."""
        self.status = 200
        if self.answered is None:
            self.answered = now
            self.answered_by = "" if leg is None else leg.party.title
        for entry in self.legs:
            if entry.answered is None and (entry is self.legs[0] or (leg is not None and entry.id == leg.id)):
                entry.answered = now

    def leg_answered(self, leg: Leg, now: float) -> None:
        """A leg that came in later was answered."""
        for entry in self.legs:
            if entry.id == leg.id and entry.answered is None:
                entry.answered = now

    def refused(self, status: int, reason: str = "") -> None:
        """The caller heard a final status other than 200."""
        self.status = status
        self.reason = reason

    def hung_up(self, party: Party, why: str = "bye") -> None:
        """A party has left; the last one to do so counts, since after a transfer the call goes on."""
        self.hung_up_by = party.title
        self.why = why

    def ended_by_us(self, why: str) -> None:
        """Nobody has hung up: an operator, the end of the service or an error ends the call."""
        self.hung_up_by = ""
        self.why = why

    def close(self, now: float, features: tuple[str, ...]) -> None:
        """The call is over."""
        self.ended = now
        self.features = features

    def concerns(self, party: str) -> bool:
        """Is it a call of an extension, a trunk or a number, whatever part that has in it?"""
        named = (party, *parties_named(party))
        return (
            party in (self.dialled, self.number)
            or self.caller in named
            or any(leg.party in named for leg in self.legs)
        )

    def to_plain(self) -> dict[str, Any]:
        """The record as plain values, for a store or for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> CallRecord:
        """The record that L{to_plain} wrote down."""
        plain = dict(data)
        legs = [LegRecord(**leg) for leg in plain.pop("legs", [])]
        plain["features"] = tuple(plain.get("features", ()))
        return cls(**plain, legs=legs)


def parties_named(name: str) -> tuple[str, str]:
    """How a record writes the extension and the trunk of a name."""
    return (f"extension {name}", f"trunk {name}")


def number_of(uri: str) -> str:
    """The number, or the name, in a URI; what has none is shown whole."""
    try:
        return Uri.parse(uri).user_unescaped or uri
    except PeerError:
        return uri


_numbers = Remembered(number_of)
"""The same of those who call again."""

STATUS_WORDS = {
    300: "sent elsewhere",
    301: "sent elsewhere",
    302: "sent elsewhere",
    305: "sent elsewhere",
    380: "sent elsewhere",
    403: "not allowed",
    404: "no such number",
    408: "no answer",
    410: "no such number",
    413: "refused as too large",
    415: "no common media",
    440: "rings in too many places",
    480: "not reachable",
    482: "goes round in a circle",
    483: "goes round in a circle",
    484: "number incomplete",
    486: "busy",
    488: "no common media",
    500: "failed",
    502: "failed",
    503: "failed",
    504: "failed",
    600: "busy",
    603: "declined",
    604: "no such number",
    606: "no common media",
}
"""What a caller's final status means to people who do not know SIP."""
STATES = tuple(
    dict.fromkeys(
        (
            "ringing",
            "talking",
            "answered",
            "answered by the server",
            "gave up while ringing",
            "gave up",
            *sorted(STATUS_WORDS.values()),
            "refused",
            "ended before an answer",
            "ended by an operator while ringing",
            "ended by a shutdown while ringing",
            "cut by a crash",
        )
    )
)
"""All that L{state} can say; L{b2bua.store.tables.state} finds it in a database."""


def state(record: CallRecord) -> str:
    """
    One phrase for a call.

    The status stands beside it in the record, for those who know what it says.
    """
    if record.ended is None:
        return "ringing" if record.answered is None else "talking"
    if record.why == "crash":
        return "cut by a crash"
    if record.answered is not None:
        return "answered" if record.answered_by else "answered by the server"
    if record.why in ("operator", "shutdown"):
        return f"ended by {'an operator' if record.why == 'operator' else 'a shutdown'} while ringing"
    if record.status == 487:
        return "gave up while ringing" if any(not leg.incoming for leg in record.legs) else "gave up"
    if record.status == 480 and record.reason.lower() == "no answer":
        return "no answer"
    return STATUS_WORDS.get(record.status, "refused" if record.status else "ended before an answer")
