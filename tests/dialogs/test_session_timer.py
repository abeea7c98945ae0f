"""The session timer, both roles (RFC 4028)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.session_timer import SessionTimer, TooBrief
from b2bua.wire.message import Field, Request, Response


def request(*fields: Field) -> Request:
    """Write an INVITE of the peer."""
    return Request("INVITE", "sip:b@example.com", fields)


def response(*fields: Field, code: int = 200) -> Response:
    """Write a response of the peer."""
    return Response(code, "", fields)


TIMER = ("Supported", "timer")


class ServerTests(SynchronousTestCase):
    """What we agree to (section 9)."""

    def agree(self, timer: SessionTimer, *fields: Field) -> tuple[int, bool, dict[str, str]]:
        """Give interval, whether we refresh, and the fields of the 2xx."""
        asked = request(*fields)
        verdict = timer.answer(asked)
        assert isinstance(verdict, SessionTimer)
        return verdict.interval, verdict.refreshing, dict(verdict.answering(asked))

    def test_table_2(self) -> None:
        """The refresher in the answer, by table 2."""
        timer = SessionTimer(0)
        cases = (
            ((("Session-Expires", "1800"),), "uas"),
            ((TIMER, ("Session-Expires", "1800")), "uac"),
            ((TIMER, ("Session-Expires", "1800;refresher=uac")), "uac"),
            ((TIMER, ("Session-Expires", "1800;refresher=uas")), "uas"),
        )
        for fields, refresher in cases:
            with self.subTest(fields=fields):
                interval, ours, answer = self.agree(timer, *fields)
                self.assertEqual(interval, 1800)
                self.assertEqual(ours, refresher == "uas")
                self.assertEqual(answer["Session-Expires"], f"1800;refresher={refresher}")

    def test_require(self) -> None:
        """A refresher=uac needs Require: timer; without support of the peer there is none."""
        self.assertEqual(self.agree(SessionTimer(0), TIMER, ("Session-Expires", "90"))[2]["Require"], "timer")
        self.assertNotIn("Require", self.agree(SessionTimer(0), ("Session-Expires", "90"))[2])

    def test_too_brief(self) -> None:
        """Less than our minimum gets 422 with Min-SE, if the peer knows timers (sections 6, 9)."""
        verdict = SessionTimer(0, 120).answer(request(TIMER, ("Session-Expires", "90")))
        assert isinstance(verdict, TooBrief)
        self.assertEqual(verdict.fields, (("Min-SE", "120"),))

    def test_too_brief_without_support(self) -> None:
        """A peer who does not know timers cannot be refused for what a proxy asked."""
        interval, ours, _ = self.agree(SessionTimer(0, 120), ("Session-Expires", "90"))
        self.assertEqual((interval, ours), (90, True))

    def test_never_up(self) -> None:
        """The value may go down to Min-SE, never up (section 9)."""
        self.assertEqual(self.agree(SessionTimer(3600), TIMER, ("Session-Expires", "600"))[0], 600)
        self.assertEqual(self.agree(SessionTimer(300), TIMER, ("Session-Expires", "600"))[0], 300)
        floor = self.agree(SessionTimer(300), TIMER, ("Session-Expires", "600"), ("Min-SE", "400"))
        self.assertEqual(floor[0], 400)

    def test_asked_by_us(self) -> None:
        """A peer who knows timers may be asked for one in the 2xx (section 9)."""
        self.assertEqual(self.agree(SessionTimer(1800), TIMER)[0], 1800)
        self.assertEqual(self.agree(SessionTimer(1800), TIMER, ("Min-SE", "2000"))[0], 2000)

    def test_none(self) -> None:
        """A peer who does not know timers and is not asked has none."""
        self.assertEqual(self.agree(SessionTimer(1800)), (0, False, {}))

    def test_role_is_kept(self) -> None:
        """A refresh that leaves the role open does not change it (section 7.4)."""
        timer = SessionTimer(1800, interval=1800, refreshing=True)
        self.assertTrue(self.agree(timer, TIMER, ("Session-Expires", "1800"))[1])


class ClientTests(SynchronousTestCase):
    """What we ask for (section 7)."""

    def test_asking(self) -> None:
        """The first request leaves the refresher open (section 7.1)."""
        self.assertEqual(SessionTimer(1800).asking(), (("Session-Expires", "1800"),))
        self.assertEqual(SessionTimer(0).asking(), ())

    def test_agreed(self) -> None:
        """The 2xx decides (section 7.2)."""
        timer = SessionTimer(1800).agreed(response(("Session-Expires", "600;refresher=uac")))
        self.assertEqual((timer.interval, timer.refreshing), (600, True))

    def test_unasked(self) -> None:
        """An unasked Session-Expires is obeyed (section 7.2)."""
        timer = SessionTimer(0).agreed(response(("Session-Expires", "600;refresher=uas")))
        self.assertEqual((timer.interval, timer.refreshing), (600, False))

    def test_absent(self) -> None:
        """Without one in the latest 2xx the timer is off (section 7.2)."""
        timer = SessionTimer(1800, interval=600, refreshing=True).agreed(response())
        self.assertEqual(timer.delay, 0)

    def test_role_in_refresh(self) -> None:
        """A refresh says who refreshes now, with the interval in force (section 7.4)."""
        ours = SessionTimer(1800, interval=600, refreshing=True)
        theirs = SessionTimer(1800, interval=600, refreshing=False)
        self.assertEqual(ours.asking(), (("Session-Expires", "600;refresher=uac"),))
        self.assertEqual(theirs.asking(), (("Session-Expires", "600;refresher=uas"),))

    def test_422(self) -> None:
        """After a 422 the interval and Min-SE go up to what it says (sections 7.3, 7.4)."""
        timer = SessionTimer(1800).refused(response(("Min-SE", "3600"), code=422))
        assert timer is not None
        self.assertEqual(timer.asking(), (("Session-Expires", "3600"), ("Min-SE", "3600")))

    def test_422_again(self) -> None:
        """The largest Min-SE counts; the same one again means to give up."""
        timer = SessionTimer(1800).refused(response(("Min-SE", "3600"), code=422))
        assert timer is not None
        self.assertIsNone(timer.refused(response(("Min-SE", "3600"), code=422)))
        self.assertIsNone(timer.refused(response(code=422)))

    def test_min_se_of_peer(self) -> None:
        """A Min-SE in a request of the peer is repeated in ours (section 7.4)."""
        timer = SessionTimer(1800).answer(request(TIMER, ("Min-SE", "2000"), ("Session-Expires", "2400")))
        assert isinstance(timer, SessionTimer)
        self.assertIn(("Min-SE", "2000"), timer.asking())


class DelayTests(SynchronousTestCase):
    """When something is due."""

    def test_refresher(self) -> None:
        """The refresher refreshes at half the interval (section 7.2)."""
        self.assertEqual(SessionTimer(0, interval=1800, refreshing=True).delay, 900)

    def test_other_side(self) -> None:
        """The other side gives up min(32, interval/3) seconds before the end (section 10)."""
        self.assertEqual(SessionTimer(0, interval=1800).delay, 1768)
        self.assertEqual(SessionTimer(0, interval=90).delay, 60)
