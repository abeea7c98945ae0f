"""Bindings in memory: order, expiry, liveness and news."""

from __future__ import annotations

import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.registrar.bindings import Binding, Bindings, Change
from b2bua.transactions.flow import Flow
from tests.registrar.support import FakeClock

AOR = "101@pbx.example.com"
FLOW = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.101", 5060))


def binding(name: str, expires_at: float = 100.0, **said: Any) -> Binding:
    """A binding of 101."""
    return Binding(AOR, f"sip:101@{name}", said.pop("flow", FLOW), expires_at, **said)


class BindingsTests(SynchronousTestCase):
    """L{Bindings} on a clock that goes when it is told to."""

    def setUp(self) -> None:
        """Nobody is bound."""
        self.layer = FakeClock()
        self.bindings = Bindings(self.layer)
        self.news: list[tuple[str, str, str]] = []
        self.bindings.listen(lambda c: self.news.append((c.kind, c.binding.contact[8:], c.why)))
        self.gone: list[str] = []
        self.bindings.listen(lambda c: self.gone.append(c.binding.aor) if c.kind == "unregistered" else None)

    def names(self) -> list[str]:
        """Which contacts are called."""
        return [found.contact[8:] for found in self.bindings.contacts(AOR)]

    def test_look_up_makes_nothing(self) -> None:
        """A look-up gives the very tuple that is stored."""
        self.bindings.put(AOR, (binding("a"), binding("b")))
        self.assertIs(self.bindings.contacts(AOR), self.bindings.contacts(AOR))
        self.assertIs(self.bindings.contacts(AOR), self.bindings.all(AOR))
        self.assertEqual(self.bindings.contacts("102@pbx.example.com"), ())

    def test_one_instance(self) -> None:
        """A phone that has registered twice gets one INVITE, at the contact of last (RFC 5626 section 7)."""
        first = binding("a", instance="urn:uuid:1", call_id="1", since=1.0)
        second = binding("b", instance="urn:uuid:1", call_id="1", since=2.0)
        other = binding("c", instance="urn:uuid:2", call_id="2", since=0.0)
        self.bindings.put(AOR, (first, second, other))
        self.assertEqual(self.names(), ["b", "c"])
        self.assertEqual(len(self.bindings.all(AOR)), 3)

    def test_expired_is_not_seen(self) -> None:
        """From the second of its expiry on nobody finds it, before the sweep as after."""
        self.bindings.put(AOR, (binding("a", 7.0), binding("b", 100.0)))
        self.layer.clock.advance(6.9)
        self.assertEqual(self.names(), ["a", "b"])
        self.layer.clock.advance(0.1)
        self.assertEqual(self.names(), ["b"])
        self.assertEqual([b.contact for b in self.bindings], ["sip:101@b"])
        self.layer.clock.pump([5.0])
        self.assertEqual(self.news[-1], ("unregistered", "a", "expired"))
        self.assertEqual(len(self.bindings), 1)

    def test_order_of_expiry(self) -> None:
        """What ends at once is told of in the same order each time, so that worlds play again."""
        aors = [f"{number}@pbx.example.com" for number in range(100, 120)]
        for aor in reversed(aors):
            self.bindings.put(aor, (Binding(aor, f"sip:{aor}", FLOW, 7.0),))
        self.layer.clock.advance(10)
        self.assertEqual(self.gone, aors)
        flow = Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.101", 5060), 7)
        for aor in reversed(aors):
            self.bindings.put(aor, (Binding(aor, f"sip:{aor}", flow, 700.0),))
        self.bindings.flow_lost(flow)
        self.assertEqual(self.gone, 2 * aors)

    def test_no_timer_without_bindings(self) -> None:
        """When the last one is gone, no timer is left, and nothing else."""
        for end in (7.0, 33.0):
            self.bindings.put(AOR, (binding("a", end),))
        self.layer.clock.pump([5.0] * 8)
        self.assertEqual(self.news[-1][2], "expired")
        self.assertEqual(self.layer.clock.getDelayedCalls(), [])
        self.assertEqual((len(self.bindings), self.bindings._due), (0, {}))

    def test_close(self) -> None:
        """After the end no timer is left."""
        self.bindings.put(AOR, (binding("a"),))
        self.bindings.close()
        self.assertEqual(self.layer.clock.getDelayedCalls(), [])

    def test_news(self) -> None:
        """What is new is told once each, after it was made."""
        first = binding("a")
        self.bindings.put(AOR, (first,))
        self.bindings.put(AOR, (first, binding("b")))
        self.bindings.put(AOR, (first._replace(expires_at=200.0),), "replaced")
        self.assertEqual(
            self.news,
            [
                ("registered", "a", ""),
                ("registered", "b", ""),
                ("unregistered", "b", "replaced"),
                ("refreshed", "a", ""),
            ],
        )

    def test_silent(self) -> None:
        """A contact that does not answer is not called until it is heard of again."""
        first, second = binding("a"), binding("b")
        self.bindings.put(AOR, (first, second))
        self.bindings.hush(first, True)
        self.bindings.hush(first, True)
        self.assertEqual((self.names(), self.bindings.silent(first)), (["b"], True))
        self.assertEqual(len(self.bindings.all(AOR)), 2)
        self.bindings.put(AOR, (first, second._replace(expires_at=300.0)))
        self.assertEqual(self.names(), ["b"], "the other one's REGISTER says nothing of it")
        self.bindings.put(AOR, (first._replace(expires_at=300.0), second))
        self.assertEqual(self.names(), ["a", "b"])
        self.assertEqual([kind for kind, _, _ in self.news].count("silent"), 1)

    def test_silence_of_the_gone(self) -> None:
        """Of a contact that is gone nothing is remembered."""
        first = binding("a")
        self.bindings.put(AOR, (first,))
        self.bindings.hush(first, True)
        self.bindings.put(AOR, ())
        self.bindings.hush(first, True)
        self.assertFalse(self.bindings.silent(first))

    def test_load(self) -> None:
        """What a store had is there, without news, and without what expired."""
        self.layer.clock.advance(50)
        self.bindings.load([binding("a"), binding("b", 40.0), binding("c")])
        self.assertEqual((self.names(), self.news, len(self.bindings)), (["a", "c"], [], 2))

    def test_size(self) -> None:
        """A hundred thousand bindings change nothing about what one look-up touches."""
        self.assertLess(sys.getsizeof(binding("a")), 256)


