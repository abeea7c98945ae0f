"""A mail server that keeps what it is sent."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import ISSLTransport
from twisted.mail import smtp
from zope.interface import implementer


@implementer(smtp.IMessage)
class Letter:
    """A letter while it comes in."""

    def __init__(self, box: Postbox, *, secured: bool) -> None:
        """Know where it goes."""
        self._box, self._lines, self._secured = box, list[bytes](), secured

    def lineReceived(self, line: bytes) -> None:
        """Take a line."""
        self._lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        """It is whole."""
        self._box.letters.append(message_from_bytes(b"\n".join(self._lines)))
        self._box.secured.append(self._secured)
        return succeed(None)

    def connectionLost(self) -> None:
        """It never will be."""


@implementer(smtp.IMessageDelivery)
class Delivery:
    """Takes letters from everybody for everybody."""

    def __init__(self, box: Postbox) -> None:
        """Know where they go."""
        self._box = box

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        """What is written at the top of it."""
        return b"Received: by a test"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """Anybody."""
        return origin

    def validateTo(self, user: Any) -> Any:
        """Anybody."""
        self._box.to.append(str(user))
        return lambda: Letter(self._box, secured=ISSLTransport.providedBy(user.protocol.transport))


class Postbox(smtp.SMTPFactory):  # type: ignore[misc]  # Twisted's is untyped
    """All that came."""

    domain = "localhost"

    def __init__(self, context: Any = None) -> None:
        """
        Begin empty.

        @param context: the certificate, of a box that has STARTTLS.
        """
        super().__init__()
        if context is not None:
            self.protocol = lambda: smtp.ESMTP(contextFactory=context)
        self.letters: list[Message] = []
        self.to: list[str] = []
        self.secured: list[bool] = []
        """Was that connection secured?"""

    def buildProtocol(self, addr: Any) -> Any:
        """Take letters by this connection."""
        protocol = super().buildProtocol(addr)
        protocol.delivery = Delivery(self)
        return protocol
