"""
Where a voice of ours comes from, and what passes media on: the line between calls and engines.

A voice (L{IVoice}) is one party at our ear.  A relay (L{IRelay}) stands between
the parties of a call: each is told to send to it, and hears from it what the
other one says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface


class Happened(NamedTuple):
    """Something that whoever uses a voice wants to know."""

    what: Literal["played", "digit", "recorded", "nobody"]
    detail: str = ""
    """The key that was pressed, or why a recording ended: C{key}, C{silence}, C{full}, C{left}."""


Hear: TypeAlias = Callable[[Happened], None]


class NoVoice(Exception):
    """There is no voice: no engine, no port, nothing that both understand; the text is for people."""


class VoiceLost(NoVoice):
    """There is none any more, since its worker is gone; its party is told so next (C{nobody})."""


class IVoice(Interface):
    """One party at our ear; after C{close} nothing more is heard of it."""

    session: bytes = Attribute("Our session description for the party: the answer to its offer, or an offer.")

    def answer(offer: bytes) -> Deferred[bytes]:
        """
        Go on with a new offer of the party.

        @return: the answer; fails with L{NoVoice} if nothing of it is understood.
        """

    def accepted(session: bytes) -> None:
        """Take the party's answer to our offer."""

    def play(path: str, repeat: bool = False) -> Deferred[float]:
        """
        Play a WAV file in place of what is played; C{played} is heard at its end.

        @return: how many seconds it lasts; fails with L{NoVoice} if it cannot be played.
        """

    def stop() -> None:
        """Play no more."""

    def record(path: str, seconds: float, silence: float = 0.0, keys: str = "#") -> None:
        """Record to a WAV file, which is there when C{recorded} is heard."""

    def join(*, muted: bool = False) -> None:
        """Hear the others of the room that it was opened for, and be heard by them unless C{muted}."""

    def leave() -> None:
        """Hear them no more."""

    def announce(path: str) -> Deferred[None]:
        """Play a WAV file to all in the room; fails with L{NoVoice} if it cannot be played."""

    def end_recording() -> None:
        """End the recording now; C{recorded} is heard with C{left} when its file is there."""

    def close() -> None:
        """Be done with the party."""


class IVoices(Interface):
    """An engine that can play and listen."""

    def open(
        host: str, hear: Hear, offer: bytes | None = None, peer: str = "", room: str = ""
    ) -> Deferred[IVoice]:
        """
        Begin to talk to a party.

        @param host: our address, as the party reaches it.
        @param hear: told of what happens.
        @param offer: the party's; without one we make the offer.
        @param peer: the host from which the party signals; its media come from there, or from
            where it says, and from nowhere else.
        @param room: whom it may hear by C{join}: the other parties that were opened for it.
        @return: fails with L{NoVoice}.
        """


class NoRelay(Exception):
    """There is no relay: no engine, no port, a session that cannot be passed on; the text is for people."""


class Towards(NamedTuple):
    """What the party can do that is to get a session."""

    host: str
    """Our address as that party reaches it; its family is that of the media."""
    profile: Literal["", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"] = ""
    """The transport of its streams (RFC 3551, RFC 3711, RFC 5764); empty: as the session has it."""
    ice: bool = False
    """Does it check which way media can go (RFC 8445)?"""
    codecs: tuple[str, ...] = ()
    """Names of rtpmap that may be offered in place of others; empty: as offered."""


class RelayHappened(NamedTuple):
    """Something that whoever uses a relay wants to know."""

    what: Literal["gone", "silent", "digit", "recorded"]
    """
    C{gone}: the engine has died, or has lost the call; the relay passes nothing on any more.
    C{silent}: a leg has sent no RTP for as long as is set.  C{digit}: a leg has sent a key.
    C{recorded}: the recording has ended by itself, since it is full or cannot be written.
    """
    leg: str = ""
    """Which leg's party, where it is one."""
    detail: str = ""
    """The key (one of C{0-9*#A-D}); why a recording has ended, for people."""


class Received(NamedTuple):
    """What came from one party, as RFC 3550 section 6.4.1 counts it."""

    packets: int = 0
    lost: int = 0
    jitter: float = 0.0
    """Seconds."""
    mos: float | None = None
    """1 to 5, as an engine estimates how it was heard; None where it does not know."""


Statistics: TypeAlias = dict[str, Received]
"""What came from the party of each leg, by the ids of legs."""

HearRelay: TypeAlias = Callable[[RelayHappened], None]


class IRelay(Interface):
    """
    The media of one call, between any of its legs.

    Legs are named by their ids.  What is asked of a relay is answered in the
    order in which it was asked.  After C{close} nothing more is heard of it.
    """

    def offer(by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """
        Take an offer, the first or a later one, of one party to another.

        @param by: the leg whose party offers.
        @param to: the leg whose party is to get it; another offer of the same C{by} may go to
            another leg, as when a call is forked.
        @param peer: the host from which the party of C{by} signals; its media come from there, or
            from where it says, and from nowhere else.
        @return: the offer for the party of C{to}; fails with L{NoRelay}.
        """

    def answer(by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """
        Take the answer to an offer, which may be an early one and come again (183, then 200).

        @param by: the leg whose party answers; there may be several to one offer of C{to}.
        @param to: the leg whose party has offered.
        @param towards: what the party of C{to} can do.
        @param peer: the host from which the party of C{by} signals.
        @return: the answer for the party of C{to}; fails with L{NoRelay}.
        """

    def record(path: str) -> Deferred[None]:
        """
        Record what is said from now on, to a stereo WAV file: what the first leg says left, the other right.

        @return: fires when it has begun; fails with L{NoRelay}.
        """

    def pause(paused: bool) -> Deferred[None]:
        """
        Write silence into the recording, or what is said again, so that its times stay right.

        @return: fires when it is so: nothing that is said later is written; fails with L{NoRelay}.
        """

    def end_recording() -> Deferred[None]:
        """End the recording; fires when its file is whole, at once if there is none."""

    def drop(leg: str) -> None:
        """Forget a leg that is gone: a fork that lost, a transferor, who talks to a voice of ours now."""

    def state() -> dict[str, Any]:
        """Write down, as plain values fit for JSON, what L{IRelays.resume} needs."""

    def let_go() -> None:
        """
        Another process goes on with it: forget it, and free what that one needs.

        Media pass on as far as the engine is nobody's part; else what is at work here makes place.
        """

    def close() -> Deferred[Statistics | None]:
        """
        Be done, for sure: the engine is asked until it says so; a recording is ended first, its file whole.

        @return: what came from each party, None where nobody counts; it never fails.
        """


class IRelays(Interface):
    """An engine that passes media on."""

    can: frozenset[str] = Attribute(
        "What it can do beyond plain RTP over IPv4: some of srtp, dtls, ice, ipv6, transcode, record."
    )

    def open(call: str, hear: HearRelay) -> IRelay:
        """
        Prepare for a call; nothing is asked of the engine before the first offer, which may fail.

        @param call: the id of the call.
        @param hear: told of what happens.
        """

    def resume(call: str, state: dict[str, Any], hear: HearRelay) -> IRelay | None:
        """
        Go on with the relay of a call that another process has begun.

        @param state: from L{IRelay.state}, of whatever engine and version.
        @return: None if this engine has no such relay any more.
        """
