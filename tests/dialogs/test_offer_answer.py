"""Offer and answer: glare, our own o= line, and the refusal of all streams (RFC 3264, RFC 6337)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.offer_answer import Open, Origin, refusal, rejection, with_lines_of
from b2bua.wire.sdp import Sdp, without_origin

BODY = (
    b"v=0\r\no=phone 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\nm=video 4002/2 RTP/AVP 31\r\n"
)


class GlareTests(SynchronousTestCase):
    """RFC 6337 section 4.3, rule by rule."""

    RULES = (
        ("UAS-IcI", "INVITE", Open(our_invite=True), 491),
        ("UAS-IsI", "INVITE", Open(peer_invite=True), 500),
        ("UAS-UcU", "UPDATE", Open(our_update=True), 491),
        ("UAS-UsU", "UPDATE", Open(peer_update=True), 500),
        ("UAS-UcI", "INVITE", Open(our_update=True), 491),
        ("UAS-UsI", "INVITE", Open(peer_update=True), 500),
        ("UAS-IcU", "UPDATE", Open(our_invite=True, offered=True), 491),
        ("UAS-IsU", "UPDATE", Open(peer_invite=True, offered=True), 500),
        ("given up", "INVITE", Open(withdrawn=True), 491),
        ("given up", "UPDATE", Open(withdrawn=True), 491),
        ("nothing", "INVITE", Open(), 0),
        ("nothing", "UPDATE", Open(), 0),
        ("early, answered", "UPDATE", Open(our_invite=True, initial=True), 0),
        ("early, answered", "UPDATE", Open(peer_invite=True), 0),
    )

    def test_rules(self) -> None:
        """Ours under way: 491; an earlier one of the peer: 500."""
        for name, method, state, code in self.RULES:
            with self.subTest(name, method=method):
                self.assertEqual(refusal(method, True, state), code)

    def test_no_offer(self) -> None:
        """An UPDATE without an offer is in nobody's way (RFC 3311 section 5.2)."""
        for state in (Open(our_invite=True, offered=True), Open(peer_update=True), Open(our_update=True)):
            with self.subTest(state=state):
                self.assertEqual(refusal("UPDATE", False, state), 0)


