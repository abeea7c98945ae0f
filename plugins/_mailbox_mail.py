"""Messages of a mailbox, sent by mail."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from twisted.internet.defer import Deferred
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
    """Send a mail by Twisted's SMTP client, which needs the reactor, as no test does."""
    from twisted.mail.smtp import sendmail

    sent: Deferred[Any] = sendmail(*what, **more)
    return sent


class Outbox:
    """Sends messages, and tries again when the mail server cannot take one."""

    log = Logger()

    def __init__(self, mail: Mail, service: Service) -> None:
        """Send by a server."""
        self._mail, self._service = mail, service

    def send(
        self,
        to: str,
        message: Path,
        *,
        delete: bool = False,
        then: Callable[[], None] = lambda: None,
        tries: tuple[float, ...] = AGAIN,
    ) -> None:
        """
        Send a message with its sound, now and perhaps again.

        @param delete: is it deleted when the mail server has it?
        @param then: called when it is.
        """
        mail = self._mail
        try:
            letter = self._letter(to, message)
        except OSError:
            return  # it was heard and deleted meanwhile
        sent = send_by_twisted(
            mail.server, mail.sender, [to], letter.as_bytes(), port=mail.port,
            username=mail.user or None, password=mail.password or None,
        )  # fmt: skip

        def failed(failure: Any) -> None:
            self.log.warn(
                "[voicemail.mail] a message for {to} could not be sent by {server}: {why}",
                to=to, server=mail.server, why=failure.getErrorMessage(),
            )  # fmt: skip
            if tries:
                again = partial(self.send, to, message, delete=delete, then=then, tries=tries[1:])
                self._service.after(tries[0], again)

        def taken(_: Any) -> None:
            if delete:
                message.unlink(missing_ok=True)
                then()

        sent.addCallbacks(taken, failed)

    def _letter(self, to: str, message: Path) -> EmailMessage:
        """The mail."""
        words = {"caller": caller_of(message) or "anonymous", "seconds": round(seconds(message))}
        letter = EmailMessage()
        letter["From"], letter["To"] = self._mail.sender, to
        letter["Subject"] = self._mail.subject.format(**words)
        letter.set_content(self._mail.text.format(**words))
        letter.add_attachment(message.read_bytes(), maintype="audio", subtype="wav", filename=message.name)
        return letter
