"""The engine "rtpengine" as calls see it, be it one process or several."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from b2bua.media.ports import HearRelay, IRelays, RelayHappened
from b2bua.media.rtp import DIGITS
from b2bua.media.rtpengine.relay import RtpengineRelay

if TYPE_CHECKING:
    from b2bua.media.rtpengine.engine_set import EngineSet

ABILITIES = frozenset({"srtp", "dtls", "ice", "ipv6", "transcode"})


@implementer(IRelays)
class Rtpengines:
    """All of them."""

    def __init__(self, engines: EngineSet) -> None:
        """Pass media on by these."""
        self.set = engines
        self.can = ABILITIES | ({"record"} if engines.records else set())

    def open(self, call: str, hear: HearRelay) -> RtpengineRelay:
        """Prepare for a call."""
        return RtpengineRelay(self.set, call, hear)

    def resume(self, call: str, state: dict[str, Any], hear: HearRelay) -> RtpengineRelay | None:
        """Go on with the relay of a call."""
        return RtpengineRelay.resumed(self.set, call, state, hear)

    def pressed(self, datagram: bytes) -> None:
        """Take what an engine says of a key (its option C{dtmf-log-dest})."""
        try:
            said = json.loads(datagram)
            number, leg, id = said["event"], str(said["source_tag"]), str(said["callid"])
            key = DIGITS[number] if number >= 0 else ""
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            return
        for engine in self.set.engines if key else ():
            call = engine.calls.get(id)
            if call is not None:
                call.happened(RelayHappened("digit", leg, key))
