"""
Offer and answer in one dialog (RFC 3264, RFC 6337).

Who may offer when is a table over what is open in either direction.  A body is
never parsed only to be passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.wire.sdp import Sdp, replace_origin

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Open:
    """What is going on in a dialog while a request of the peer comes in."""

    our_invite: bool = False
    """An INVITE of ours has no final answer, or its ACK is owed."""
    our_update: bool = False
    """An UPDATE of ours with an offer has no answer."""
    peer_invite: bool = False
    """An INVITE of the peer has no final answer, or its ACK has not come."""
    peer_update: bool = False
    """An UPDATE of the peer has no answer."""
    initial: bool = False
    """Is the open INVITE the one that makes the dialog?"""
    offered: bool = False
    """Is there an offer without its answer?"""


def refusal(method: str, offer: bool, state: Open) -> int:
    """
    Whether a re-INVITE or UPDATE has to be refused: 491, 500 or 0 (RFC 6337 section 4.3).

    While our own request is under way it is 491, while an earlier one of the
    peer is, 500 with a Retry-After (RFC 3261 section 14.2).  An UPDATE within
    an INVITE is welcome once the first exchange is through (RFC 3311 section
    5.2); one without an offer always is.
    """
    if method == "INVITE":
        if state.our_invite or state.our_update:
            return 491
        return 500 if state.peer_invite or state.peer_update else 0
    if not offer:
        return 0
    if state.our_update or (state.our_invite and (state.offered or not state.initial)):
        return 491
    if state.peer_update or (state.peer_invite and state.offered):
        return 500
    return 0


class Origin:
    """
    The o= line of our own that one leg shows to its peer (RFC 3264 section 8).

    The version goes up by one whenever the rest of the body differs from what
    was sent last.
    """

    __slots__ = ("_last", "address", "id", "version")

    def __init__(self, session_id: int, address: str, version: int = 0) -> None:
        """
        Start before the first body.

        @param address: the host of ours that the line names.
        """
        self.id = session_id
        self.version = version
        self.address = address
        self._last = b""

    @property
    def last(self) -> bytes:
        """The body that was sent last."""
        return self._last

    def sign(self, body: bytes) -> bytes:
        """Put our o= line into a body that is about to be sent."""
        last = self._last
        signed = replace_origin(body, self._line())
        if signed != last:
            if last:
                self.version += 1
                signed = replace_origin(body, self._line())
            self._last = signed
        return signed

    def _line(self) -> bytes:
        """The line without its end."""
        kind = "IP6" if ":" in self.address else "IP4"
        return f"o=- {self.id} {self.version} IN {kind} {self.address}".encode()

    @property
    def state(self) -> tuple[int, bytes]:
        """The version and the body sent last, to go back to when an offer fails."""
        return self.version, self._last

    @state.setter
    def state(self, state: tuple[int, bytes]) -> None:
        """Go back, or go on after a restore."""
        self.version, self._last = state

    def revert(self, state: tuple[int, bytes]) -> None:
        """
        Take back a body that was refused; its version is used up.

        The same version with another body would be a contradiction to whoever
        remembers the refused one (RFC 3264 section 8).
        """
        self._last = state[1]


def can_answer(answer: bytes, offer: bytes) -> bool:
    """
    Say whether a body is a proper answer to an offer, as far as directions go (RFC 3264 section 6.1).

    What was an offer of ours need not be: after sendrecv was answered with
    sendonly, the peer's sendonly cannot be answered with sendrecv.
    """
    try:
        ours, theirs = Sdp.parse(answer).media, Sdp.parse(offer).media
    except PeerError:
        return False
    return len(ours) == len(theirs) and all(
        one.rejected or (not other.rejected and _FITS[one.direction] <= _FITS[_MIRROR[other.direction]])
        for one, other in zip(ours, theirs, strict=True)
    )


_MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_FITS = {
    "sendrecv": frozenset({"send", "recv"}),
    "sendonly": frozenset({"send"}),
    "recvonly": frozenset({"recv"}),
    "inactive": frozenset[str](),
}


def rejection(offer: bytes) -> bytes:
    """
    Answer an offer with all its streams refused (RFC 3264 section 6).

    It is the well-formed answer that an ACK or PRACK owes when nobody is there
    any more to give one (RFC 6337 section 2.3).
    """
    sdp = Sdp.parse(offer)
    return bytes(sdp.with_media([media.rejected_copy() for media in sdp.media]))


def align(offer: bytes, previous: bytes) -> tuple[bytes, tuple[int, ...]]:
    """
    Fit an offer into a session that was agreed on before with somebody else.

    Its m-lines are put into the slots of C{previous}, each into the first free
    one of its kind; new kinds are appended; what has no use is kept as a
    rejected line with port 0, so that the number of m-lines never shrinks and
    their order never changes (RFC 3264 section 8).

    @param offer: what is to be offered.
    @param previous: what this peer was sent last; empty for nothing.
    @return: the body, and for each m-line of C{offer} its place in the body.
    """
    new = Sdp.parse(offer)
    if not previous:
        return offer, tuple(range(len(new.media)))
    old = Sdp.parse(previous)
    slots: list[int | None] = [None] * len(old.media)
    places: list[int] = []
    for number, media in enumerate(new.media):
        fits = [
            place
            for place, slot in enumerate(old.media)
            if slots[place] is None and slot.kind == media.kind and slot.proto == media.proto
        ] or [
            place for place, slot in enumerate(old.media) if slots[place] is None and slot.kind == media.kind
        ]
        if fits:
            slots[fits[0]] = number
            places.append(fits[0])
        else:
            slots.append(number)
            places.append(len(slots) - 1)
    if places == list(range(len(slots))):
        return offer, tuple(places)
    lines = [
        old.media[place].rejected_copy() if number is None else new.media[number]
        for place, number in enumerate(slots)
    ]
    return bytes(new.with_media(lines)), tuple(places)


def unalign(answer: bytes, places: Sequence[int], offer: bytes) -> bytes:
    """
    Take the answer to an aligned offer back into the order of the offer itself.

    @param places: as L{align} gave them.
    @param offer: the offer before it was aligned, for lines that the answer lacks.
    """
    sdp = Sdp.parse(answer)
    if list(places) == list(range(len(sdp.media))):
        return answer
    asked = Sdp.parse(offer).media
    lines = [
        sdp.media[place] if place < len(sdp.media) else asked[number].rejected_copy()
        for number, place in enumerate(places)
    ]
    return bytes(sdp.with_media(lines))