flows = st.sampled_from([0, 1, 2, 3]).map(lambda n: FLOW._replace(connection=n))
contacts = st.builds(
    lambda name, flow, seconds, q: binding(name, seconds, flow=flow, q=q),
    st.sampled_from("abcd"),
    flows,
    st.floats(1, 60),
    st.sampled_from([0, 500, 1000]),
)
steps = st.one_of(
    st.tuples(st.just("put"), st.lists(contacts, max_size=4, unique_by=lambda b: b.contact)),
    st.tuples(st.just("lost"), flows),
    st.tuples(st.just("wait"), st.floats(0.1, 20)),
    st.tuples(st.just("hush"), contacts),
)


class AnythingTests(SynchronousTestCase):
    """Whatever happens, the indexes agree with each other."""

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.lists(steps, max_size=20))
    def test_consistent(self, did: list[tuple[str, Any]]) -> None:
        """The news add up to what is there; counts are right; nothing is left at the end."""
        layer = FakeClock()
        bindings = Bindings(layer)
        told: dict[str, Binding] = {}

        def hear(change: Change) -> None:
            if change.kind == "unregistered":
                del told[change.binding.contact]
            elif change.kind in ("registered", "refreshed"):
                told[change.binding.contact] = change.binding

        bindings.listen(hear)
        for what, how in did:
            if what == "put":
                now = layer.now()
                bindings.put(AOR, tuple(b._replace(expires_at=now + b.expires_at) for b in how))
            elif what == "lost":
                bindings.flow_lost(how)
            elif what == "wait":
                layer.clock.advance(how)
            else:
                bindings.hush(how, True)
            now = layer.now()
            alive = {b.contact for b in bindings.all(AOR)}
            self.assertLessEqual(alive, set(told))
            self.assertEqual(alive, {c for c, b in told.items() if b.expires_at > now})
            self.assertEqual(len(bindings), len(told))
            if what == "lost" and how.connection:
                self.assertTrue(all(b.connection != how.connection for b in told.values()))
        layer.clock.pump([5.0] * 20)
        self.assertEqual((len(bindings), told, bindings._connections), (0, {}, {}))
        self.assertEqual(layer.clock.getDelayedCalls(), [])
