"""
Carriers and other servers: which of them sent a request, and which are worth a call.

A trunk is known by the address that its requests come from, and is skipped
while it does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from twisted.logger import Logger

from b2bua.errors import PeerError
from b2bua.liveness import Asker
from b2bua.once import Once
from b2bua.trunks.trunk import LiveTrunk, TrunkStatus, is_among
from b2bua.wire.uri import Uri, telephone

if TYPE_CHECKING:
    from b2bua import settings
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import ITransactionLayer
    from b2bua.wire.message import Request, Response

REMEMBERED = 4096
"""For so many hosts it is remembered which trunk they are."""


class Trunks:
    """All trunks."""

    log = Logger()

    def __init__(
        self,
        layer: ITransactionLayer,
        tables: Mapping[str, settings.Trunk],
        asker: Asker,
        random: Random,
    ) -> None:
        """Know them; nothing is sent before L{start}."""
        self._layer = layer
        self._asker = asker
        self._random = random
        self._started = False
        self._told = Once()
        self._trunks: dict[str, LiveTrunk] = {}
        self._places: list[tuple[settings.Source, str]] = []
        self._known: dict[str, tuple[tuple[int | None, str], ...]] = {}
        self.configure(tables)

    def start(self) -> None:
        """Register with those that want it, and ask whether they are there."""
        self._started = True
        for trunk in self._trunks.values():
            trunk.start()

    def stop(self) -> None:
        """Leave all of them."""
        self._started = False
        for trunk in self._trunks.values():
            trunk.stop()

    def let_go(self) -> None:
        """Another process goes on with them: ask nothing more, and stay registered."""
        self._started = False
        for trunk in self._trunks.values():
            trunk.let_go()

    def configure(self, tables: Mapping[str, settings.Trunk]) -> None:
        """Take a new configuration; trunks that stay as they are notice nothing."""
        for name, trunk in list(self._trunks.items()):
            if tables.get(name) != trunk.table:
                trunk.stop()
                del self._trunks[name]
        for name, table in tables.items():
            if name not in self._trunks:
                self._trunks[name] = LiveTrunk(name, table, self._layer, self._asker, self._random)
                if self._started:
                    self._trunks[name].start()
        self._places = [(place, name) for name, table in tables.items() for place in table.accept_from]
        self._known.clear()

    def identify(self, request: Request, flow: Flow) -> str | None:
        """
        The name of the trunk that a request comes from, if it is from one.

        Known by the source address; over UDP that can be forged by who can
        forge addresses, so a trunk's calls reach only what the trunk may dial.
        The port is compared with the source port, or with what Via says when
        the request came over a connection, whose source port says nothing.
        """
        host, port = flow.remote
        known = self._known.get(host)
        if known is None:
            known = self._look_up(host)
        for wanted, name in known:
            if wanted is None or wanted == port or (flow.reliable and _sent_from(request) == wanted):
                return name
        for trunk in self._trunks.values():
            registrant = trunk.registrant
            if (
                registrant is not None
                and registrant.machine.registered
                and registrant.flow is not None
                and registrant.flow.remote == flow.remote
            ):
                return trunk.name
        if self._trunks and request.method == "INVITE" and request.get("Authorization") is None:
            self._wonder(request, host)
        return None

    def _wonder(self, request: Request, host: str) -> None:
        """
        Say once that a call looks like one of a trunk, but does not come from it.

        It is asked for a password then, which no carrier has; that is the
        commonest reason why calls do not come in.
        """
        try:
            called, caller = request.request_uri.user, request.from_.uri.host
            if request.to_tag:
                return
        except PeerError:
            return
        for trunk in self._trunks.values():
            if trunk.resembles(called, caller) and self._told.first(trunk.name, host):
                self.log.warn(
                    "a call from {host} looks like one of trunk {trunk}, but that is none of its addresses, "
                    "so it is asked for a password: if it is the carrier, add {host} to "
                    "trunks.{trunk}.accept_from",
                    host=host, trunk=trunk.name,
                )  # fmt: skip

    def alive(self, name: str) -> bool:
        """Is a trunk worth a call?"""
        trunk = self._trunks.get(name)
        return trunk is not None and trunk.alive

    def servers(self, name: str) -> Sequence[Uri]:
        """Where calls to a trunk go now, best first."""
        return self._trunks[name].servers

    def proxy(self, name: str) -> Uri | None:
        """The outbound proxy by which they go there."""
        return self._trunks[name].proxy

    def number_out(self, name: str, number: str) -> str:
        """The form in which a trunk wants a number."""
        return self._trunks[name].numbers_out.apply(number)

    def dialled(self, name: str, request: Request) -> str:
        """
        The number that a call from a trunk is for, in our form.

        Whatever host is behind it, it is for us.  A carrier that we register
        with may call our Contact, which has the user name of the account; then
        the number is in To.
        """
        trunk = self._trunks[name]
        uri = request.request_uri
        if uri.user_unescaped in ("", trunk.username) and request.to.uri.user_unescaped:
            uri = request.to.uri
        number, params = uri.telephone
        ours = trunk.numbers_in.apply(number) if trunk.numbers_in.rules else number
        if ours == number and not uri.opaque:
            return uri.user_unescaped  # it may be a name that looks like a number
        # A rule may have made a name of the number, behind which nothing can stand.
        return ours + params if telephone(ours + params)[0] == ours else ours

    def answer(
        self, name: str, response: Response, request: Request, flow: Flow | None
    ) -> list[tuple[str, str]] | None:
        """
        Credentials for a trunk that asks for them (401 or 407), if we have any.

        @param flow: the way that the request went, and will go again.
        """
        trunk = self._trunks.get(name)
        if trunk is None or trunk.client is None:
            return None
        if flow is None or not trunk.owns(flow.remote[0]):
            where = flow.remote[0] if flow is not None else "nowhere"
            self.log.warn(
                "the password of trunk {trunk} is not sent to {host}, which is none of its addresses; "
                "if it is one, name it in trunks.{trunk}.accept_from",
                trunk=name, host=where,
            )  # fmt: skip
            return None
        return trunk.client.answer(response, request)

    def status(self) -> list[TrunkStatus]:
        """What people want to know."""
        return [trunk.status() for trunk in self._trunks.values()]

    def _look_up(self, host: str) -> tuple[tuple[int | None, str], ...]:
        """The trunks that may send from C{host}; those with a port come first."""
        found = [(place.port, name) for place, name in self._places if is_among(host, (place,))]
        found.sort(key=lambda item: item[0] is None)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[host] = tuple(found)
        return self._known[host]


def _sent_from(request: Request) -> int | None:
    """The port that the sender listens on, by its Via."""
    try:
        return request.via.port or 5060
    except PeerError:
        return None
