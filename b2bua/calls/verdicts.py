"""
What a feature may answer when it is asked: values that the core carries out.

A verdict never holds SIP text beyond a target's URI and a status code.  A
target is written as a person would dial it (C{102}, C{+4930123456}) or as a SIP
URI.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

if TYPE_CHECKING:
    from b2bua.legs.party import Party
    from b2bua.legs.words import Fields


TARGET_MAX = 1024
"""Characters of a target."""
MEMBERS_MAX = 64
"""Targets of one L{Dial}."""
SECONDS_MAX = 24 * 3600.0
"""No ringing, no waiting and no delay is longer."""


def is_line(text: object) -> bool:
    """Is it text that fits in a header field as it is?"""
    return isinstance(text, str) and len(text) <= TARGET_MAX and (text.isprintable() or not text)


def is_target(text: object) -> bool:
    """Can it be dialled?"""
    return is_line(text) and bool(text)


def is_seconds(value: object) -> bool:
    """Is it a time that one can wait, if only for nothing?"""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isfinite(value) and 0 <= value <= SECONDS_MAX


def is_time(value: object) -> bool:
    """Is it a time in which something can happen?"""
    return is_seconds(value) and bool(value)


def is_code(value: object, least: int, most: int) -> bool:
    """Is it a status of that kind?"""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


class Diverted(Enum):
    """
    Why a call was sent on (RFC 5806 section 4, RFC 7044 section 5.1 by RFC 7544 section 6).

    The value is the C{reason} parameter of a Diversion header field.
    """

    ALWAYS = "unconditional"
    BUSY = "user-busy"
    NO_ANSWER = "no-answer"
    UNREACHABLE = "unavailable"
    DEFLECTED = "deflection"
    DO_NOT_DISTURB = "do-not-disturb"
    FOLLOW_ME = "follow-me"
    TIME_OF_DAY = "time-of-day"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Member:
    """One of several targets: when it starts to ring and for how long."""

    target: str
    after: float = 0.0
    """Seconds from the start of the group, or for a sequence, from the failure of the one before."""
    ring_seconds: float | None = None
    confirm: tuple[str, ...] = ()
    """WAV files that whoever answers hears, and is to press 1 for the call; without them nobody is."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not isinstance(self.confirm, tuple) or not all(map(is_target, self.confirm)):
            raise TypeError("Member: a confirmation that is no tuple of paths")
        if not is_target(self.target) or not is_seconds(self.after):
            raise TypeError(f"Member: {self.target!r:.60} after {self.after!r} s cannot be dialled")
        if self.ring_seconds is not None and not is_time(self.ring_seconds):
            raise TypeError(f"Member: {self.ring_seconds!r} is no time to ring")


@dataclass(frozen=True, slots=True)
class Dial:
    """
    Reach these targets, each of which is asked about again (its own forwards, say).

    The first that answers wins; in a sequence the next one starts when the one
    before has failed.
    """

    members: tuple[Member, ...]
    mode: Literal["parallel", "sequential"] = "parallel"
    forwards: bool = True
    """Are the members' own diversions honoured?"""
    why: Diverted | None = None
    """Set when the target sends the call on to them: its diversion is recorded, its permission counts."""
    granted: bool = False
    """May they be dialled whoever calls, since the configuration names them?"""
    trunks: tuple[str, ...] = ()
    """By which trunks a number goes out, in place of its route's: in this order, full or not, up or not."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not isinstance(self.trunks, tuple) or not all(map(is_target, self.trunks)):
            raise TypeError("Dial: trunks that are no tuple of names")
        if self.mode not in ("parallel", "sequential"):
            raise TypeError(f"Dial: the mode {self.mode!r}")
        if not isinstance(self.members, tuple) or len(self.members) > MEMBERS_MAX:
            raise TypeError(f"Dial: members that are no tuple of at most {MEMBERS_MAX}")
        if not all(isinstance(member, Member) for member in self.members):
            raise TypeError("Dial: members that are no Member")


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the call on to another target, and remember by whom and why."""

    to: str
    why: Diverted = Diverted.ALWAYS
    alert_info: str = ""
    granted: bool = False
    """May it be dialled whoever calls, since the configuration names it?"""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not is_target(self.to) or not is_line(self.alert_info):
            raise TypeError(f"Forward: {self.to!r:.60} cannot be dialled")


@dataclass(frozen=True, slots=True)
class Redirect:
    """Tell the caller to try elsewhere (302)."""

    targets: tuple[str, ...]
    """Contacts, best first; those that are feature codes are left out."""
    code: int = 302

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not is_code(self.code, 300, 399):
            raise TypeError(f"Redirect: the status {self.code!r}")
        if not isinstance(self.targets, tuple) or not self.targets or not all(map(is_target, self.targets)):
            raise TypeError("Redirect: to nowhere")


@dataclass(frozen=True, slots=True)
class Refuse:
    """Turn the request away with a status of 400 to 699."""

    code: int
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not is_code(self.code, 400, 699):
            raise TypeError(f"Refuse: the status {self.code!r}")
        if not is_line(self.reason):
            raise TypeError("Refuse: a reason that is not one line of text")


@dataclass(frozen=True, slots=True)
class Confirm:
    """Answer a feature code: the phone shows C{text}, then we hang up."""

    text: str

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not is_line(self.text):
            raise TypeError("Confirm: a text that is not one line")


