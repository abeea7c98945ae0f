"""
Is it there?  Asking with OPTIONS (RFC 3261 section 11).

Any answer says yes, a refusal as well; but for 503, with which a server asks
to be left alone (section 21.5.4).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from b2bua.wire.message import Request

if TYPE_CHECKING:
    from b2bua.authentication.domain import Domain
    from b2bua.clock import ITimer
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction, ITransactionLayer
    from b2bua.wire.message import Response
    from b2bua.wire.uri import Uri

PATIENCE = 2
"""So many questions without an answer, one after the other, mean no."""


class Asker:
    """Writes OPTIONS requests, each a conversation of its own."""

    def __init__(self, domain: Domain, random: Random, user_agent: str = "") -> None:
        """Ask in the name of C{domain}."""
        self._domain = domain
        self._random = random
        self.user_agent = user_agent

    def token(self) -> str:
        """Make a tag or Call-ID."""
        return f"{self._random.getrandbits(72):018x}"

    def options(self, uri: str, to: str, via: str, route: Uri | None = None) -> Request:
        """Write one."""
        fields = [
            ("Via", via),
            *([("Route", f"<{route}>")] if route is not None else []),
            ("From", f"<sip:{self._domain.name}>;tag={self.token()}"),
            ("To", f"<{to}>"),
            ("Call-ID", self.token()),
            ("CSeq", "1 OPTIONS"),
            ("Max-Forwards", "70"),
        ]
        if self.user_agent:
            fields.append(("User-Agent", self.user_agent))
        return Request("OPTIONS", uri, fields)


class Probe:
    """Asks one peer again and again."""

    def __init__(
        self,
        layer: ITransactionLayer,
        asker: Asker,
        uri: str,
        target: Flow | Uri,
        seconds: float,
        hear: Callable[[bool], None],
        *,
        to: str = "",
        delay: float = 0.0,
        route: Uri | None = None,
    ) -> None:
        """
        Begin to ask.

        @param hear: told when the answer has become another than before; at
            first the peer is taken to be there.
        @param delay: seconds until the first question.
        @param route: the proxy by which it is reached.
        """
        self.alive = True
        self._route = route
        self.answered = False
        """Has it answered us at all?"""
        self._layer = layer
        self._asker = asker
        self._uri = uri
        self._to = to or uri
        self._target = target
        self._seconds = seconds
        self._hear = hear
        self._missed = 0
        self._stopped = False
        self._transaction: IClientTransaction | None = None
        self._timer: ITimer | None = layer.start(delay, self._ask)

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._transaction is not None:
            self._transaction.forget()
            self._transaction = None

    def move(self, target: Flow | Uri) -> None:
        """Ask there from now on; whoever moved was heard of just now."""
        self._target = target
        self._missed = 0
        self._be(True)

    def _ask(self) -> None:
        """Ask."""
        self._timer = None
        self._transaction = self._layer.request(
            lambda flow, via: self._asker.options(self._uri, self._to, via, self._route),
            self._target,
            self._answered,
        )

    def _answered(self, response: Response) -> None:
        """Draw the conclusion, and set the time for the next question."""
        if response.code < 200:
            return
        self._transaction = None
        if response.local or response.code == 503:
            self._missed += 1
            if self._missed >= PATIENCE:
                self._be(False)
        else:
            self._missed = 0
            self.answered = True
            self._be(True)
        if self._timer is None and not self._stopped:
            self._timer = self._layer.start(self._seconds, self._ask)

    def _be(self, alive: bool) -> None:
        """Tell a change."""
        if alive != self.alive:
            self.alive = alive
            self._hear(alive)
