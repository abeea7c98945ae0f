"""What a place says to those who wait in it: one script for each, however their phones change the session."""

from __future__ import annotations

from typing import Any

from b2bua import hookimpl
from b2bua.calls import Wait, Waiting
from b2bua.testing import LadderTestCase, Manners, World


class Place:
    """A place whose script plays music for ten seconds at a time."""

    def __init__(self) -> None:
        """Nobody has come."""
        self.began = 0

    async def script(self, talk: Waiting) -> None:
        """Say nothing but music, then wait for a key."""
        self.began += 1
        await talk.music(10)
        await talk.key(None)

    @hookimpl
    def music_wanted(self, call: Any, leg: Any, waits: Any) -> str:
        """All hear the same."""
        return "music.wav"

    @hookimpl
    def route_call(self, attempt: Any) -> Wait | None:
        """Who dials 59 waits there."""
        return Wait("59", 200, "", "Parked", self.script) if attempt.user == "59" else None


class WaitingScriptTests(LadderTestCase):
    """The script of a place."""

    def test_music_is_over(self) -> None:
        """Music whose time is over is heard no more, and a new session begins no second script."""
        place = Place()
        self.world = World(features=[place])
        (alice,) = self.world.phones("alice", manners=Manners())
        alice.dial("59")
        self.world.run(5)
        [voice] = self.world.voices.open_voices
        self.assertEqual(voice.playing, "music")
        self.world.run(10)
        self.assertFalse(voice.playing)
        alice.session.move_media()
        self.world.run(5)
        self.assertEqual(place.began, 1)
        alice.session.hang_up()
        self.world.run(2)
        self.quiet()
