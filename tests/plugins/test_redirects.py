"""Which contacts of a 3xx a call can go to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls import Dial, Diverted, Forward, Member
from b2bua_plugins.redirects import CONTACTS_MAX, REFUSED, follow


class FollowTests(SynchronousTestCase):
    """L{follow}."""

    def test_one(self) -> None:
        """One contact is a forward."""
        self.assertEqual(
            follow(("<sip:103@pbx;transport=tcp?Subject=x>;q=0.5",)),
            Forward("sip:103@pbx;transport=tcp", Diverted.DEFLECTED),
        )

    def test_several(self) -> None:
        """Several are tried in their order, each one once."""
        verdict = follow(("<sip:a@b>", "<tel:+1>", "<sip:a@b>;q=0.1"))
        self.assertEqual(
            verdict, Dial((Member("sip:a@b"), Member("tel:+1")), "sequential", why=Diverted.DEFLECTED)
        )

    def test_none(self) -> None:
        """What cannot be read, or is no call, is passed over."""
        self.assertEqual(follow(()), REFUSED)
        self.assertEqual(follow(("<<>>", "<mailto:a@b>", "*", "<http://x/>")), REFUSED)

    def test_many(self) -> None:
        """A phone cannot make us call the whole town."""
        verdict = follow(tuple(f"<sip:{n}@pbx>" for n in range(100)))
        assert isinstance(verdict, Dial)
        self.assertEqual(len(verdict.members), CONTACTS_MAX)
