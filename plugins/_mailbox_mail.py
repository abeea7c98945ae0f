"""Messages of a mailbox, sent by mail."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import Logger

from b2bua import Service, Table
from b2bua_plugins._mailbox import caller_of, seconds

AGAIN = (60.0, 600.0, 3600.0)
"""After how many seconds it is sent once more, when the mail server could not take it."""


def _can_be_filled(text: str) -> str:
    """Check what is filled in for each message."""
    try:
        text.format(caller="", seconds=0)
    except (LookupError, ValueError, AttributeError, TypeError):
        raise ValueError(
            "has {caller} and {seconds} filled in, and nothing else; write a brace as {{"
        ) from None
    return text


def _one_line(text: str) -> str:
    """Check a field of a mail."""
    if "\n" in text or "\r" in text:
        raise ValueError("has more than one line; write it in one")
    return text


Text = Annotated[str, AfterValidator(_can_be_filled)]
Line = AfterValidator(_one_line)


class Mail(Table):
    """C{[voicemail.mail]}: the server that takes mails, and how they look."""

    server: str
    port: int = Field(default=25, ge=1, le=65535)
    sender: Annotated[str, Line]
    user: str = ""
    password: str = Field(default="", repr=False)
    subject: Annotated[Text, Line] = "Message from {caller}"
    text: Text = "{caller} has left a message of {seconds} seconds."


def send_by_twisted(*what: Any, **more: Any) -> Deferred[Any]:
    """Send a mail by Twisted's SMTP client."""
    # With OpenSSL that takes a moment the first time, so a thread does it.
    loaded = deferToThread(
        lambda: (import_module("twisted.internet.ssl"), import_module("twisted.mail.smtp"))
    )
    return loaded.addCallback(lambda modules: modules[1].sendmail(*what, **more))


class Outbox:
    """
    Sends messages, and tries again when the mail server cannot take one.

    What waits for that is kept in the rows of the feature, by the path of the message:
    whose it is, to whom it goes, whether it is deleted then, and how often it was tried.
    """

    log = Logger()

    def __init__(self, mail: Mail, service: Service, sent: Callable[[str], None]) -> None:
        """
        Send by a server; what waited before a reload, a restart or a crash is tried again soon.

        @param sent: told whose message is gone from here, since it was sent.
        """
        self._mail, self._service, self._sent = mail, service, sent
        for path in service.data:
            service.after(AGAIN[0], self._send, Path(path))

    def send(self, extension: str, to: str, message: Path, *, delete: bool = False) -> None:
        """
        Send a message with its sound, now and perhaps again.

        @param delete: is it deleted when the mail server has it?
        """
        self._note(message, [extension, to, delete, 0])
        self._send(message)

    def _send(self, message: Path) -> None:
        """Try it, if it was not sent meanwhile."""
        row = self._service.data.get(str(message))
        if row is None:
            return
        extension, to, delete, tried = row
        mail = self._mail
        try:
            letter = self._letter(to, message)
        except OSError:
            self._note(message, None)  # it was heard and deleted meanwhile
            return
        sent = send_by_twisted(
            mail.server, mail.sender, [to], letter.as_bytes(), port=mail.port,
            username=mail.user or None, password=mail.password or None, reactor=self._service.connections,
        )  # fmt: skip

        def failed(failure: Any) -> None:
            self.log.warn(
                "[voicemail.mail] a message for {to} could not be sent by {server}: {why}",
                to=to, server=mail.server, why=failure.getErrorMessage(),
            )  # fmt: skip
            if tried < len(AGAIN):
                self._note(message, [extension, to, delete, tried + 1])
                self._service.after(AGAIN[tried], self._send, message)
            else:
                self._note(message, None)

        def taken(_: Any) -> None:
            self._note(message, None)
            if delete:
                message.unlink(missing_ok=True)
                self._sent(extension)

        sent.addCallbacks(taken, failed)

    def _note(self, message: Path, row: list[Any] | None) -> None:
        """Keep what waits, or nothing any more."""
        with self._service.data.change() as rows:
            if row is None:
                rows.pop(str(message), None)
            else:
                rows[str(message)] = row

    def _letter(self, to: str, message: Path) -> EmailMessage:
        """The mail."""
        words = {"caller": caller_of(message) or "anonymous", "seconds": round(seconds(message))}
        letter = EmailMessage()
        letter["From"], letter["To"] = self._mail.sender, to
        letter["Subject"] = self._mail.subject.format(**words)
        letter.set_content(self._mail.text.format(**words))
        letter.add_attachment(message.read_bytes(), maintype="audio", subtype="wav", filename=message.name)
        return letter
