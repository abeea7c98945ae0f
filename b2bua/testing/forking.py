"""A downstream proxy that forks: one INVITE, several phones behind it (RFC 3261 section 16.7)."""

from __future__ import annotations

from b2bua.testing.account import Got
from b2bua.testing.exchange import Asked
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Request, Response


class Branch(Asked):
    """The INVITE as one of the phones behind the proxy sees it."""

    __slots__ = ("fork",)

    fork: Forking

    def respond(self, response: Response) -> None:
        """Pass on what a proxy passes on: all but refusals, of which it keeps the best."""
        if response.code < 300 or self.request.to.tag:
            super().respond(response)
            self._agent.asked.setdefault(self.key, self)
        else:
            self.last = response
            self.acked = True
            self.fork.refused(self)


class Forking(Phone):
    """
    Phones behind one contact: each call rings all of them.

    Their sessions are in C{legs}, to be told what to do one by one; or each
    follows the manners.  More than one may answer.
    """

    branches = 2
    legs: list[Session]

    def _called(self, request: Request, asked: Asked) -> None:
        self.legs = []
        self.trunk = asked
        asked.respond(request.response(100))
        for _ in range(self.branches):
            branch = Branch(self, request, asked.path)
            branch.fork = self
            session = self.new_session(incoming=True)
            session.called(branch)
            self.legs.append(session)
            if not self.manners.by_hand:
                session.follow_manners()
        self.asked[asked.key] = asked
        self.inbox.append(Got(self.now(), request, self.legs[0], asked))

    def refused(self, branch: Branch) -> None:
        """Answer for all when the last one has refused (section 16.7, step 6)."""
        answers = [leg.asked.last for leg in self.legs if leg.asked is not None]
        if self.trunk.final or not all(answer is not None and answer.code >= 200 for answer in answers):
            return
        refusals = [answer for answer in answers if answer is not None and answer.code >= 300]
        if len(refusals) == len(answers):
            self.trunk.respond(min(refusals, key=lambda answer: answer.code))

    def cancel_received(self, request: Request, invite: Asked) -> None:
        """Cancel all that has not been answered."""
        self.inbox.append(Got(self.now(), request, None, None))
        for leg in self.legs:
            leg.cancel_received(request)
