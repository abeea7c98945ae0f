"""
A request of ours within a dialog, from its first sending to its final answer.

Whatever the dialog is for, a request takes the next CSeq number (RFC 3261
section 12.2.1.1), goes on where the peer goes, and answers a challenge (section
22.2).  When it has its answer nothing of it stays in a circle, which the
collector would have to find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from b2bua.errors import PeerError

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction
    from b2bua.wire.message import Field, Request, Response

ANSWERS_MAX = 2
"""Challenges to one request that are answered: the first, and one more for a stale nonce."""


class DialogRequest:
    """One request; those who send it say by which way it goes, and what they write besides its own fields."""

    __slots__ = (
        "_answered",
        "_body",
        "_client",
        "_dialog",
        "_fields",
        "_hear",
        "_method",
        "_proof",
        "_sent",
        "seq",
    )

    def __init__(
        self,
        dialog: Dialog,
        method: str,
        hear: Callable[[Response], None],
        fields: tuple[Field, ...],
        body: bytes,
    ) -> None:
        """Take what is to be sent; L{send} sends it."""
        self._dialog = dialog
        self._method = method
        self._hear = hear
        self._fields = fields
        self._body = body
        self._answered = 0
        self._proof: tuple[Field, ...] = ()
        self._sent: Request
        """The request as it was last sent."""
        self._client: IClientTransaction | None = None
        self.seq = 0
        """The CSeq number that it was last sent with."""

    # What those who send it know

    def _leave(self) -> IClientTransaction:
        """Have C{_write} called for the hop that it takes, and C{_heard} with each response."""
        raise NotImplementedError

    def _credentials(self, response: Response) -> Iterable[Field] | None:
        """Credentials for a challenge, if there are any."""
        raise NotImplementedError

    # What all of them do

    def send(self) -> None:
        """Send it, for the first time or again."""
        self.seq = self._dialog.next_seq()
        self._client = self._leave()

    def follow(self, flow: Flow) -> None:
        """The peer is there now."""
        if self._client is not None:
            self._client.move(flow)

    def _answers_challenge(self, response: Response) -> bool:
        """
        Send it again with credentials, if they are asked for and there are some.

        The first challenge is answered; the next only if it wants a fresher
        nonce (RFC 7616 section 3.3).
        """
        if response.code not in (401, 407) or not self._may_answer(response):
            return False
        credentials = self._credentials(response)
        if credentials is None:
            return False
        self._answered += 1
        self._proof = tuple(credentials)
        self.send()
        return True

    def _may_answer(self, response: Response) -> bool:
        """Is it the first challenge, or one that says that only the nonce was too old?"""
        if not self._answered:
            return True
        try:
            return self._answered < ANSWERS_MAX and any(one.stale for one in response.challenges)
        except PeerError:
            return False