@dataclass(frozen=True, slots=True)
class Wait:
    """
    Answer, and keep the party waiting until somebody takes it: parked, say, or in a queue.

    Its media goes nowhere, and its requests are answered.  L{PickUp} and the
    operations of L{b2bua.calls} take it; it may hang up at any time.
    """

    at: str = ""
    """Where it waits, an orbit or a queue: under this name it is looked up."""
    seconds: float | None = None
    """How long at the most; None waits until somebody comes."""
    otherwise: str = ""
    """What is dialled for it when that time is over; with nothing, or nobody there, it is hung up."""
    text: str = ""
    """What its display shows meanwhile."""
    script: Callable[..., Coroutine[Any, Any, None]] | None = None
    """What it hears meanwhile, as in L{Talk}; its end is the end of the waiting."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if self.script is not None and not callable(self.script):
            raise TypeError("Wait: a script that is no coroutine function")
        if not all(map(is_line, (self.at, self.otherwise, self.text))):
            raise TypeError("Wait: a text that is not one line")
        if self.seconds is not None and not is_time(self.seconds):
            raise TypeError(f"Wait: {self.seconds!r} is no time to wait")


@dataclass(frozen=True, slots=True)
class Waits:
    """Why a party waits; features are asked what it hears meanwhile."""

    why: Literal["hold", "waiting", "transfer"]
    """The other party holds it; it is parked or in a queue; a transfer, or the like, seeks one for it."""
    by: Party | None = None
    """Who holds it, or who has sent it to wait."""
    at: str = ""
    """The orbit or the queue, under its name."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a caller is told before it is refused, or when a feature code is confirmed."""

    files: tuple[str, ...]
    """The paths of WAV files, which are played one after the other."""
    answer: bool = False
    """Is a call that is refused answered for it?  By a few trunks nobody hears what comes before."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not isinstance(self.files, tuple) or not self.files or not all(map(is_target, self.files)):
            raise TypeError("Announcement: files that are no tuple of paths")


@dataclass(frozen=True, slots=True)
class PickUp:
    """
    Take a party of another call: who waits there, or the caller whose call rings.

    What rings is cancelled, C{Call completed elsewhere}.  With nobody to take
    there the target fails with 404.
    """

    call: str
    """The call, by its C{id}."""
    leg: str = ""
    """The leg that waits, or that rings, by its C{id}; empty takes whoever there is."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not is_target(self.call) or not is_line(self.leg):
            raise TypeError(f"PickUp: {self.call!r:.60} is no call")


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    Carry out a REFER ourselves.

    With a Replaces in the Refer-To the legs left over are joined; without, the
    target is dialled with the transferor's permission.
    """

    progress: bool = True
    """Tell the transferor of ringing, or of the start and the end only?"""
    at_once: bool = False
    """Tell it of success before the target has answered?  It has left then, for whatever comes."""
    accepted: Literal[200, 202] = 202
    """The answer to the REFER (RFC 7647 section 5 wants 200; the guide draws 202)."""
    ring_seconds: float | None = None
    recall: bool = True
    """Ring the transferor again when the target fails and nobody else is left?"""
    recall_seconds: float = 30.0
    otherwise: str = ""
    """Where the survivor goes when the recall fails as well; empty hangs up."""

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if self.accepted not in (200, 202):
            raise TypeError(f"Transfer: the status {self.accepted!r}")
        times = (self.ring_seconds, self.recall_seconds)
        if not is_line(self.otherwise) or not all(one is None or is_time(one) for one in times):
            raise TypeError("Transfer: a target or a time that cannot be")


@dataclass(frozen=True, slots=True)
class Relay:
    """Hand the request to the other side of the call, dialog identifiers translated."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Let an INVITE with Replaces take the place of the leg it names (RFC 3891)."""


@dataclass(frozen=True, slots=True)
class Talk:
    """
    Answer, and talk to the party: play, listen to keys, record.

    C{script} is a coroutine function, which gets the L{Conversation}; when it is
    done the call ends.  Without an engine for voices the caller hears 480.
    """

    script: Callable[..., Coroutine[Any, Any, None]]
    room: str = ""
    """Parties of one room can hear each other, once they have entered it: C{talk.enter()}."""
    focus: Callable[..., Refuse | Coroutine[Any, Any, Outcome | None]] | None = None
    """
    Makes us the focus of a conference whose URI has C{room} as its user (RFC 4579).

    The party is told so in each Contact, and what it asks for by REFER is put
    to this function, with the L{Conversation} and the L{Referral}: it refuses,
    or gives a coroutine that does it, whose result is None or how that failed.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out, where it is written."""
        if not callable(self.script):
            raise TypeError(f"Talk: {self.script!r:.60} is no coroutine function")
        if self.focus is not None and not (callable(self.focus) and self.room):
            raise TypeError("Talk: a focus is a function, and needs a room")


Answer: TypeAlias = Confirm | Wait | PickUp | Talk
"""What a feature does with a caller instead of ringing somebody."""
RouteVerdict: TypeAlias = Dial | Forward | Redirect | Refuse | Answer
CodeVerdict: TypeAlias = Answer | Refuse | Dial
FailureVerdict: TypeAlias = Dial | Forward | Redirect | Refuse
TransferVerdict: TypeAlias = Transfer | Relay | Refuse
ReplaceVerdict: TypeAlias = Replace | Refuse


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt to reach a target failed."""

    kind: Literal["busy", "refused", "no_answer", "unreachable", "moved", "not_found", "loop", "forbidden"]
    code: int
    reason: str = ""
    targets: tuple[str, ...] = ()
    """Where a redirecting target points to, best first."""
    rang: bool = False
    """Did it ring before?"""
    local: bool = False
    """Did we find it out ourselves, without a response of the target?"""
    by: Party | None = None
    """Whose response it was."""
    fields: Fields = ()
    """What a redirecting target says besides, such as Diversion."""
