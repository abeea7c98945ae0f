"""Random lives of a leg: whatever is said and sent at whatever time, it ends well."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from b2bua.legs.leg import Leg, LegState
from b2bua.legs.party import Policy
from b2bua.legs.words import Answered, HungUp, Moved, Offered, Referred, Refused
from b2bua.wire.message import Field
from tests.legs.layer import ANSWER, HELD_SDP, OFFER, FakeServer, LegCase, sdp
from tests.legs.test_leg_states import NEW, WORDS

SEEDS = 400
BODIES = (b"", OFFER, ANSWER, HELD_SDP, NEW, sdp(port=4444))
CODES = (100, 180, 183, 199, 200, 200, 200, 302, 401, 408, 422, 481, 486, 487, 488, 491, 491, 500, 503, 603)
METHODS = ("INVITE", "INVITE", "UPDATE", "PRACK", "INFO", "REFER", "NOTIFY", "OPTIONS", "BYE")
ENDS = (Refused, Moved, HungUp)


class RandomLifeTests(LegCase):
    """One leg, one seed."""

    def live(self, seed: int) -> None:
        """Live one life, and see that nothing is left of it."""
        self.setUp()
        self.random = Random(seed)
        self.servers: list[FakeServer] = []
        leg = self.begin()
        for _ in range(self.random.randrange(3, 25)):
            self.random.choice(
                (self.say, self.say, self.request_comes, self.response_comes, self.time_passes)
            )(leg)
        self.end(leg)

    def begin(self) -> Leg:
        """Open a leg of either kind."""
        policy = Policy(
            session_expires=self.random.choice((0, 1800)),
            reliable=self.random.choice(("never", "supported", "required")),
        )
        offer = self.random.choice((OFFER, OFFER, None))
        if self.random.random() < 0.5:
            return self.outgoing(offer, policy=policy)
        fields: list[Field] = []
        if self.random.random() < 0.5:
            fields.append(("Supported", "100rel, timer"))
        if self.random.random() < 0.2 and policy.reliable != "never":
            fields.append(("Require", "100rel"))
        return self.incoming(offer, policy=policy, fields=fields)

    def say(self, leg: Leg) -> None:
        """The other side says something."""
        choice = self.random.choice(WORDS)
        if isinstance(choice, ENDS) and self.random.random() < 0.7:
            choice = Answered(ANSWER)
        leg.say(choice)

    def request_comes(self, leg: Leg) -> None:
        """The peer sends something."""
        dice = self.random
        if leg.dialog is None:
            return
        if leg.incoming and dice.random() < 0.4:
            self.acknowledge(leg, dice.choice(BODIES), cseq=self.cseq)
            return
        if leg.incoming and leg.peer_invite is not None and leg.peer_invite.initial and dice.random() < 0.1:
            self.cancel(leg)
            return
        method = dice.choice(METHODS)
        fields: list[Field] = []
        body = dice.choice(BODIES) if method in ("INVITE", "UPDATE", "PRACK") else b""
        if method == "PRACK":
            rseq = next((r.rseq for r in reversed(self.server.responses) if r.rseq), 1) if leg.incoming else 1
            fields.append(("RAck", f"{rseq} 100 INVITE"))
        if method == "REFER":
            fields.append(("Refer-To", "<sip:103@example.com>"))
        if method == "NOTIFY":
            fields.append(("Event", dice.choice(("talk", "refer"))))
        self.servers.append(self.gets(leg, method, body, fields=fields))

    def response_comes(self, leg: Leg) -> None:
        """The peer answers something."""
        dice = self.random
        open_ = [client for client in self.layer.clients if not client.finished]
        if not open_:
            return
        client = dice.choice(open_)
        code = dice.choice(CODES)
        if code < 200 and client.request.method != "INVITE":
            code = 200
        fields: list[Field] = []
        if code in (180, 183) and dice.random() < 0.3:
            fields += [("Require", "100rel"), ("RSeq", str(dice.randrange(1, 4)))]
        if code == 500 and dice.random() < 0.5:
            fields.append(("Retry-After", "1"))
        if dice.random() < 0.2:
            fields.append(("Session-Expires", f"90;refresher={dice.choice(('uac', 'uas'))}"))
        client.answer(code, dice.choice(BODIES), tag=dice.choice(("a", "b")), fields=fields)

    def time_passes(self, leg: Leg) -> None:
        """A while passes."""
        self.pump(self.random.choice((0.5, 2, 10, 35)), 0.5)

    def end(self, leg: Leg) -> None:
        """Hang up; the peer answers everything; nothing is left."""
        leg.hang_up()
        for word in self.words:
            if isinstance(word, Referred):
                word.referral.refuse(603)
        for _ in range(5):
            for client in list(self.layer.clients):
                if not client.finished:
                    client.answer(487 if client.request.method == "INVITE" else 200, tag="a")
            self.pump(33, 0.5)
        self.assertIs(leg.state, LegState.ENDED)
        self.assertEqual(self.gone, [leg])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.context.dialogs), 0)
        self.check_words()
        for server in self.servers:
            self.assertIsNotNone(server.final, server.request)

    def check_words(self) -> None:
        """There is one first word and one last word at most."""
        for number, word in enumerate(self.words):
            if isinstance(word, Offered):
                self.assertEqual(number, 0)
            if isinstance(word, HungUp):
                self.assertIs(word, self.words[-1])


def _test(seeds: range) -> Callable[[RandomLifeTests], None]:
    """Make the test of some seeds."""

    def test(self: RandomLifeTests) -> None:
        """Live these lives."""
        for seed in seeds:
            try:
                self.live(seed)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error!r}") from error

    test.__doc__ = f"Seeds {seeds.start} to {seeds.stop - 1}."
    return test


for _start in range(0, SEEDS, 50):
    setattr(RandomLifeTests, f"test_{_start:04}", _test(range(_start, _start + 50)))
