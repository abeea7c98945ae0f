"""
The voice of a party that waits, and what it says: music that features have, or the script of the place.

How the party comes to hear it, whatever is said to it meanwhile, is
L{b2bua.calls.operations.hold_music}.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from b2bua.calls.media import resumed
from b2bua.calls.operations.leg_waiter import Gone
from b2bua.calls.operations.speech import Speech
from b2bua.calls.operations.waiting import WaitingParty
from b2bua.calls.verdicts import Waits
from b2bua.media.negotiation import accepted
from b2bua.media.ports import IVoice, NoVoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from b2bua.calls.operations.protocol import CallTable, OperatedCall
    from b2bua.legs.leg import Leg


class Wanted:
    """What a party is to hear: music, or what a script says."""

    def __init__(self, path: str, script: Callable[..., Any] | None) -> None:
        self.path, self.script = path, script


def wanted_by(leg: Leg) -> Wanted | None:
    """Ask the features what a leg hears that is about to wait; None for silence."""
    call: OperatedCall = leg.call
    listener = call.listener(leg)
    why: Literal["hold", "waiting", "transfer", ""] = getattr(listener, "waits_for", "")
    bridge, by, place, script = call.bridge, None, "", None
    if bridge is not None and leg in (bridge.a, bridge.b):
        holder = bridge.other(leg)
        if holder not in call.holders:
            return None
        why, by = "hold", holder.party
    if not why:
        return None
    if isinstance(listener, WaitingParty):
        place, script, by = listener.wait.at, listener.wait.script, listener.behalf
    path = call.features.ask_music(call, leg, Waits(why, by, place)) if call.features.plays_music else None
    return Wanted(path or "", script) if path or script is not None else None


class WaitingSpeech(Speech):
    """A voice of ours for a party that waits: C{leg.music}."""

    log = Logger()

    def __init__(self, calls: CallTable, leg: Leg, wanted: Wanted) -> None:
        """Prepare; there is no voice before it is opened."""
        super().__init__(calls, leg)
        self._table = calls
        self._wanted = wanted
        self._fresh = True
        """Was it just asked what there is to hear?"""
        self._speaks = False
        """Has the script begun?"""
        self._over = False

    def _open(self, offer: bytes | None) -> Deferred[bytes]:
        """Begin with a voice, or go on with the one there is; gives our session."""
        if self._voice is not None:
            if offer is not None:
                return self._voice.answer(offer)
            again: Deferred[bytes] = Deferred()
            again.callback(resumed(self._voice.session))
            return again
        voices, flow = self._table.voices, self._leg.flow
        if voices is None or flow is None:
            failed: Deferred[bytes] = Deferred()
            failed.errback(NoVoice("the table [media] is off, or the phone is away"))
            return failed
        opened: Deferred[IVoice] = voices.open(flow.local[0], self._happened, offer, flow.remote[0])
        return opened.addCallback(self._opened)

    def _opened(self, voice: IVoice) -> bytes:
        """There is a voice."""
        if self._over:
            voice.close()
        else:
            self._voice = voice
        session: bytes = voice.session
        return session

    def _accepted(self, session: bytes) -> None:
        """The peer has answered our offer."""
        if self._voice is not None and accepted(session) is not None:
            self._voice.accepted(session)
            self._start()

    def _start(self) -> None:
        """Let the script go, if it does not yet."""
        if self._speaks or self._over:
            return
        self._speaks = True
        self._note("{} hears {}", self.party, PurePath(self._wanted.path).stem or "what its place has to say")
        script = self._play() if self._wanted.script is None else self._wanted.script(self)
        done = Deferred.fromCoroutine(script)
        done.addCallbacks(lambda _: self._calls.run_in(self._leg.call, self._done), self._broke)

    async def _play(self) -> None:
        """Play the music."""
        await self.music()

    async def music(self, seconds: float | None = None, *, until: str = "") -> str:
        """Play the music that features have for who waits, as L{repeat} does; silence if there is none."""
        if self._wanted.path:
            return await self.repeat(self._wanted.path, seconds, until=until)
        return self._take(until) or await self._wait(until, seconds)

    def _done(self) -> None:
        """The script is done: whoever waits goes on to where it would when its time is over."""
        call = self._leg.call
        if self._over or self._wanted.script is None or call is None:
            return
        waiting = (call.waiting or {}).get(self._leg)
        if waiting is not None:
            call.waited(waiting)

    def _broke(self, failure: Failure) -> None:
        """The script has ended otherwise than by its end."""
        if failure.check(Gone) is not None:
            return
        if failure.check(NoVoice) is None:
            self.log.failure("what {party} hears broke", failure, party=str(self.party))
        self._note("no music: {}", failure.getErrorMessage())

    def _review(self) -> bool:
        """Ask again what there is to hear: it may wait for something else by now."""
        if self._fresh:
            self._fresh = False
            return True
        wanted = wanted_by(self._leg)
        if wanted is None:
            return False
        if (wanted.path, wanted.script) != (self._wanted.path, self._wanted.script):
            self._wanted = wanted
            if self._speaks:
                self._end_script()
                self._start()
        return True

    def _end_script(self) -> None:
        """End the script; it may begin anew, or another one."""
        self._speaks = False
        self._stop_timer()
        self._part()

    def _note(self, text: str, *values: Any) -> None:
        """Note something in the story of the call."""
        if self._leg.call is not None:
            self._leg.call.story.note(text, *values)

    def _end(self) -> None:
        """The party talks to somebody, or has left."""
        self._over = True
        self._leg.music = None
        self._silence()
        self._part()
