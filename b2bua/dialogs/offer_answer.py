"""
Offer and answer in one dialog (RFC 3264, RFC 6337).

Who may offer when is a table over what is open in either direction.  A body is
never parsed only to be passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.wire.sdp import Sdp, replace_origin, without_origin

if TYPE_CHECKING:
    from random import Random

    from b2bua.wire.message import Response

LONGEST_RETRY = 10.0
"""The longest Retry-After that glare asks for (RFC 3261 section 14.2)."""

MEDIA_LINE = b"\nm="

_PORT = re.compile(rb"(?m)^(m=[^ \r\n]+ )[0-9]+(?:/[0-9]+)?")
"""The port of an m= line (RFC 8866 section 5.14)."""


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
    withdrawn: bool = False
    """May the other side still answer what the peer has given up, or what we told in its stead?"""


def refusal(method: str, offer: bool, state: Open) -> int:
    """
    Whether a re-INVITE or UPDATE has to be refused: 491, 500 or 0 (RFC 6337 section 4.3).

    While our own request is under way it is 491, while an earlier one of the
    peer is, 500 with a Retry-After (RFC 3261 section 14.2).  An UPDATE within
    an INVITE is welcome once the first exchange is through (RFC 3311 section
    5.2); one without an offer always is.  What was given up, and what is told in
    the peer's stead, counts as ours until the other side has answered it.
    """
    if method == "INVITE":
        if state.our_invite or state.our_update or state.withdrawn:
            return 491
        return 500 if state.peer_invite or state.peer_update else 0
    if not offer:
        return 0
    ours = state.our_update or (state.our_invite and (state.offered or not state.initial))
    if ours or state.withdrawn:
        return 491
    if state.peer_update or (state.peer_invite and state.offered):
        return 500
    return 0


def back_off(response: Response, *, owner: bool, random: Random) -> float | None:
    """
    Say how many seconds to wait after a 491, or a 500 with Retry-After (RFC 3261 section 14.1).

    The owner of the Call-ID waits 2.1 to 4 seconds, the other 0 to 2, in
    units of 10 ms.

    @return: None to give up, since glare is never over so late.
    """
    if response.code == 500:
        seconds = float(response.retry_after or 0)
        return seconds if seconds <= LONGEST_RETRY else None
    return random.randint(210, 400) / 100 if owner else random.randint(0, 200) / 100


class Origin:
    """
    The o= line of our own that one leg shows to its peer (RFC 3264 section 8).

    The version goes up by one whenever the rest of the body differs from what
    was sent last.  Bodies are kept as they were before our line was put in: then
    a body that was passed on is the same object as with the leg that it came from.
    """

    __slots__ = ("_body", "_resumed", "_shown", "_taken_back", "address", "id", "version")

    version: int
    """The highest version that was used."""
    _shown: int
    """The version of the body that was sent last."""
    _resumed: int
    """The version that a restore gave to what was sent last, if the peer knows another one."""

    def __init__(self, session_id: int, address: str, version: int = 0) -> None:
        """
        Start before the first body.

        @param address: the host of ours that the line names.
        """
        self.id = session_id
        self.version = version
        self.address = address
        self._shown = version
        self._body = self._taken_back = b""
        self._resumed = -1

    @property
    def last(self) -> bytes:
        """The body that was sent last; to send it once more, L{sign} it."""
        if not self._body:
            return b""
        return self._signed(self._body)

    def sign(self, body: bytes) -> bytes:
        """Put our o= line into a body that is about to be sent."""
        if not self._body:
            self._body, self._taken_back = body, b""
        elif moved(self._body, body):
            if moved(self._taken_back, body):
                self.version += 1
            self._shown = self.version
            self._body, self._taken_back = body, b""
        elif self._outdated:
            self.version += 1
            self._shown, self._taken_back = self.version, b""
        return self._signed(body)

    def _signed(self, body: bytes) -> bytes:
        """Put our line into it, with the version that is shown."""
        address = self.address
        kind = "IP6" if ":" in address else "IP4"
        return replace_origin(body, f"o=- {self.id} {self._shown} IN {kind} {address}".encode())

    @property
    def state(self) -> tuple[int, bytes]:
        """The body sent last, but for its o= line, and its version, to go back to when an offer fails."""
        return self._shown, self._body

    @property
    def kept(self) -> tuple[int, int, bytes]:
        """What another process goes on with: the highest version, that of the body sent last, and this."""
        if self._outdated:
            return self.version + 1, self.version + 1, self._body
        return self.version, self._shown, self._body

    @property
    def _outdated(self) -> bool:
        """Is the version of the last body lower than that of one refused since, and perhaps never shown?"""
        return self._shown == self._resumed < self.version

    def revert(self, state: tuple[int, bytes]) -> None:
        """
        Take back a body that was refused or lost; its version is used up for any other.

        The same version with another body would be a contradiction to whoever
        remembers the refused one; the same body once more is none (RFC 3264
        section 8).
        """
        if self._shown == self.version:
            self._taken_back = self._body
        self._shown, self._body = state

    def resume(self, shown: int, last: bytes, *, known: bool) -> None:
        """
        Go on after a restore with what was sent last.

        @param known: was it sent with that version?
        """
        self._shown, self._body = shown, last
        if not known:
            self._resumed = shown


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


def with_lines_of(session: bytes, model: bytes, *, exactly: bool) -> bytes:
    """
    Give a body as many m= lines as another one, the missing ones refused.

    An answer has those of its offer (RFC 3264 section 6), and an offer no fewer
    than the one before (section 8), whatever the other side has left out.

    @param exactly: is it an answer, so that further lines have nobody to see them?
    """
    missing = model.count(MEDIA_LINE) - session.count(MEDIA_LINE)
    if not missing or (missing < 0 and not exactly):
        return session
    try:
        own, wanted = Sdp.parse(session), Sdp.parse(model).media
    except PeerError:
        return session
    refused = [media.rejected_copy() for media in wanted[len(own.media) :]]
    return bytes(own.with_media([*own.media[: len(wanted)], *refused]))


def rejection(offer: bytes) -> bytes:
    """
    Answer an offer with all its streams refused (RFC 3264 section 6).

    It is the well-formed answer that an ACK or PRACK owes when nobody is there
    any more to give one (RFC 6337 section 2.3).
    """
    return _PORT.sub(rb"\g<1>0", offer)


def moved(before: bytes, after: bytes) -> bool:
    """Do two descriptions of a peer differ in more than the o= line?"""
    return before != after and without_origin(before) != without_origin(after)
