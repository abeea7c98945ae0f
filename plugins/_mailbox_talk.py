"""What a mailbox says, and what it hears: a message, the keys of its owner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from b2bua_plugins._mailbox import Mailbox, caller_of, seconds
from b2bua_plugins._pins import about

if TYPE_CHECKING:
    from b2bua.calls import Conversation
    from b2bua_plugins._pins import Guesses

KEY_SECONDS = 6.0
TRIES = 3
"""So often a PIN may be wrong in one call."""
GREETING_SECONDS = 60.0
MENU = "123450"
"""The keys that say what is to become of a message."""


class Limits(Protocol):
    """What holds for all mailboxes."""

    seconds: float
    shortest: float
    silence: float
    messages: int


class Wishes(Protocol):
    """What the owner of a mailbox wants."""

    pin: str
    ask_pin: bool


class Mailboxes(Protocol):
    """All mailboxes, as a conversation needs them."""

    @property
    def limits(self) -> Limits:
        """What holds for all."""

    def of(self, extension: str) -> Wishes:
        """What an extension wants."""

    def has(self, extension: str) -> bool:
        """Has an extension a mailbox?"""

    def mailbox(self, extension: str) -> Mailbox:
        """The mailbox of an extension."""

    def place(self, extension: str, caller: str) -> Path:
        """Where a new message goes."""

    def changed(self, extension: str) -> None:
        """There is another message, or one less."""

    def arrived(self, extension: str, message: Path) -> None:
        """There is a new message."""

    def set_pin(self, extension: str, pin: str) -> None:
        """Take another PIN."""


class Talks:
    """The conversations of mailboxes."""

    def __init__(self, boxes: Mailboxes, sounds: Path, guesses: Guesses) -> None:
        """
        Speak for some mailboxes.

        @param sounds: the directory of the language.
        """
        self._boxes, self._sounds, self._guesses = boxes, sounds, guesses

    def _sound(self, name: str) -> str:
        """The file of a sound."""
        return str(self._sounds / f"{name}.wav")

    # ---- callers -------------------------------------------------------------------

    async def take(self, talk: Conversation, owner: str, caller: str) -> None:
        """Take a message; one whose caller hangs up counts as well."""
        mailbox, limits = self._boxes.mailbox(owner), self._boxes.limits
        counts = mailbox.counts()
        if counts.new + counts.old >= limits.messages:
            await talk.play(self._sound("full"))
            return
        greeting = str(mailbox.greeting) if mailbox.greeting.exists() else self._sound("not_there")
        await talk.play(greeting, self._sound("tone"), until="#")
        message = self._boxes.place(owner, caller)
        ended = await talk.record(str(message), limits.seconds, silence=limits.silence)
        if seconds(message) < limits.shortest:
            message.unlink(missing_ok=True)
        else:
            self._boxes.arrived(owner, message)
        if ended.startswith("failed"):
            await talk.play(self._sound("not_saved"))
        elif ended != "left":
            await talk.play(self._sound("goodbye"))

    # ---- owners --------------------------------------------------------------------

    async def remote(self, talk: Conversation) -> None:
        """Ask for extension and PIN, from any phone."""
        for _ in range(TRIES):
            owner = await talk.ask(self._sound("extension"), most=8, seconds=KEY_SECONDS)
            if await self._opens(talk, owner):
                await self._tell(talk, owner)
                return
        await talk.play(self._sound("goodbye"))

    async def own(self, talk: Conversation, owner: str) -> None:
        """Tell the owner, who may have to know the PIN."""
        wishes = self._boxes.of(owner)
        if wishes.ask_pin and wishes.pin and not await self._opens(talk, owner):
            await talk.play(self._sound("goodbye"))
            return
        await self._tell(talk, owner)

    async def _opens(self, talk: Conversation, owner: str) -> bool:
        """Does the party know the PIN?  Nobody learns from it which extensions there are."""
        given = await talk.ask(self._sound("pin"), most=16, seconds=KEY_SECONDS)
        known = self._boxes.has(owner)
        right = self._boxes.of(owner).pin if known else ""
        by = [str(talk.party)] + ([about(f"box {owner}", talk.party)] if known else [])
        if self._guesses.opens(given, right, *by):
            return True
        await talk.play(self._sound("wrong"))
        return False

    async def _tell(self, talk: Conversation, owner: str) -> None:
        """Play the messages, those first that nobody has heard, and do with each what they want."""
        mailbox = self._boxes.mailbox(owner)
        fresh, kept = mailbox.new(), mailbox.kept()
        if fresh:
            count = str(len(fresh)) if len(fresh) < 10 else "more"
            key = await talk.play(self._sound("new_messages"), self._sound(count), until=MENU)
        else:
            key = await talk.play(self._sound("no_messages"), until=MENU)
        for message in (*fresh, *kept):
            if not await self._one(talk, owner, mailbox, message, key):
                return
            key = ""
        while await self._settings(talk, owner, key):
            key = ""
        await talk.play(self._sound("goodbye"))

    async def _one(
        self, talk: Conversation, owner: str, mailbox: Mailbox, message: Path, pressed: str
    ) -> bool:
        """
        Play one message; False when nobody presses anything, which leaves it as it is.

        @param pressed: the key that was pressed before it began.
        """
        key = "1"
        while key == "1":
            if not message.exists():
                return True  # another phone of the owner was faster
            key = pressed or await talk.play(str(message), self._sound("menu"), until=MENU)
            key, pressed = key or await talk.key(KEY_SECONDS, among=MENU), ""
            if key == "5":
                await self._forward(talk, message)
                key = "1"
            elif key == "4":
                await self._call_back(talk, message)
                key = "1"
            elif key == "0":
                await self._settings(talk, owner)
                key = "1"
        if key == "3":
            message.unlink(missing_ok=True)
        elif key == "2":
            mailbox.keep(message)
        else:
            return False
        self._boxes.changed(owner)
        await talk.play(self._sound("deleted" if key == "3" else "kept"))
        return True

    async def _forward(self, talk: Conversation, message: Path) -> None:
        """Give a copy of a message to another mailbox."""
        other = await talk.ask(self._sound("forward_to"), most=8, seconds=KEY_SECONDS)
        counts = self._boxes.mailbox(other).counts() if self._boxes.has(other) else None
        if counts is None or counts.new + counts.old >= self._boxes.limits.messages:
            await talk.play(self._sound("unknown" if counts is None else "full"))
            return
        self._boxes.mailbox(other).take(message)
        self._boxes.changed(other)
        await talk.play(self._sound("done"))

    async def _call_back(self, talk: Conversation, message: Path) -> None:
        """Ring who has left a message; if nobody answers the message is played again."""
        number = caller_of(message)
        if number:
            await talk.dial(number, hears=str(self._sounds.parent / "music" / "ringing.wav"))
        await talk.play(self._sound("nobody" if number else "no_number"))

    async def _settings(self, talk: Conversation, owner: str, pressed: str = "") -> bool:
        """The greeting and the PIN; False when nothing more is wanted."""
        key = pressed if pressed in ("1", "2") else await talk.play(self._sound("settings"), until="12")
        key = key or await talk.key(KEY_SECONDS, among="12")
        if key == "1":
            await self.greeting(talk, owner)
        elif key == "2":
            pin = await talk.ask(self._sound("new_pin"), most=16, seconds=KEY_SECONDS)
            if len(pin) >= 4:
                self._boxes.set_pin(owner, pin)
            await talk.play(self._sound("saved" if len(pin) >= 4 else "wrong"))
        return bool(key)

    async def greeting(self, talk: Conversation, owner: str) -> None:
        """Record a greeting, and play it; one without a word brings the standard one back."""
        place = self._boxes.mailbox(owner).greeting
        place.parent.mkdir(parents=True, exist_ok=True)
        await talk.play(self._sound("greeting"), self._sound("tone"))
        await talk.record(str(place), GREETING_SECONDS, silence=self._boxes.limits.silence)
        if seconds(place) < self._boxes.limits.shortest:
            place.unlink(missing_ok=True)
            await talk.play(self._sound("deleted"))
        else:
            await talk.play(self._sound("saved"), str(place))
