"""Sessions for calls: hold, silence, answers that cross, and streams lined up."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.media import (
    Alignment,
    answering,
    can_send,
    crossed,
    is_hold,
    resumed,
    same_media,
    silent_answer,
    silent_offer,
)
from b2bua.wire.sdp import Sdp


def session(*streams: str, host: str = "192.0.2.1") -> bytes:
    """Make a session; a stream is written C{"audio 4000 0 8"} with an optional direction last."""
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    for stream in streams:
        kind, port, *rest = stream.split()
        directions = [word for word in rest if not word.isdigit()]
        formats = [word for word in rest if word.isdigit()]
        lines.append(f"m={kind} {port} RTP/AVP {' '.join(formats)}")
        lines += [f"a={direction}" for direction in directions]
    return ("\r\n".join(lines) + "\r\n").encode()


def ports(body: bytes) -> list[tuple[str, int]]:
    """Kind and port of each stream."""
    return [(m.kind, m.port) for m in Sdp.parse(body).media]


def directions(body: bytes) -> list[str]:
    """The direction of each stream."""
    return [m.direction for m in Sdp.parse(body).media]


class HoldTests(SynchronousTestCase):
    """RFC 3264 section 8.4."""

    def test_both_notations(self) -> None:
        """sendonly, inactive and the old c=0.0.0.0 are holds; sendrecv is none."""
        self.assertTrue(is_hold(session("audio 4000 0 sendonly")))
        self.assertTrue(is_hold(session("audio 4000 0 inactive")))
        self.assertTrue(is_hold(session("audio 4000 0", host="0.0.0.0")))
        self.assertFalse(is_hold(session("audio 4000 0 sendrecv")))
        for host, held in (("::", True), ("::1", False), ("2001:db8::1", False)):
            body = session("audio 4000 0").replace(b"IN IP4 192.0.2.1", b"IN IP6 " + host.encode())
            self.assertEqual(is_hold(body), held, host)

    def test_rejected(self) -> None:
        """What a stream says that is rejected or ended is no hold (RFC 3264 sections 6 and 8.2)."""
        for rejected in ("video 0 96 inactive", "video 0 96 sendonly", "video 0 96"):
            body = session("audio 4000 0", rejected) + b"c=IN IP4 0.0.0.0\r\n"
            self.assertFalse(is_hold(body))
            self.assertTrue(is_hold(session("audio 4000 0 sendonly", rejected)))
            self.assertTrue(is_hold(session(rejected, "audio 4000 0 inactive")))
        self.assertFalse(is_hold(session("audio 0 0 inactive")))

    def test_whole_session(self) -> None:
        """A direction or address of the session holds for each stream without its own (RFC 8866 5)."""
        for line in (b"a=inactive\r\n", b"c=IN IP4 0.0.0.0\r\n"):
            for streams, held in (
                (("audio 4000 0",), True),
                (("video 0 96", "audio 4000 0"), True),
                (("audio 4000 0 sendrecv",), line[:1] == b"c"),
            ):
                head, m, rest = session(*streams).replace(b"c=IN IP4 192.0.2.1\r\n", b"").partition(b"m=")
                self.assertEqual(is_hold(head + line + m + rest), held, (line, streams))
        of_its_own = session("audio 4000 0", host="0.0.0.0") + b"c=IN IP4 192.0.2.1\r\n"
        self.assertFalse(is_hold(of_its_own))

    def test_sound(self) -> None:
        """Where there is sound, only that tells of a hold: a door phone shows pictures, and wants none."""
        self.assertFalse(is_hold(session("audio 4000 0", "video 4002 96 sendonly")))
        self.assertTrue(is_hold(session("audio 4000 0 sendonly", "video 4002 96")))
        self.assertTrue(is_hold(session("video 4002 96 sendonly")))
        self.assertTrue(is_hold(session("audio 0 0", "video 4002 96 inactive")))

    def test_unreadable(self) -> None:
        """What cannot be read is a hold if it says so anywhere."""
        self.assertTrue(is_hold(b"a=sendonly"))
        self.assertFalse(is_hold(b"garbage"))

    def test_resumed(self) -> None:
        """What is resumed goes both ways, and is otherwise the same."""
        held = session("audio 4000 0 8 sendonly")
        self.assertEqual(directions(resumed(held)), ["sendrecv"])
        self.assertTrue(same_media(resumed(held), session("audio 4000 0 sendrecv")))
        self.assertFalse(same_media(resumed(held), held))

    def test_answer_directions(self) -> None:
        """An answer takes no direction that the offer does not leave (section 6.1)."""
        mine = session("audio 4000 0 sendrecv")
        expected = {
            "sendrecv": "sendrecv",
            "sendonly": "recvonly",
            "recvonly": "sendonly",
            "inactive": "inactive",
        }
        for offered, answered in expected.items():
            offer = session(f"audio 5000 0 {offered}")
            self.assertEqual(directions(answering(mine, offer)), [answered], offered)


class SilenceTests(SynchronousTestCase):
    """What is said in nobody's stead."""

    def test_offer(self) -> None:
        """The last session, inactive; without one there is nothing to offer."""
        self.assertEqual(directions(silent_offer(session("audio 4000 0")) or b""), ["inactive"])
        self.assertIsNone(silent_offer(None))

    def test_answer_has_every_stream(self) -> None:
        """Each m-line of the offer has one in the answer (RFC 3264 section 6)."""
        offer = session("audio 5000 0", "video 5002 96")
        for local in (None, session("audio 4000 0"), session("audio 4000 0", "video 4002 96")):
            answer = silent_answer(offer, local)
            self.assertEqual([kind for kind, _ in ports(answer)], ["audio", "video"])
            self.assertEqual(directions(answer), ["inactive", "inactive"])

    def test_rejected_stays_rejected(self) -> None:
        """A stream that is offered with port 0 is answered with port 0."""
        answer = silent_answer(session("audio 0 0"), session("audio 4000 0"))
        self.assertEqual(ports(answer), [("audio", 0)])

    def test_formats_of_the_offer(self) -> None:
        """It lists formats that were offered, whatever was spoken before (RFC 3264 section 6.1)."""
        before = session("audio 4000 0 8 101")
        for offered, wanted in (("9 8", ("8",)), ("9 18", ("9", "18"))):
            with self.subTest(offered=offered):
                answer = Sdp.parse(silent_answer(session(f"audio 6000 {offered}"), before))
                self.assertEqual(answer.media[0].formats, wanted)
                self.assertEqual(answer.media[0].direction, "inactive")


