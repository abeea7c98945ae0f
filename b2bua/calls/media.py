"""
Sessions as calls need them: on hold, resumed, silent, and lined up with another leg's.

Pure functions from SDP to SDP (RFC 3264).  On the way of a basic call none of
them is used: there a session passes as it is.  So does one here that cannot be
read; what phones make of it is their affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from b2bua.errors import PeerError
from b2bua.wire.sdp import Media, Sdp, without_origin

NOTHING = (
    b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0 8\r\na=inactive\r\n"
)
"""An offer of no media at all, for who asks for one where there is nobody to talk to."""


_HOLDS = (b"a=sendonly", b"a=inactive", b"IN IP4 0.0.0.0", b"IN IP6 ::")
"""Without any of these a session holds nobody."""


def _read(session: bytes | None) -> Sdp | None:
    """Read a session; None if there is none that can be read."""
    try:
        return None if session is None else Sdp.parse(session)
    except PeerError:
        return None


def is_hold(session: bytes) -> bool:
    """
    Does an offer put the other side on hold (RFC 3264 section 8.4, or the old c=0.0.0.0)?

    A stream that is rejected or ended says nothing of that (section 6), and where there is
    sound nothing else does: a door phone shows pictures, and wants none.
    """
    if not any(sign in session for sign in _HOLDS):
        return False
    sdp = _read(session)
    if sdp is None:
        return True  # it says so somewhere
    live = [m for m in sdp.media if not m.rejected]
    sound = [m for m in live if m.kind == "audio"]
    return any(m.held for m in sound or live)


def resumed(session: bytes) -> bytes:
    """The session with media in both directions."""
    return directed(session, "sendrecv")


def directed(session: bytes, direction: str) -> bytes:
    """The session with every stream in that direction."""
    sdp = _read(session)
    if sdp is None:
        return session
    return bytes(sdp.with_media([m.with_direction(direction) for m in sdp.media]))


def answering(answer: bytes, offer: bytes) -> bytes:
    """The answer, with no more directions than the offer leaves (RFC 3264 section 6.1)."""
    offered, answered = _read(offer), _read(answer)
    if offered is None or answered is None:
        return answer
    fitted = [
        mine.with_direction(_answer_direction(mine.direction, theirs.direction))
        for mine, theirs in zip(answered.media, offered.media, strict=False)
    ]
    return bytes(answered.with_media(fitted))


def _answer_direction(wanted: str, offered: str) -> str:
    """What is left of C{wanted} when the other side offered C{offered}."""
    sends = wanted in ("sendrecv", "sendonly") and offered in ("sendrecv", "recvonly")
    receives = wanted in ("sendrecv", "recvonly") and offered in ("sendrecv", "sendonly")
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (sends, receives), "inactive"
    )


def silent_offer(local: bytes | None) -> bytes | None:
    """An offer in nobody's stead: what was last said, inactive."""
    if local is None:
        return None
    return directed(local, "inactive") if _read(local) is not None else NOTHING


def silent_answer(offer: bytes, local: bytes | None) -> bytes:
    """An answer in nobody's stead: every stream that is offered, inactive."""
    offered, mine = _read(offer), _read(local)
    if offered is None:
        return NOTHING
    if mine is None or [m.kind for m in mine.media] != [m.kind for m in offered.media]:
        return bytes(offered.with_media([m.with_direction("inactive") for m in offered.media]))
    return bytes(mine.with_media(list(map(_silent_stream, mine.media, offered.media))))


def _silent_stream(mine: Media, theirs: Media) -> Media:
    """Answer a stream inactive, with formats that were offered (RFC 3264 section 6.1)."""
    if mine.port == 0:
        return mine
    if theirs.port == 0:
        return mine.with_port(0)
    common = [f for f in mine.formats if f in theirs.formats]
    return (mine.with_formats(common) if common else theirs).with_direction("inactive")


