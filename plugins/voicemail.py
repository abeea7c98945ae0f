"""
Voicemail: callers leave a message when nobody takes their call.

    [voicemail]
    directory = "voicemail"    # messages: EXTENSION/new/*.wav and EXTENSION/kept/*.wav
    number = "97"              # one's own mailbox; 97102 is that of 102
    language = "en"            # or "de", or a directory with own sounds
    seconds = 180              # the longest message
    messages = 100             # so many in a mailbox

    [extensions.102.voicemail]
    on = true

A call of 102 that is busy, not answered, declined or not to be delivered goes to
the mailbox, unless a forward of 102 says otherwise.  The caller hears the greeting
(or a standard one) and a tone, and hangs up or presses the hash key when done.
Who dials 97 hears the own messages: 1 repeats one, 2 keeps it, 3 deletes it.
With C{*98} one speaks an own greeting.  A message is there whole or not at all, also
after a power cut.  It needs a voice of the server (C{[media]}).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from b2bua import Changeable, File, NotConfigured, Options, Table, hookimpl
from b2bua.calls import Diverted, Forward, Refuse, Talk

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Conversation, Outcome

SOUNDS = Path(__file__).resolve().parent / "sounds"
KEY_SECONDS = 6.0
WHY = {
    "busy": Diverted.BUSY,
    "no_answer": Diverted.NO_ANSWER,
    "refused": Diverted.UNKNOWN,
    "unreachable": Diverted.UNREACHABLE,
}


class ForAll(Table):
    """C{[voicemail]}: where messages are, and how many."""

    directory: File
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")] = "97"
    language: str = "en"
    seconds: Annotated[float, Field(ge=5, le=1800)] = 180
    silence: Annotated[float, Field(ge=1, le=60)] = 8
    messages: Annotated[int, Field(ge=1, le=10_000)] = 100


class OfExtension(Table):
    """C{[extensions.NUMBER.voicemail]}."""

    on: Changeable[bool] = False


class Mailbox:
    """The messages of one extension, as files."""

    def __init__(self, directory: Path) -> None:
        """Look there."""
        self.greeting = directory / "greeting.wav"
        self._new, self._kept = directory / "new", directory / "kept"

    def new(self) -> list[Path]:
        """The messages that nobody has heard, the oldest first."""
        return sorted(self._new.glob("*.wav"))

    def count(self) -> int:
        """How many messages there are."""
        return len(self.new()) + len(list(self._kept.glob("*.wav")))

    def place(self, name: str) -> Path:
        """Where a new message goes."""
        self._new.mkdir(parents=True, exist_ok=True)
        return self._new / f"{name}.wav"

    def keep(self, message: Path) -> None:
        """A message was heard, and is kept."""
        self._kept.mkdir(parents=True, exist_ok=True)
        message.replace(self._kept / message.name)


class Voicemail:
    """Takes messages, and plays them to whom they are for."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"voicemail": ForAll, "extensions.*.voicemail": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Speak a greeting."""
        return {"voicemail_greeting": "*98"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take what holds for all."""
        if not options.names(ForAll):
            raise NotConfigured("no [voicemail] table")
        self._options = options
        self._all = options.of(ForAll)
        own = Path(self._all.language)
        self._sounds = own if own.is_absolute() else SOUNDS / own
        if not self._sounds.is_dir():
            raise ValueError(f'[voicemail] there are no sounds for language = "{own}"; choose "en" or "de"')

    def _has(self, extension: str) -> bool:
        """Has an extension a mailbox?"""
        return extension in self._options.extensions and self._options.of(OfExtension, extension).on

    def _mailbox(self, extension: str) -> Mailbox:
        """The mailbox of an extension."""
        return Mailbox(Path(self._all.directory) / extension)

    def _sound(self, name: str) -> str:
        """The file of a sound."""
        return str(self._sounds / f"{name}.wav")

    # ---- where calls go --------------------------------------------------------

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Forward | None:
        """Send the call of somebody who does not take it to the mailbox."""
        name, why = attempt.extension, WHY.get(outcome.kind)
        if name is None or why is None or not self._has(name):
            return None
        return Forward(self._all.number + name, why, granted=True)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | Refuse | None:
        """Answer the number of the mailboxes."""
        number, user = self._all.number, attempt.user
        if attempt.extension is not None or not user.startswith(number):
            return None
        owner = user.removeprefix(number)
        if owner and self._has(owner):
            caller = re.sub(r"[^0-9+]", "", attempt.caller_number) or "anonymous"
            return Talk(lambda talk: self._take(talk, owner, caller))
        if owner or not attempt.internal:
            return None
        name = attempt.caller.name
        if not self._has(name):
            return Refuse(404, "No mailbox")
        return Talk(lambda talk: self._tell(talk, name))

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Talk | Refuse:
        """Let the owner of a mailbox speak a greeting."""
        owner = attempt.caller.name
        if not self._has(owner):
            return Refuse(404, "No mailbox")
        return Talk(lambda talk: self._greeting(talk, owner))

    # ---- what is said ------------------------------------------------------------

    async def _take(self, talk: Conversation, owner: str, caller: str) -> None:
        """Take a message."""
        mailbox, limits = self._mailbox(owner), self._all
        if mailbox.count() >= limits.messages:
            await talk.play(self._sound("full"))
            return
        greeting = str(mailbox.greeting) if mailbox.greeting.exists() else self._sound("not_there")
        await talk.play(greeting, self._sound("tone"), until="#")
        stamp = self._options.now().strftime("%Y%m%d-%H%M%S-%f")
        path = mailbox.place(f"{stamp}-{caller}")
        await talk.record(str(path), limits.seconds, silence=limits.silence)

    async def _tell(self, talk: Conversation, owner: str) -> None:
        """Play the messages of the owner, and do with each what they want."""
        mailbox = self._mailbox(owner)
        messages = mailbox.new()
        if not messages:
            await talk.play(self._sound("no_messages"), self._sound("goodbye"))
            return
        count = str(len(messages)) if len(messages) < 10 else "more"
        await talk.play(self._sound("new_messages"), self._sound(count))
        for message in messages:
            key = "1"
            while key == "1":
                key = await talk.play(str(message), self._sound("menu"), until="123")
                key = key or await talk.key(KEY_SECONDS, among="123")
            if key == "3":
                message.unlink(missing_ok=True)
                await talk.play(self._sound("deleted"))
            elif key == "2":
                mailbox.keep(message)
                await talk.play(self._sound("kept"))
            else:
                return  # nobody presses anything: the message stays new
        await talk.play(self._sound("goodbye"))

    async def _greeting(self, talk: Conversation, owner: str) -> None:
        """Record a greeting, and play it."""
        mailbox = self._mailbox(owner)
        mailbox.greeting.parent.mkdir(parents=True, exist_ok=True)
        await talk.play(self._sound("greeting"), self._sound("tone"))
        await talk.record(str(mailbox.greeting), 60, silence=self._all.silence)
        await talk.play(self._sound("saved"), str(mailbox.greeting))
