"""
Session descriptions that nobody can read, in calls that are changed afterwards.

A session passes from phone to phone as it is.  Where we have to read it, for a
transfer, a hold or a group, one that is broken must cost its own call at most:
no traceback, and nothing that stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing import Manners, World
from b2bua.testing.media import Media
from b2bua.testing.sdp import Description
from b2bua.wire.message import Request, Response

BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "port": lambda body: body.replace(b"m=audio 1", b"m=audio 99991"),
    "word for a port": lambda body: body.replace(b"m=audio ", b"m=audio x"),
    "no formats": lambda body: body.partition(b"m=")[0] + b"m=audio\r\n",
    "no origin": lambda body: body.replace(b"o=", b"O="),
    "origin": lambda body: body.replace(b" IN IP4", b" IN", 1),
    "connection": lambda body: body + b"c=IN IP4\r\n",
    "version": lambda body: body.replace(b"v=0", b"v=1"),
    "media": lambda body: body + b"m=audio 9 RTP/AVP 0\r\n" * 1000,
    "lines": lambda body: body + b"a=x\r\n" * 2000,
    "no lines": lambda body: body.replace(b"=", b"\0"),
    "nothing": lambda body: b"\xff" * len(body),
}


class BrokenSessionTests(SynchronousTestCase):
    """Alice's phone is broken, or means ill."""

    def setUp(self) -> None:
        """Phones take every session for what it is."""
        read = Media._read

        def tolerant(self: Media, body: bytes) -> Description:
            try:
                return read(self, body)
            except (AssertionError, ValueError, LookupError):
                return Description()

        self.patch(Media, "_read", tolerant)

    def world_with(self, how: str) -> World:
        """A world in which all that Alice says of sessions is broken."""
        world = World(
            features="installed",
            settings={"ring_groups": {"600": {"members": ["bob", "carol"]}}},
        )
        world.network.on_send.clear()  # the witness insists on sessions that can be read
        world.network.on_arrive.clear()
        world.phones("alice", "bob", "carol", manners=Manners(answers_after=0.5))
        alice = world.agents[0]
        transmit = alice.transmit

        def broken(message: Request | Response, path: Any) -> None:
            if message.body:
                message = message.with_body(BROKEN[how](message.body), "application/sdp")
            transmit(message, path)

        self.patch(alice, "transmit", broken)
        return world

    def each(self, deed: Callable[[World, Any, Any, Any], None]) -> None:
        """Do something with each kind of broken session."""
        for how in BROKEN:
            with self.subTest(how=how):
                world = self.world_with(how)
                alice, bob, carol = world.agents
                deed(world, alice, bob, carol)
                world.run(5)
                for phone in world.agents:
                    for session in list(phone.live):  # type: ignore[attr-defined]
                        session.hang_up()
                world.run(100)
                assert world.served is not None
                self.assertEqual(self.flushLoggedErrors(), [], how)
                self.assertEqual(world.served.complaints(), [], how)

    def test_calls(self) -> None:
        """She calls and is called, and either side hangs up."""

        def deed(world: World, alice: Any, bob: Any, carol: Any) -> None:
            alice.dial("bob")
            world.run(3)
            alice.hang_up()
            world.run(1)
            bob.dial("alice")

        self.each(deed)

    def test_hold(self) -> None:
        """She holds and resumes, and is held."""

        def deed(world: World, alice: Any, bob: Any, carol: Any) -> None:
            alice.dial("bob")
            world.run(3)
            for phone in (alice, bob):
                if phone.live:
                    phone.hold()
                    world.run(2)
                if phone.live:
                    phone.resume()
                    world.run(2)

        self.each(deed)

    def test_transfer(self) -> None:
        """She transfers, and is transferred."""

        def deed(world: World, alice: Any, bob: Any, carol: Any) -> None:
            for by in (alice, bob):
                alice.dial("bob")
                world.run(3)
                if by.live:
                    by.session.transfer("carol")
                world.run(6)

        self.each(deed)

    def test_target_of_a_transfer(self) -> None:
        """Bob hands Carol on to her."""

        def deed(world: World, alice: Any, bob: Any, carol: Any) -> None:
            carol.dial("bob")
            world.run(3)
            bob.session.transfer("alice")

        self.each(deed)

    def test_attended_transfer(self) -> None:
        """Bob talks to her and to Carol, and joins them."""

        def deed(world: World, alice: Any, bob: Any, carol: Any) -> None:
            alice.dial("bob")
            world.run(3)
            if not bob.live:
                return
            first = bob.session
            bob.hold()
            world.run(2)
            second = bob.dial("carol")
            world.run(3)
            first.transfer(replaces=second)

        self.each(deed)

    def test_group(self) -> None:
        """She calls a group."""
        self.each(lambda world, alice, bob, carol: alice.dial("600"))
