"""Where a voice of ours comes from: the line between calls and whatever plays and listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from b2bua.media.endpoint import Happened

Hear: TypeAlias = Callable[[Happened], None]


class NoVoice(Exception):
    """There is no voice: no engine, no port, nothing that both understand; the text is for people."""


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
