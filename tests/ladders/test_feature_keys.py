"""Feature keys: C{as-feature-event} both ways."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Manners, World
from b2bua.wire.xml import Element, read
from b2bua_plugins.feature_keys import NAMESPACE, TYPE


def set_dnd(on: bool, device: str = "") -> bytes:
    """What a phone sends when its user presses DND."""
    said = "true" if on else "false"
    return (
        f'<?xml version="1.0"?><SetDoNotDisturb xmlns="{NAMESPACE}"><device>{device}</device>'
        f"<doNotDisturbOn>{said}</doNotDisturbOn></SetDoNotDisturb>"
    ).encode()


def set_forward(kind: str, number: str, on: bool = True, rings: str = "") -> bytes:
    """What a phone sends when its user sets a forward."""
    return (
        f'<SetForwarding xmlns="{NAMESPACE}"><device/><forwardingType>{kind}</forwardingType>'
        f"<activateForward>{'true' if on else 'false'}</activateForward><forwardDN>{number}</forwardDN>"
        f"<ringCount>{rings}</ringCount></SetForwarding>"
    ).encode()


def states(body: bytes) -> dict[str, Element]:
    """The states of a NOTIFY, by their kinds."""
    found = {}
    for part in body.split(b"--b2bua-features")[1:-1]:
        root = read(part.partition(b"\r\n\r\n")[2].strip())
        found[root.text_of("forwardingType") or root.name] = root
    return found


class KeyCase(LadderTestCase):
    """Bob has two phones."""

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed")

    def setUp(self) -> None:
        """Both are subscribed."""
        super().setUp()
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners(answers_after=1))
        self.other = self.world.phone("bob", Manners(answers_after=1))
        self.other.register()
        self.world.run(1)
        self.first, self.second = (one.watch("bob", "as-feature-event") for one in (self.bob, self.other))
        self.world.run(1)

    def send(self, watching: Any, body: bytes, type: str = TYPE) -> int:
        """A key is pressed."""
        watching.subscribe(body=body, type=type)
        self.world.run(0.5)
        return int(watching.code)

    def dnd(self, watching: Any) -> str | None:
        """What a phone's key shows."""
        return states(watching.body)["DoNotDisturbEvent"].text_of("doNotDisturbOn")


class BothWaysTests(KeyCase):
    """From the phone and to it."""

    def test_all_states(self) -> None:
        """Who subscribes without a body is told everything."""
        found = states(self.first.body)
        self.assertEqual(set(found), {"DoNotDisturbEvent", "forwardImmediate", "forwardBusy", "forwardNoAns"})
        self.assertTrue(self.first.notified[-1].request.get("Content-Type").startswith("multipart/mixed"))
        self.quiet()

    def test_phone(self) -> None:
        """A key that is pressed at one phone is lit at all phones, and calls are refused."""
        self.assertEqual(self.send(self.first, set_dnd(True, "whatever")), 200)
        self.assertEqual((self.dnd(self.first), self.dnd(self.second)), ("true", "true"))
        refused = self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual(refused.state, "over")
        self.assertEqual(self.send(self.second, set_dnd(False)), 200)
        self.assertEqual((self.dnd(self.first), self.dnd(self.second)), ("false", "false"))
        self.quiet()

    def test_code(self) -> None:
        """A star code lights the keys."""
        self.bob.dial("*78")
        self.world.run(6)
        self.assertEqual((self.dnd(self.first), self.dnd(self.second)), ("true", "true"))
        self.quiet()

    def test_forward(self) -> None:
        """A forward is set with its number and rings, and touches neither DND nor another forward."""
        self.send(self.first, set_dnd(True))
        self.send(self.first, set_forward("forwardBusy", "carol"))
        self.send(self.first, set_forward("forwardNoAns", "alice", rings="3"))
        found = states(self.second.body)
        self.assertEqual(found["forwardBusy"].text_of("forwardTo"), "carol")
        self.assertEqual(found["forwardNoAns"].text_of("ringCount"), "3")
        self.send(self.first, set_forward("forwardNoAns", "alice", on=False))
        found = states(self.second.body)
        self.assertEqual(found["forwardBusy"].text_of("forwardStatus"), "true")
        self.assertEqual(found["forwardNoAns"].text_of("forwardStatus"), "false")
        self.assertEqual(self.dnd(self.first), "true")
        self.quiet()

    def test_no_ping_pong(self) -> None:
        """What is so already is set by nobody and told to nobody (fusionpbx#5864)."""
        self.send(self.first, set_dnd(True))
        told = len(self.second.notified)
        for _ in range(5):
            self.send(self.first, set_dnd(True))
        self.assertEqual(len(self.second.notified), told)
        self.quiet()


class BadTests(KeyCase):
    """What is not good."""

    def test_bodies(self) -> None:
        """Nonsense gets 400 or 415 and changes nothing."""
        nonsense = (
            b"<",
            b'<!DOCTYPE a [<!ENTITY b "true">]>' + set_dnd(True).replace(b"true", b"&b;").partition(b"?>")[2],
            b"<SetDoNotDisturb/>",
            b"<SetDoNotDisturb><doNotDisturbOn>perhaps</doNotDisturbOn></SetDoNotDisturb>",
            b"<SetNothing/>",
            set_forward("forwardNever", "carol"),
            set_forward("forwardBusy", ""),
            set_forward("forwardBusy", "bob"),
            b"<a>" * 1000,
        )
        for body in nonsense:
            with self.subTest(body[:60]):
                self.assertEqual(self.send(self.first, body), 400)
        self.assertEqual(self.send(self.first, b"x", "text/plain"), 415)
        self.assertEqual(self.dnd(self.second), "false")
        self.quiet()

    def test_nothing_half_done(self) -> None:
        """A forward that is refused leaves the rings as they were: a 400 changes nothing."""
        before = states(self.second.body)["forwardNoAns"].text_of("ringCount")
        self.assertNotEqual(before, "9")
        self.assertEqual(self.send(self.first, set_forward("forwardNoAns", "bob", rings="9")), 400)
        self.second.subscribe()
        self.world.run(1)
        self.assertEqual(states(self.second.body)["forwardNoAns"].text_of("ringCount"), before)
        self.quiet()

    def test_others(self) -> None:
        """Nobody presses the keys of others."""
        watching = self.alice.watch("bob", "as-feature-event")
        self.world.run(1)
        self.assertEqual(watching.code, 403)
        self.quiet()
