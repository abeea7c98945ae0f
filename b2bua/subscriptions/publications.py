"""
What phones publish of themselves (RFC 3903): the event state compositor.

It knows nothing of what is published: whether it can be read, who may, and what
it means is said by event packages.  Nothing outlives the process: a phone
hears 412 and publishes anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.subscriptions.notifier import HOUR, Notifier, asked, turn_down
from b2bua.subscriptions.packages import Refused
from b2bua.wire.grammar import is_token

if TYPE_CHECKING:
    from random import Random

    from b2bua.clock import ITimer
    from b2bua.legs.party import Party
    from b2bua.subscriptions.packages import ServedPackage
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request

PER_PARTY = 8
"""So much may one party publish of a resource; the oldest goes first, as of phones that have forgotten it."""
FULL = 60
"""Seconds after which one may try again when there is too much."""


@dataclass(slots=True, eq=False)
class Publication:
    """One state that somebody has published, until its time is over."""

    party: Party
    body: bytes
    timer: ITimer


class Publications:
    """All that is published."""

    def __init__(self, notifier: Notifier, random: Random) -> None:
        """
        Hold nothing yet.

        @param notifier: whose packages, limits and counts these are.
        """
        self._notifier = notifier
        self._random = random
        self._of: dict[tuple[str, str], dict[str, Publication]] = {}
        """By package and resource; by entity-tag, the oldest first."""
        self._count = 0
        notifier.renewed = self._renewed

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def publish(self, request: Request, server: IServerTransaction, party: Party, resource: str) -> None:
        """
        Take a PUBLISH from somebody who is known (section 6).

        All of it is read and judged before anything changes.

        @raise PeerError: if a field is malformed that is needed.
        """
        try:
            event = request.event
            served = self._notifier.packages.get(event.package) if event is not None else None
            if not resource:
                raise Refused(404)
            if event is None or served is None or not served.package.publications:
                raise Refused(489, self._notifier.allow_events)
            old = _precondition(request)
            known = self._of.get((event.package, resource), {})
            if old and old not in known:
                raise Refused(412)
            seconds = self._granted(request, served)
            body = self._judged(request, served, party, resource, old)
        except Refused as refused:
            self._notifier.refused[refused.code] += 1
            token = f"{self._random.getrandbits(72):018x}"
            fields = refused.fields
            server.respond(request.response(refused.code, refused.reason, to_tag=token, fields=fields))
            return
        tag = f"{self._random.getrandbits(96):024x}"
        changed = self._store((event.package, resource), old, tag, party, body, seconds)
        token = f"{self._random.getrandbits(72):018x}"
        granted = (("Expires", str(seconds)), ("SIP-ETag", tag))
        server.respond(request.response(200, to_tag=token, fields=granted))
        if changed:
            self._tell(event.package, resource)

    def _granted(self, request: Request, served: ServedPackage) -> int:
        """How long it holds, not too short (step 4)."""
        wanted, most = request.expires, self._notifier.limits.max_expires
        if wanted is None:
            return min(served.package.default_expires, most)
        least = self._notifier.limits.min_expires
        if 0 < wanted < min(least, HOUR):
            raise Refused(423, ("Min-Expires", str(least)))
        return min(wanted, most)

    def _judged(
        self, request: Request, served: ServedPackage, party: Party, resource: str, old: str
    ) -> bytes:
        """The body, if the package takes it (step 5)."""
        body, types = request.body, served.package.publications
        if not body and not old:
            raise Refused(400, reason="Nothing Published")
        if body and request.content_type not in types:
            raise Refused(415, ("Accept", ", ".join(types)))
        if len(body) > self._notifier.limits.body:
            raise Refused(413)
        if not old and self._count >= self._notifier.limits.total:
            raise Refused(500, ("Retry-After", str(FULL)), reason="Too Many Publications")
        refusal = asked(served.takes, resource, party, body)
        if refusal is not None:
            turn_down(refusal)
        return body

    def _store(
        self, key: tuple[str, str], old: str, tag: str, party: Party, body: bytes, seconds: int
    ) -> bool:
        """Hold it under a new tag (step 6), or no more; say whether that changes anything."""
        before = self._of[key][old].body if old else None
        if old:
            self._remove(key, old)
        if not seconds:
            return before is not None
        of_resource = self._of.setdefault(key, {})
        own = [one for one, held in of_resource.items() if held.party.key == party.key]
        for oldest in own[: max(0, len(own) - PER_PARTY + 1)]:
            self._remove(key, oldest)
        of_resource = self._of.setdefault(key, {})
        expired = partial(self._notifier.run, self._expired, key, tag)
        timer = self._notifier.layer.start(float(seconds), expired)
        of_resource[tag] = Publication(party, body or before or b"", timer)
        self._count += 1
        return not old or (bool(body) and body != before)

    def _remove(self, key: tuple[str, str], tag: str) -> None:
        """Hold something no more."""
        of_resource = self._of[key]
        of_resource.pop(tag).timer.stop()
        self._count -= 1
        if not of_resource:
            del self._of[key]

    def _expired(self, key: tuple[str, str], tag: str) -> None:
        """Nobody has refreshed it."""
        if tag in self._of.get(key, {}):
            self._remove(key, tag)
            self._tell(*key)

    def _tell(self, package: str, resource: str) -> None:
        """Tell the package what is published of a resource by now."""
        served = self._notifier.packages.get(package)
        if served is not None:
            held = self._of.get((package, resource), {})
            served.published(resource, tuple(one.body for one in held.values()))

    def _renewed(self) -> None:
        """The packages are others than before: what nobody takes any more is forgotten."""
        for package, resource in list(self._of):
            served = self._notifier.packages.get(package)
            if served is None or not served.package.publications:
                for tag in list(self._of[package, resource]):
                    self._remove((package, resource), tag)
            else:  # when the features of now have started
                again = partial(self._notifier.run, self._tell, package, resource)
                self._notifier.layer.start(0.0, again)

    def stop(self) -> None:
        """Forget all."""
        for key in list(self._of):
            for tag in list(self._of[key]):
                self._remove(key, tag)


def _precondition(request: Request) -> str:
    """The entity-tag that is to be refreshed, changed or removed (step 3); empty without one."""
    lines = request.values("SIP-If-Match")
    if not lines:
        return ""
    if len(lines) != 1 or not is_token(lines[0]):
        raise PeerError("SIP-If-Match is one entity-tag", section="RFC 3903 11.3.2", where=", ".join(lines))
    return lines[0]
