"""
The words in which legs talk to a call.

A leg turns what its peer sends into a word; the call hands the word to another
leg, which turns it into a message of its own dialog, or a feature decides.  So
above this line there is no SIP text.  All words are values; a C{session} is an
SDP body as received, or None where there is none; C{fields} are the header
fields that the policy of the leg lets pass (see C{docs/what-passes.md}).

One exchange is open at a time between two legs: L{Offered} or L{Changed} opens
it, L{Answered} or L{Refused} closes it, and L{Confirmed} brings the answer when
the offer was in L{Answered} (RFC 3264, RFC 3261 section 13.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from b2bua.wire.dialog_ids import Replaces
    from b2bua.wire.message import Request
    from b2bua.wire.names import NameAddr

Fields: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """The peer invites: the first INVITE of an incoming leg."""

    session: bytes | None = None
    fields: Fields = ()
    max_forwards: int = 70
    max_breadth: int = 60
    """How many INVITEs may come of it at a time (RFC 5393 section 5.3.3)."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """The other side is alerting (180); C{session} is its early answer, if any."""

    session: bytes | None = None
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Something else goes on before the answer: 181, 182, 183 or 199."""

    code: int = 183
    reason: str = ""
    session: bytes | None = None
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """An L{Offered} or L{Changed} was accepted (2xx)."""

    session: bytes | None = None
    fields: Fields = ()
    early: bool = False
    """Is it the answer to an UPDATE that was sent before the INVITE had its own (RFC 3311)?"""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The ACK came; C{session} is the answer when the 2xx brought the offer."""

    session: bytes | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """
    The peer wants to change the session (re-INVITE or UPDATE).

    C{session} is its offer.  None asks the other side for one (a re-INVITE
    without SDP) unless C{identity_only}: then nothing but C{fields}, such as a
    connected identity, is new.
    """

    session: bytes | None = None
    fields: Fields = ()
    identity_only: bool = False


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """
    The peer has given up its L{Changed} (CANCEL), or we have in its stead.

    It is answered already; the other side still closes the exchange with
    L{Answered}, which may have crossed this word, or L{Refused}.
    """


@dataclass(frozen=True, slots=True)
class Requested:
    """
    A request within the dialog that is not about the session: INFO, MESSAGE, NOTIFY...

    The leg waits for a L{Replied} with the same C{token} (of its own making).
    """

    method: str
    token: int
    fields: Fields = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Replied:
    """The answer to a L{Requested}."""

    token: int
    code: int
    reason: str = ""
    fields: Fields = ()
    body: bytes = b""


class Referral(Protocol):
    """A REFER that waits for a decision, and the subscription that tells how the transfer goes."""

    request: Request
    refer_to: NameAddr
    method: str
    """INVITE; or BYE: whom it names shall leave the conference (RFC 4579 section 5.11)."""
    replaces: Replaces | None
    """Whose dialog is to be taken over (RFC 3891); None for a blind transfer."""
    referred_by: NameAddr | None
    max_forwards: int
    """How many hops may follow (RFC 3261 section 20.22)."""
    wants_notify: bool
    """False if the sender asks for no subscription (RFC 4488 section 4)."""

    @property
    def ended(self) -> bool:
        """Is nothing more to be told?"""

    def passed_on(self, transferor: Any) -> Fields:
        """
        Give what the INVITE that follows says of the transfer.

        @param transferor: the leg that the REFER came from.
        """

    def accept(self, code: int = 202, subscribe: bool = True) -> None:
        """
        Agree to it.

        @param subscribe: False ends the subscription with its first NOTIFY.
        """

    def refuse(self, code: int, reason: str = "") -> None:
        """Turn it down."""

    def notify(self, code: int, reason: str = "") -> None:
        """Tell how it goes: a progress, or with C{code} of 200 and more the end."""

    def relay(self, other: Any, refer_to: str) -> None:
        """
        Send the REFER to the peer of another leg, and what comes of it back.

        @param other: that leg.
        @param refer_to: the Refer-To as its peer may see it.
        """


@dataclass(frozen=True, slots=True)
class Referred:
    """
    The peer asks for a transfer: a REFER in the dialog (RFC 3515).

    Whoever decides answers through C{referral}.
    """

    request: Request
    referral: Referral


@dataclass(frozen=True, slots=True)
class Moved:
    """The peer redirects (3xx) to C{targets}, name-addrs as text, best first."""

    code: int
    targets: tuple[str, ...]
    reason: str = ""
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An L{Offered} or L{Changed} was refused (4xx to 6xx), by the peer or for want of it."""

    code: int
    reason: str = ""
    fields: Fields = ()
    local: bool = False
    """True when no response came: a timeout (408) or a transport error (503)."""
    early: bool = False
    """As for L{Answered}."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """
    The leg is over: BYE, CANCEL, or the loss of the peer.

    It is the last word of a leg that was not refused, and comes exactly once.
    """

    why: str = "bye"
    """bye, cancel, timeout, lost, replaced or error."""
    fields: Fields = ()


class LegEnd(Enum):
    """Why a leg is over; L{HungUp.why} is one of the first six values."""

    BYE = "bye"
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    """Nobody answers any more."""
    LOST = "lost"
    """The network says that nobody is there."""
    REPLACED = "replaced"
    """Another leg has taken its place."""
    ERROR = "error"
    """What it said cannot be carried on with, or a bug of ours."""
    REFUSED = "refused"
    """It was never answered, but refused (4xx to 6xx)."""
    REDIRECTED = "redirected"
    """It was never answered, but sent elsewhere (3xx)."""


LEG_ENDS = {end.value: end for end in LegEnd}
"""Each by its word."""

# Words that mostly are the same in each call.
RINGING = Ringing()
CONFIRMED = Confirmed()
HANGS_UP = {why: HungUp(why) for why in LEG_ENDS}
"""L{HungUp} for a reason of which there is no more to say, by its word."""


Word: TypeAlias = (
    Offered
    | Ringing
    | Progress
    | Answered
    | Confirmed
    | Changed
    | Withdrawn
    | Requested
    | Replied
    | Referred
    | Moved
    | Refused
    | HungUp
)
