"""Whatever a party describes, media workers answer it or say why they do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media import negotiation
from b2bua.media.ports import NoRelay, Towards
from b2bua.media.relay import Relay
from b2bua.media.relay_port import Port
from b2bua.wire.sdp import Sdp

LINES = (
    "c=IN IP4 192.0.2.8",
    "c=IN IP6 ::",
    "c=IN IP4 224.0.0.1/127/3",
    "c=nonsense",
    "c=IN IP4 x",
    "t=0 0",
    "b=AS:64",
    "m=audio 4000 RTP/AVP 8 0 101",
    "m=audio 0 RTP/AVP 8",
    "m=audio 65535 RTP/AVP 8",
    "m=audio 4000/9 RTP/AVP 8",
    "m=audio 4000 RTP/SAVP 8",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "m=video 4002 RTP/AVPF 96",
    "m=image 4 udptl t38",
    "m=message 2855 TCP/MSRP *",
    "m=audio 4000 RTP/AVP x y 999",
    "m=",
    "m=audio",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:999999 x/0",
    "a=rtpmap:",
    "a=rtpmap:96 opus/48000/2",
    "a=rtpmap:101 telephone-event/8000",
    "a=rtpmap:-1 PCMA/8000",
    "a=rtcp:1 IN IP4 192.0.2.9",
    "a=rtcp:99999",
    "a=rtcp:x",
    "a=rtcp",
    "a=sendonly",
    "a=inactive",
    "a=candidate:1 1 UDP 1 192.0.2.8 4 typ host",
    "a=fingerprint:x",
    "a=crypto:1 x inline:y",
    "a=group:BUNDLE 0",
    "a=rtpmap:96 PCMA/\u0663",
    "a=ptime:\u00b2",
)
DESCRIPTIONS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(LINES), max_size=12).map(
        lambda lines: "".join(f"{line}\r\n" for line in ("v=0", "o=- 1 1 IN IP4 x", "s=-", *lines)).encode()
    ),
)


class Sockets:
    """Has as many ports as are wanted."""

    last = 20_000

    def open(self, ports: tuple[Port, ...], host: str, number: int) -> int:
        """Open some."""
        self.last += 2
        return self.last

    def close(self, port: Port) -> None:
        """Close one."""


class AnySessionTests(SynchronousTestCase):
    """What is answered can be read; all else is C{NoRelay}, or nothing."""

    @given(DESCRIPTIONS)
    def test_voice(self, session: bytes) -> None:
        """A party that is talked to."""
        reply = negotiation.answer(session, "192.0.2.1", 20_000)
        if reply is not None:
            Sdp.parse(reply.session)
        negotiation.accepted(session)

    @given(st.lists(DESCRIPTIONS, min_size=2, max_size=4))
    def test_relay(self, sessions: list[bytes]) -> None:
        """Two parties, one after the other."""
        relay = Relay(Sockets())
        for number, session in enumerate(sessions):
            by, to = ("a", "b") if number % 2 == 0 else ("b", "a")
            exchange = relay.offer if number % 2 == 0 else relay.answer
            try:
                Sdp.parse(exchange(by, to, session, Towards("192.0.2.1"), "192.0.2.8"))
            except NoRelay as error:
                self.assertTrue(str(error))
            again = Relay(Sockets())
            again.restore(relay.state())
        relay.close()
