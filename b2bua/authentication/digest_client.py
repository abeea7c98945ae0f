"""
Answering the challenges of others: digest authentication as a client.

RFC 3261 section 22.2 and 22.3, RFC 8760 section 2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from secrets import token_hex
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.wire.digest import Challenge, Credentials, answer

if TYPE_CHECKING:
    from b2bua.wire.message import Request, Response

Field = tuple[str, str]

# Who asks in the one field is answered in the other.
ANSWERED_IN = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}


class DigestClient:
    """
    One user name and password, and what was learned about who asks for it.

    It remembers the last challenge with its nonce count, so that later requests
    to the same peer can bring credentials unasked.  The first realm that asks
    is the only one that is ever answered: a second one may be somebody else,
    who wants the hash of the password over a nonce of his own choosing.
    """

    def __init__(
        self,
        user: str,
        password: str,
        realm: str | None = None,
        cnonce: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        """
        Know a password.

        @param realm: the only realm that is answered; by default the first that asks.
        @param cnonce: makes text that is never the same.
        """
        self._user = user
        self._password = password
        self._realm = realm
        self._cnonce = cnonce
        # By field and realm, of which there is one: the challenge, and how often its nonce was used.
        self._known: dict[tuple[str, str], tuple[Challenge, int]] = {}

    def answer(self, response: Response, request: Request) -> list[Field] | None:
        """
        Answer a 401 or 407.

        @param request: the one that was refused.
        @return: the credentials to put into the next attempt, in place of all
            that were in the last; or None when there is nothing new to say,
            because the password is wrong or is for another realm.
        """
        used = self._used(request)
        wanted = dict.fromkeys(used)
        news = False
        for asking, field in ANSWERED_IN.items():
            for challenge in self._chosen(response, asking):
                key = (field, challenge.realm)
                if not self._worth(challenge, used.get(key)):
                    return None
                self._realm = challenge.realm
                self._learn(key, challenge)
                wanted[key] = None
                news = True
        return self._sign(request, wanted) if news else None

    def unasked(self, request: Request) -> list[Field]:
        """Credentials that the peer wanted last time (RFC 3261 section 22.3, RFC 3665 section 2.2)."""
        return self._sign(request, self._known)

    def _sign(self, request: Request, wanted: Iterable[tuple[str, str]]) -> list[Field]:
        """Write credentials for everybody who asked on the way (section 22.3)."""
        fields: list[Field] = []
        for key in list(wanted):
            if key not in self._known:
                continue
            challenge, count = self._known[key]
            self._known[key] = (challenge, count + 1)
            given = answer(
                challenge,
                self._user,
                request.method,
                request.uri,
                password=self._password,
                body=request.body,
                cnonce=self._cnonce(),
                count=count + 1,
            )
            fields.append((key[0], str(given)))
        return fields

    def _used(self, request: Request) -> dict[tuple[str, str], Credentials]:
        """The credentials that a request of ours had."""
        return {
            (field, given.realm): given
            for field in ANSWERED_IN.values()
            for given in Credentials.parse_all(request.all(field))
        }

    def _chosen(self, response: Response, asking: str) -> list[Challenge]:
        """For each realm the topmost challenge that we understand (RFC 8760 section 2.4)."""
        chosen: dict[str, Challenge] = {}
        for line in response.all(asking):
            try:
                challenge = Challenge.parse(line)
            except PeerError:
                continue  # what is not understood is ignored
            if challenge is not None and challenge.understood:
                chosen.setdefault(challenge.realm, challenge)
        return list(chosen.values())

    def _worth(self, challenge: Challenge, used: Credentials | None) -> bool:
        """
        Can another answer help?

        Not if this very challenge's predecessor was answered afresh and the
        peer does not say that its nonce was stale (RFC 3261 section 22.2): then
        the password is wrong.  A nonce that was good before may have aged
        without the peer saying so; many do not.
        """
        if self._realm is not None and challenge.realm != self._realm:
            return False
        if used is None or challenge.stale:
            return True
        return challenge.nonce != used.nonce and used.nc not in ("", "00000001")

    def _learn(self, key: tuple[str, str], challenge: Challenge) -> None:
        """Remember a challenge; the count goes on when the nonce is the same."""
        known = self._known.get(key)
        count = known[1] if known is not None and known[0].nonce == challenge.nonce else 0
        self._known[key] = (challenge, count)