def same_media(one: bytes, other: bytes) -> bool:
    """Would media go the same way by both, formats and the o= line aside?"""
    if without_origin(one) == without_origin(other):
        return True
    ours, theirs = _read(one), _read(other)
    if ours is None or theirs is None:
        return False
    return [(m.kind, m.port, m.connection, m.direction) for m in ours.media] == [
        (m.kind, m.port, m.connection, m.direction) for m in theirs.media
    ]


def can_send(source: bytes, answer: bytes, sink: bytes) -> bool:
    """
    Is there a format for each stream that its sender may use and its receiver wants?

    An answer may list formats that were not offered (RFC 3264 section 6.1); who
    has picked one of them is not understood by who made the offer.

    @param source: what the sender was offered.
    @param answer: what it answered; it sends what is in both.
    @param sink: what the receiver has said since.
    """
    offered, answered, wanted = _read(source), _read(answer), _read(sink)
    if offered is None or answered is None or wanted is None:
        return True
    return all(
        not c.port or bool(set(a.formats) & set(b.formats) & set(c.formats))
        for a, b, c in zip(offered.media, answered.media, wanted.media, strict=False)
    )


def crossed(one: bytes, other: bytes) -> tuple[bytes, bytes] | None:
    """
    Two offers made into answers to each other, or None if they share nothing.

    When somebody picks up a call that rings elsewhere, caller and picker have
    both made an offer.  Each is answered with what the other offered, less the
    formats that it cannot take.

    @return: the answer for C{one} and the answer for C{other}.
    """
    ours, theirs = _read(one), _read(other)
    if ours is None or theirs is None:
        return None
    for_one, for_other = _as_answer(theirs, ours), _as_answer(ours, theirs)
    return None if for_one is None or for_other is None else (for_one, for_other)


def _as_answer(source: Sdp, offer: Sdp) -> bytes | None:
    """C{source}'s streams as an answer to C{offer}: its streams in its order."""
    left = list(source.media)
    answer: list[Media] = []
    for wanted in offer.media:
        match = next((m for m in left if m.kind == wanted.kind and m.proto == wanted.proto and m.port), None)
        common = [f for f in match.formats if f in wanted.formats] if match is not None else []
        if match is None or not common or wanted.port == 0:
            answer.append(wanted.rejected_copy())
            continue
        left.remove(match)
        direction = _answer_direction(match.direction, wanted.direction)
        answer.append(match.with_formats(common).with_direction(direction))
    if not any(m.port for m in answer):
        return None
    return bytes(source.with_media(answer))


@dataclass(frozen=True, slots=True)
class Alignment:
    """
    Which stream of one leg is which stream of another.

    The number of m= lines of a dialog never shrinks and their order never
    changes (RFC 3264 section 8); so when legs of different calls are joined,
    streams are matched by kind and what has no match is rejected with port 0.
    """

    pairs: tuple[tuple[int, int], ...] = ()
    """Index at leg a, index at leg b."""

    def translate(self, session: bytes, *, to_b: bool, previous: bytes | None) -> tuple[bytes, Alignment]:
        """
        Put the streams of C{session} in the order of the leg that is to get it.

        @param previous: what that leg was sent last, which says how many
            streams it knows and of what kind.
        @return: the session, and the alignment with what was learnt.
        """
        source, before = _read(session), _read(previous)
        if source is None:
            return session, self
        known: Sequence[Media] = before.media if before is not None else ()
        there = dict(self.pairs) if to_b else {b: a for a, b in self.pairs}
        slots: list[Media] = [m.rejected_copy() for m in known]
        taken = set(there.values())
        for index, media in enumerate(source.media):
            slot = there.get(index)
            if slot is None or slot >= len(slots) or slots[slot].kind != media.kind:
                slot = next(
                    (i for i, m in enumerate(slots) if i not in taken and m.kind == media.kind), len(slots)
                )
                taken.add(slot)
                there[index] = slot
            if slot == len(slots):
                slots.append(media)
            else:
                slots[slot] = media
        pairs = tuple(sorted(there.items() if to_b else ((a, b) for b, a in there.items())))
        return bytes(source.with_media(slots)), Alignment(pairs)
