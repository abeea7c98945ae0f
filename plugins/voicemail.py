"""
Voicemail: callers leave a message when nobody takes their call.

    [voicemail]
    directory = "voicemail"    # the messages; plugins/_mailbox.py says how they lie there
    number = "97"              # one's own mailbox; 97102 leaves a message for 102
    remote = "98"              # one's mailbox from any phone, with extension and PIN; off without it
    language = "en"            # or "de", or a directory with own sounds
    seconds = 180              # the longest message; shorter ones than shortest are none
    messages = 100             # so many in a mailbox
    days = 90                  # older ones are deleted; without it never

    [voicemail.mail]
    server = "localhost"       # takes mails to [extensions.102.voicemail] mail
    sender = "voicemail@example.com"

    [extensions.102.voicemail]
    on = true
    when = ["busy", "no_answer", "refused", "unreachable"]
    always = false             # every call, at once
    pin = "4711"               # asked for at remote, and with ask_pin at one's own phone, too
    mail = "bob@example.com"   # each message, with its sound
    mailed = "keep"            # or "delete": it is gone from here when it was sent

A call of 102 that is busy, not answered, declined or not to be delivered goes to
the mailbox, unless a forward of 102 says otherwise; C{[do_not_disturb] otherwise = "97"} sends
those there that want none.  The caller hears the greeting
(or a standard one) and a tone, and hangs up or presses the hash key when done.
Who dials 97 hears the messages: 1 repeats one, 2 keeps it, 3 deletes it, 4 calls
back, 5 and an extension forwards it, 0 has a greeting and the PIN.  C{*98} speaks a
greeting, C{*97} turns the mailbox on for every call, and off again.  Phones show
that there are messages.  It needs a voice of the server (C{[media]}).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints
from twisted.logger import Logger

from b2bua import Changeable, Directory, NotConfigured, Options, Table, hookimpl
from b2bua.calls import Confirm, Diverted, Forward, Messages, Refuse, Talk
from b2bua_plugins._mailbox import QUIET_SECONDS, Mailbox, age
from b2bua_plugins._mailbox_mail import Line, Mail, Outbox
from b2bua_plugins._mailbox_talk import Talks
from b2bua_plugins._pins import PIN, Guesses
from b2bua_plugins._sounds import of_language

if TYPE_CHECKING:
    from b2bua import Service
    from b2bua.calls import Attempt, Outcome

DAY = 24 * 3600.0
WHY = {
    "busy": Diverted.BUSY,
    "no_answer": Diverted.NO_ANSWER,
    "refused": Diverted.UNKNOWN,
    "unreachable": Diverted.UNREACHABLE,
}
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{0,8}$")]


class ForAll(Table):
    """C{[voicemail]}: where messages are, and how many."""

    directory: Directory
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")] = "97"
    remote: Number = ""
    language: str = "en"
    seconds: Annotated[float, Field(ge=5, le=1800)] = 180
    shortest: Annotated[float, Field(ge=0, le=60)] = 1
    silence: Annotated[float, Field(ge=1, le=60)] = 8
    messages: Annotated[int, Field(ge=1, le=10_000)] = 100
    days: Annotated[float, Field(gt=0, le=36_500)] | None = None
    mail: Mail | None = None


class OfExtension(Table):
    """C{[extensions.NUMBER.voicemail]}."""

    on: Changeable[bool] = False
    when: tuple[Literal["busy", "no_answer", "refused", "unreachable"], ...] = (
        "busy",
        "no_answer",
        "refused",
        "unreachable",
    )
    always: Changeable[bool] = False
    pin: Changeable[Annotated[str, StringConstraints(pattern=PIN), Field(repr=False)]] = ""
    ask_pin: bool = False
    mail: Annotated[str, Line] = ""
    mailed: Literal["keep", "delete"] = "keep"


class Voicemail:
    """Takes messages, and plays them to whom they are for."""

    log = Logger()

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"voicemail": ForAll, "extensions.*.voicemail": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Speak a greeting; every call to the mailbox."""
        return {"voicemail_greeting": "*98", "voicemail_always": "*97"}

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """The own mailbox, the one from afar, and each mailbox that takes messages."""
        remote = {self._all.remote: "voicemail.remote"} if self._all.remote else {}
        boxes = (self._all.number + name for name in self._options.extensions if self.has(name))
        return dict.fromkeys([self._all.number, *boxes], "voicemail.number") | remote

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take what holds for all."""
        if not options.names(ForAll):
            raise NotConfigured("no [voicemail] table")
        self._options = options
        self._all = options.of(ForAll)
        sounds = of_language("voicemail", self._all.language)
        if self._all.remote and self._all.remote.startswith(self._all.number):
            raise ValueError(
                f"[voicemail] remote begins with number ({self._all.number}); give it another one"
            )
        for [name] in options.names(OfExtension):
            if options.of(OfExtension, name).mail and self._all.mail is None:
                raise ValueError(f"[extensions.{name}.voicemail] mail needs a table [voicemail.mail]")
        self._service: Service | None = None
        self._outbox: Outbox | None = None
        self._guesses = Guesses(options.now)
        self._talks = Talks(self, sounds, self._guesses)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """See what was being spoken when the power failed, and what is too old."""
        self._service = service
        self._guesses.start(service)
        if self._all.mail is not None:
            self._outbox = Outbox(self._all.mail, service, self.changed)
        self._rescue()
        service.after(QUIET_SECONDS + 1, self._rescue)
        if self._all.days is not None:
            self._expire()
            service.every(DAY, self._expire)

    def _rescue(self) -> None:
        """See to the messages that were being spoken when the service died."""
        for [name] in self._options.names(OfExtension):
            try:
                found = self.mailbox(name).rescue(self._options.now(), self._all.shortest)
            except OSError as error:
                self.log.warn("[voicemail] a message for {name} stays half done: {why}", name=name, why=error)
                continue
            for message in found:
                self.arrived(name, message)

    def _expire(self) -> None:
        """Delete what is too old."""
        assert self._all.days is not None
        for [name] in self._options.names(OfExtension):
            try:
                removed = self.mailbox(name).expire(self._options.now() - age(self._all.days))
            except OSError as problem:
                self.log.warn(
                    "[voicemail] a message for {name} older than {days} days cannot be removed: {problem}; "
                    "let the user of the service write in that directory",
                    name=name,
                    days=self._all.days,
                    problem=str(problem),
                )
                continue
            if removed:
                self.changed(name)

    # ---- what the conversations ask ----------------------------------------------

    @property
    def limits(self) -> ForAll:
        """What holds for all mailboxes."""
        return self._all

    def of(self, extension: str) -> OfExtension:
        """What an extension wants."""
        return self._options.of(OfExtension, extension)

    def has(self, extension: str) -> bool:
        """Has an extension a mailbox?"""
        return extension in self._options.extensions and self.of(extension).on

    def mailbox(self, extension: str) -> Mailbox:
        """The mailbox of an extension."""
        return Mailbox(Path(self._all.directory) / extension)

    def place(self, extension: str, caller: str) -> Path:
        """Where a new message of a caller goes."""
        return self.mailbox(extension).place(self._options.now(), caller)

    def changed(self, extension: str) -> None:
        """Another message, or one less: phones show it."""
        if self._service is not None:
            self._service.changed("message-summary", extension)

    def arrived(self, extension: str, message: Path) -> None:
        """There is a new message."""
        own = self.of(extension)
        if own.mail and self._outbox is not None:
            self._outbox.send(extension, own.mail, message, delete=own.mailed == "delete")
        self.changed(extension)

    def set_pin(self, extension: str, pin: str) -> None:
        """Take another PIN."""
        self._options.change(OfExtension, extension, pin=pin)

    # ---- where calls go --------------------------------------------------------

    @hookimpl
    def target_failed(self, attempt: Attempt, outcome: Outcome) -> Forward | None:
        """Send the call of somebody who does not take it to the mailbox."""
        name = attempt.extension
        if name is None or not self.has(name):
            return None
        if outcome.kind not in self.of(name).when:
            return None
        return Forward(self._all.number + name, WHY[outcome.kind], granted=True)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | Forward | Refuse | None:
        """Answer the numbers of the mailboxes, and calls of those who take none."""
        number, user, name = self._all.number, attempt.user, attempt.extension
        if name is not None:
            if attempt.forwards and self.has(name) and self.of(name).always and attempt.caller.name != name:
                return Forward(number + name, Diverted.ALWAYS, granted=True)
            return None
        if self._all.remote and user == self._all.remote and attempt.local:
            return Talk(self._talks.remote)
        if not user.startswith(number) or not attempt.local:
            return None
        owner = user.removeprefix(number)
        if owner and self.has(owner):
            caller = re.sub(r"[^0-9+]", "", attempt.caller_number) or "anonymous"
            return Talk(lambda talk: self._talks.take(talk, owner, caller))
        if owner in self._options.extensions:
            return Refuse(480, "No mailbox")  # as when its user wants no calls, and no messages
        if owner or not attempt.internal:
            return None
        own = attempt.caller.name
        return Talk(lambda talk: self._talks.own(talk, own)) if self.has(own) else Refuse(404, "No mailbox")

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Talk | Confirm | Refuse:
        """Let the owner of a mailbox speak a greeting, or have every call sent there."""
        owner = attempt.caller.name
        if not self.has(owner):
            return Refuse(404, "No mailbox")
        if name == "voicemail_greeting":
            return Talk(lambda talk: self._talks.greeting(talk, owner))
        always = not self.of(owner).always
        self._options.change(OfExtension, owner, always=always)
        return Confirm(f"Voicemail for every call: {'on' if always else 'off'}")

    @hookimpl
    def messages_waiting(self, account: str) -> Messages | None:
        """Say how many messages there are."""
        return self.mailbox(account).counts() if self.has(account) else None
