"""
Which header fields pass from one leg to another, and from whom identity is taken.

C{docs/what-passes.md} is this file in prose.  What is not named here or in the
policy of the party stays behind: topology is hidden by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from b2bua.capabilities import BODIES
from b2bua.errors import PeerError
from b2bua.wire.grammar import split_list, without_controls
from b2bua.wire.multipart import session_of as find_session
from b2bua.wire.refusals import check_content
from b2bua.wire.registry import NEVER, canonical
from b2bua.wire.sdp import TYPE as SDP

if TYPE_CHECKING:
    from b2bua.legs.party import Party
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Message, Request


def _names(text: str) -> frozenset[str]:
    """Make a set of words."""
    return frozenset(text.split())


IDENTITY = frozenset({"P-Asserted-Identity", "Remote-Party-ID"})
"""Taken from trusted peers only (RFC 3325 section 5)."""

ALERTING = frozenset({"Alert-Info", "Answer-Mode", "Call-Info", "Priv-Answer-Mode"})
"""
Taken from our own extensions and trusted peers only: they can make a phone
answer by itself, so that a stranger could listen in (RFC 5373 section 7).
"""

INVITE = IDENTITY | _names(
    """
    Accept-Contact Accept-Language Alert-Info Answer-Mode Call-Info Diversion Geolocation Geolocation-Routing
    History-Info In-Reply-To Priority Priv-Answer-Mode Privacy Reason Referred-By Reject-Contact
    Request-Disposition Resource-Priority Subject User-to-User
    """
)
CHANGE = IDENTITY | frozenset({"Call-Info", "Privacy", "Reason", "User-to-User"})
PROVISIONAL = IDENTITY | frozenset(
    {"Alert-Info", "Answer-Mode", "Call-Info", "P-Early-Media", "Privacy", "Reason", "User-to-User"}
)
SUCCESS = IDENTITY | frozenset({"Answer-Mode", "Call-Info", "Privacy", "User-to-User"})
FAILURE = frozenset({"Error-Info", "Geolocation-Error", "Reason", "Retry-After", "User-to-User", "Warning"})
MOVED = FAILURE | frozenset({"Diversion", "History-Info"})
GOODBYE = frozenset({"Reason", "User-to-User"})
REQUEST = _names(
    """
    Content-Disposition Content-Encoding Content-Language Content-Type Date Event Expires Info-Package
    Priority Record Subject Subscription-State
    """
) | {"record"}
REPLY = frozenset(
    {"Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Reason", "Warning"}
)

_FROM_TRUSTED = IDENTITY | ALERTING

DIVERTED = frozenset({"Diversion", "History-Info"})
"""By which way a call came: believed of trusted peers."""

SECRET = frozenset({"Authorization", "Proxy-Authorization"})
"""What no feature sees: by it a password can be guessed."""


def entering(message: Message, names: frozenset[str], party: Party) -> Fields:
    """Pick the fields of a received message that may reach the other side."""
    policy = party.policy
    more = policy.pass_fields
    if not more and names.isdisjoint(message.first):
        return ()
    if not policy.trusted:
        names -= IDENTITY if party.internal else _FROM_TRUSTED
    passed = []
    for item in message.fields:
        name, value = canonical(item[0]), item[1]
        if name in names or (more and name in more and name not in NEVER):
            if names is not REQUEST and _OF_BODY in value.lower() and not (value := _without_cid(value)):
                continue
            passed.append((name, without_controls(value)))
    return tuple(passed)


_OF_BODY = "<cid:"


def _without_cid(value: str) -> str:
    """
    Leave out what names a part of the body (RFC 2392), which stays behind.

    So is a location given by value in Geolocation (RFC 6442 section 4.1), or
    a picture in Call-Info.
    """
    try:
        return ", ".join(one for one in split_list(value) if _OF_BODY not in one.lower())
    except PeerError:
        return ""


_NEEDED = {
    401: "WWW-Authenticate",
    407: "Proxy-Authenticate",
    420: "Unsupported",
    421: "Require",
    422: "Min-SE",
    423: "Min-Expires",
    470: "Permission-Missing",
    494: "Security-Server",
}
"""What a refusal is nothing without."""


def whole(code: int, fields: Fields) -> bool:
    """
    Does a refusal bring what its status speaks of?

    The field of the other side was about its own dialog and hop and stays
    behind; without it the status asks for something that nobody can do.
    """
    needed = _NEEDED.get(code) if code >= 400 else "Contact"
    return needed is None or any(name == needed for name, _ in fields)


class SeenFields(Mapping[str, tuple[str, ...]]):
    """Header fields by their names, whatever their case, each with its values as they were sent."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        """Take the values by the names by which fields are looked up."""
        self._values = values

    def __getitem__(self, name: str) -> tuple[str, ...]:
        """All values of one field."""
        return self._values[canonical(name)]

    def __iter__(self) -> Iterator[str]:
        """The names of those that are there."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many are there."""
        return len(self._values)


NO_FIELDS = SeenFields({})


def seen(message: Message, names: frozenset[str], party: Party) -> SeenFields:
    """
    The fields of a received message that features may look at, by name.

    Identities and diversions are believed of trusted peers only (RFC 3325
    section 5), what alerts of them and of our own extensions.
    """
    if names.isdisjoint(message.first):
        return NO_FIELDS
    if not party.policy.trusted:
        names -= DIVERTED | (IDENTITY if party.internal else _FROM_TRUSTED)
    found = {name: tuple(values) for name in names if (values := message.all(name))}
    return SeenFields(found) if found else NO_FIELDS


def without_appearances(fields: Fields) -> Fields:
    """Leave out which key of a shared line a call is on: that is a matter of the line's own phones."""
    return tuple([item for item in fields if item[0] != "Call-Info" or "appearance-" not in item[1].lower()])


def leaving(fields: Fields, party: Party) -> Fields:
    """
    Keep back from a peer what it may not know.

    With C{Privacy: id} the asserted identity stays within the trust domain
    (RFC 3325 section 7).
    """
    if not fields:
        return fields
    told = party.policy.trusted or party.policy.tells != "from"
    if told or not any(name == "Privacy" and _wants_id(value) for name, value in fields):
        return fields
    return tuple([item for item in fields if item[0] not in IDENTITY])


def _wants_id(privacy: str) -> bool:
    """Does a Privacy value hold back the identity?"""
    return any(value.strip().lower() == "id" for value in privacy.split(";"))


def session_within(message: Message) -> bytes | None:
    """
    Find the session description of a response or an ACK, passing over whatever else is in it.

    Neither can be refused, and a 2xx is acknowledged in any case (RFC 3261 section 13.2.2.4).
    """
    if not message.body:
        return None
    first = message.first
    if "Content-Type" in first and first["Content-Type"] == SDP:
        return message.body  # as nearly all are
    try:
        return find_session(message)
    except PeerError:
        return None


def session_of(request: Request) -> bytes | None:
    """
    Find the session description of a request.

    @raise PeerError: 415, when there is a body of another kind that has to be
        understood (RFC 5621 section 5, RFC 3261 section 8.2.3).
    """
    if not request.body:
        return None
    if request.content_type == SDP and "Content-Encoding" not in request.first:
        return request.body  # as nearly all are
    check_content(request, BODIES)
    return find_session(request)