class OriginTests(SynchronousTestCase):
    """The o= line of a leg."""

    def test_own_line(self) -> None:
        """Nothing of the other side's o= line is left; all else is verbatim."""
        signed = Origin(5, "192.0.2.1").sign(BODY)
        self.assertEqual(signed, BODY.replace(b"o=phone 1 1 IN IP4 192.0.2.9", b"o=- 5 0 IN IP4 192.0.2.1"))

    def test_unchanged(self) -> None:
        """An unchanged session keeps its version, whatever the other side's did (RFC 4028 section 7.4)."""
        origin = Origin(5, "192.0.2.1")
        first = origin.sign(BODY)
        self.assertEqual(origin.sign(BODY.replace(b"phone 1 1", b"phone 1 9")), first)

    def test_changed(self) -> None:
        """The version goes up by one with each change (RFC 3264 section 8)."""
        origin = Origin(5, "192.0.2.1")
        origin.sign(BODY)
        self.assertIn(b"o=- 5 1 IN", origin.sign(BODY + b"a=sendonly\r\n"))
        self.assertIn(b"o=- 5 2 IN", origin.sign(BODY))

    def test_back(self) -> None:
        """A failed offer leaves the session as it was (RFC 3261 section 14.1), but uses up a version."""
        origin = Origin(5, "192.0.2.1")
        first = origin.sign(BODY)
        state = origin.state
        origin.sign(BODY + b"a=sendonly\r\n")
        origin.revert(state)
        self.assertEqual(origin.sign(BODY), first)
        self.assertIn(b"o=- 5 2 IN", origin.sign(BODY + b"a=recvonly\r\n"))

    def test_once_more(self) -> None:
        """The very body that was taken back has the version that it had: who never got it misses none."""
        origin = Origin(5, "192.0.2.1", 0)
        origin.sign(BODY)
        state = origin.state
        held = origin.sign(BODY + b"a=sendonly\r\n")
        origin.revert(state)
        self.assertEqual(origin.sign(BODY + b"a=sendonly\r\n"), held)

    def test_back_after_a_restore(self) -> None:
        """What was sent before a restore has a version above that of an offer that failed since."""
        origin = Origin(5, "192.0.2.1", 1000)
        origin.resume(1000, BODY, known=False)
        state = origin.state
        refused = BODY + b"a=sendonly\r\n"
        self.assertIn(b"o=- 5 1001 IN", origin.sign(refused))
        origin.revert(state)
        self.assertIn(b"o=- 5 1002 IN", origin.sign(BODY))
        self.assertIn(b"o=- 5 1003 IN", origin.sign(refused))

    def test_again_after_a_restore(self) -> None:
        """
        An offer that met glare after a restore goes out again as it was (RFC 3261 section 14.1).

        What was sent before the restore was not shown meanwhile, and uses up no version (RFC 3264 section 8).
        """
        origin = Origin(5, "192.0.2.1", 1000)
        origin.resume(1000, BODY, known=False)
        state = origin.state
        glared = BODY + b"a=sendonly\r\n"
        for _ in range(2):
            self.assertIn(b"o=- 5 1001 IN", origin.sign(glared))
            origin.revert(state)
            self.assertEqual(without_origin(origin.last), without_origin(BODY))
        self.assertIn(b"o=- 5 1002 IN", origin.sign(BODY + b"a=recvonly\r\n"))
        origin.revert(state)
        self.assertIn(b"o=- 5 1003 IN", origin.sign(BODY))

    def test_moved_after_a_restore(self) -> None:
        """A process that takes over goes back to no version below that of a refused offer."""
        origin = Origin(5, "192.0.2.1", 1000)
        origin.resume(1000, BODY, known=False)
        self.assertEqual(origin.kept, (1000, 1000, BODY))
        state = origin.state
        origin.sign(BODY + b"a=sendonly\r\n")
        origin.revert(state)
        self.assertEqual(origin.kept, (1002, 1002, BODY))

    def test_back_after_a_move(self) -> None:
        """A session that went on as it was goes back to the version that the peer knows."""
        origin = Origin(5, "192.0.2.1", 3)
        origin.resume(1, BODY, known=True)
        state = origin.state
        self.assertIn(b"o=- 5 4 IN", origin.sign(BODY + b"a=sendonly\r\n"))
        origin.revert(state)
        self.assertIn(b"o=- 5 1 IN", origin.sign(BODY))

    def test_ipv6(self) -> None:
        """The kind of address is named."""
        self.assertIn(b"IN IP6 2001:db8::1", Origin(5, "2001:db8::1").sign(BODY))


class RejectionTests(SynchronousTestCase):
    """The answer that refuses."""

    def test_every_stream(self) -> None:
        """As many streams as offered, each with port 0 (RFC 3264 section 6)."""
        sdp = Sdp.parse(rejection(BODY))
        self.assertEqual([(media.kind, media.port) for media in sdp.media], [("audio", 0), ("video", 0)])

    def test_no_sdp(self) -> None:
        """What is no SDP stays as it is; it never raises."""
        self.assertEqual(rejection(b"garbage"), b"garbage")


class LinesTests(SynchronousTestCase):
    """How many m= lines a body has."""

    SHORT = BODY[: BODY.index(b"m=video")]

    def streams(self, body: bytes) -> list[tuple[str, int]]:
        """Kind and port of each stream."""
        return [(media.kind, media.port) for media in Sdp.parse(body).media]

    def test_short_answer(self) -> None:
        """An answer has as many as its offer; what is missing is refused (RFC 3264 section 6)."""
        fitted = with_lines_of(self.SHORT, BODY, exactly=True)
        self.assertEqual(self.streams(fitted), [("audio", 4000), ("video", 0)])

    def test_long_answer(self) -> None:
        """Nor has it more of them."""
        self.assertEqual(self.streams(with_lines_of(BODY, self.SHORT, exactly=True)), [("audio", 4000)])

    def test_offer(self) -> None:
        """An offer has no fewer than the body before it, but may have more (section 8)."""
        fitted = with_lines_of(self.SHORT, BODY, exactly=False)
        self.assertEqual(self.streams(fitted), [("audio", 4000), ("video", 0)])
        self.assertEqual(with_lines_of(BODY, self.SHORT, exactly=False), BODY)

    def test_garbage(self) -> None:
        """What cannot be read is passed as it is."""
        self.assertEqual(with_lines_of(b"m=", BODY, exactly=True), b"m=")