class FormatTests(SynchronousTestCase):
    """An answer may list formats that were not offered (RFC 3264 section 6.1)."""

    def test_can_send(self) -> None:
        """What was offered, answered and is wanted now has to have a format in common."""
        offered, answered = session("audio 4000 0 8"), session("audio 6000 8 9")
        self.assertTrue(can_send(offered, answered, session("audio 4000 8")))
        self.assertFalse(can_send(offered, answered, session("audio 4000 9")))
        self.assertTrue(can_send(offered, answered, session("audio 0 9")))
        self.assertTrue(can_send(offered, answered, b"garbage"))


class CrossedTests(SynchronousTestCase):
    """Two offers as answers to each other."""

    def test_common_formats(self) -> None:
        """Each gets the other's address and the formats that both have."""
        caller = session("audio 4000 0 8 101", host="192.0.2.1")
        picker = session("audio 6000 9 8 101", host="192.0.2.2")
        answers = crossed(caller, picker)
        assert answers is not None
        for answer, port, host in ((answers[0], 6000, "192.0.2.2"), (answers[1], 4000, "192.0.2.1")):
            media = Sdp.parse(answer).media[0]
            self.assertEqual((media.port, media.connection, tuple(media.formats)), (port, host, ("8", "101")))

    def test_order_of_the_offer(self) -> None:
        """Streams stand in the order of the offer that is answered; the rest is rejected."""
        one = session("video 4002 96", "audio 4000 0")
        two = session("audio 6000 0")
        answers = crossed(one, two)
        assert answers is not None
        self.assertEqual(ports(answers[0]), [("video", 0), ("audio", 6000)])
        self.assertEqual(ports(answers[1]), [("audio", 4000)])

    def test_nothing_in_common(self) -> None:
        """With no format in common there is no answer."""
        self.assertIsNone(crossed(session("audio 4000 0"), session("audio 6000 8")))


class AlignmentTests(SynchronousTestCase):
    """The number of m-lines never shrinks, their order never changes (RFC 3264 section 8)."""

    def test_padded(self) -> None:
        """A leg that knows video gets it rejected when the other has none."""
        known = session("audio 4000 0", "video 4002 96")
        body, alignment = Alignment().translate(session("audio 7000 0"), to_b=True, previous=known)
        self.assertEqual(ports(body), [("audio", 7000), ("video", 0)])
        self.assertEqual(alignment.pairs, ((0, 0),))

    def test_reordered_and_back(self) -> None:
        """Streams are matched by kind; the answer finds its way back."""
        known = session("video 4002 96", "audio 4000 0")
        body, alignment = Alignment().translate(
            session("audio 7000 0", "video 7002 96"), to_b=True, previous=known
        )
        self.assertEqual(ports(body), [("video", 7002), ("audio", 7000)])
        back, _ = alignment.translate(
            session("video 8002 96", "audio 8000 0"), to_b=False, previous=session("audio 1 0", "video 2 96")
        )
        self.assertEqual(ports(back), [("audio", 8000), ("video", 8002)])

    def test_appended(self) -> None:
        """A new kind of stream comes after all that are known."""
        body, alignment = Alignment(((0, 0),)).translate(
            session("audio 7000 0", "video 7002 96"), to_b=True, previous=session("audio 4000 0")
        )
        self.assertEqual(ports(body), [("audio", 7000), ("video", 7002)])
        self.assertEqual(alignment.pairs, ((0, 0), (1, 1)))
