"""
Carriers and other servers: which of them sent a request, and how to get to them.

A trunk is known by the address that its requests come from, gives its own
forms of numbers, and is skipped while it does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from b2bua.errors import PeerError
from b2bua.registrar.credentials import DigestClient
from b2bua.registrar.enrolment import Enrolment, Subscriber
from b2bua.registrar.liveness import Asker, Probe
from b2bua.registrar.numbers import Numbers
from b2bua.registrar.once import Once
from b2bua.wire.uri import Uri, telephone

if TYPE_CHECKING:
    from b2bua import settings
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import ITransactionLayer
    from b2bua.wire.message import Request, Response

HOSTS = 256
"""So many addresses of one trunk are remembered; they change with DNS."""
REMEMBERED = 4096
"""For so many hosts it is remembered which trunk they are."""


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """What a person wants to know of a trunk."""

    name: str
    uri: str
    alive: bool
    registered: bool | None
    """None when we do not register with it."""
    why: str = ""


class Trunk:
    """One trunk, as it is now."""

    log = Logger()

    def __init__(
        self, name: str, table: settings.Trunk, layer: ITransactionLayer, asker: Asker, random: Random
    ) -> None:
        """Be as the configuration says; nothing is sent before L{start}."""
        self.name = name
        self.table = table
        self.numbers_in = Numbers(table.numbers_in)
        self.numbers_out = Numbers(table.numbers_out)
        self.client: DigestClient | None = None
        self.enrolment: Enrolment | None = None
        self.proxy = _loose(Uri.parse(table.proxy)) if table.proxy is not None else None
        self._layer = layer
        self._asker = asker
        self._probes: list[Probe] = []
        self._random = random
        self._servers = (Uri.parse(table.uri), *[Uri.parse(uri) for uri in table.backups])
        self._hosts: set[str] = set()
        """Where it was found."""
        known_as = table.auth_username or table.username
        if known_as is not None and table.password is not None:
            self.client = DigestClient(known_as, table.password, table.realm, asker.token)
        if table.registers and table.username is not None:
            mine = Subscriber(
                name, table.username, self._servers, table.expires, asker.user_agent, self.proxy
            )
            self.enrolment = Enrolment(layer, mine, self.client, random)

    def start(self) -> None:
        """Register, and ask whether it is there."""
        if self.enrolment is not None:
            self.enrolment.start()
        if self.table.options_seconds:
            self._probes = [
                Probe(
                    self._layer,
                    self._asker,
                    str(server),
                    self.proxy or server,
                    self.table.options_seconds,
                    partial(self._became, server),
                    delay=self._random.random(),
                    route=self.proxy,
                )
                for server in self._servers
            ]

    def stop(self) -> None:
        """Leave it."""
        if self.enrolment is not None:
            self.enrolment.stop()
        for probe in self._probes:
            probe.stop()
        self._probes = []

    @property
    def alive(self) -> bool:
        """
        Is it worth a call?

        Not while it answers no OPTIONS; nor while it refuses to register us,
        as it would refuse the call too.
        """
        machine = self.enrolment.machine if self.enrolment is not None else None
        if machine is None:
            return any(map(self._answers, range(len(self._servers))))
        return self._answers(machine.server) and (machine.registered or not machine.why)

    def _answers(self, server: int) -> bool:
        """Is one of its servers there, as far as we have asked?"""
        return not self._probes or self._probes[server].alive

    @property
    def servers(self) -> tuple[Uri, ...]:
        """Where calls to it go now: where we are registered, or the servers that answer, in order."""
        if self.enrolment is not None:
            return (self.enrolment.server,)
        found = tuple(uri for index, uri in enumerate(self._servers) if self._answers(index))
        return found or self._servers

    def resembles(self, called: str | None, caller: str) -> bool:
        """Does a call for C{called} from somebody at the domain C{caller} look like one of this trunk?"""
        account = self.table.username if self.enrolment is not None else None
        return (account is not None and called == account) or caller in {uri.host for uri in self._servers}

    def owns(self, host: str) -> bool:
        """
        Is that an address of the trunk's, so that its password may be answered with there?

        Whoever is named in a Contact or a Record-Route is not: that is said by
        the far end of a call, who need not be the carrier.
        """
        if self.enrolment is not None and self.enrolment.flow is not None:
            self._hosts.add(self.enrolment.flow.remote[0])
        return host in self._hosts or _is_among(host, self.table.accept_from) or host in self._found()

    def _found(self) -> set[str]:
        """Look up where it is; what has to be asked of a name server is known the next time."""
        for uri in (self.proxy, *self._servers):
            if uri is not None:
                maybeDeferred(self._layer.locate, uri).addCallbacks(self._learn, lambda failure: None)
        return self._hosts

    def _learn(self, flows: Sequence[Flow]) -> None:
        """Remember where it is."""
        if len(self._hosts) > HOSTS:
            self._hosts.clear()
        self._hosts.update(flow.remote[0] for flow in flows)

    def status(self) -> TrunkStatus:
        """For people."""
        machine = self.enrolment.machine if self.enrolment is not None else None
        if machine is None:
            uri = str(self.servers[0])
            return TrunkStatus(self.name, uri, self.alive, None, "" if self.alive else "no answer")
        why = machine.why or ("" if self.alive else "no answer")
        return TrunkStatus(self.name, str(self.servers[0]), self.alive, machine.registered, why)

    def _became(self, server: Uri, alive: bool) -> None:
        """Say it once."""
        name = self.name if len(self._servers) == 1 else f"{self.name} at {server}"
        if alive:
            self.log.info("trunk {trunk} answers again", trunk=name)
        else:
            self.log.warn("trunk {trunk} does not answer; its calls go elsewhere", trunk=name)


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
        self._trunks: dict[str, Trunk] = {}
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

    def configure(self, tables: Mapping[str, settings.Trunk]) -> None:
        """Take a new configuration; trunks that stay as they are notice nothing."""
        for name, trunk in list(self._trunks.items()):
            if tables.get(name) != trunk.table:
                trunk.stop()
                del self._trunks[name]
        for name, table in tables.items():
            if name not in self._trunks:
                self._trunks[name] = Trunk(name, table, self._layer, self._asker, self._random)
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
            enrolment = trunk.enrolment
            if (
                enrolment is not None
                and enrolment.machine.registered
                and enrolment.flow is not None
                and enrolment.flow.remote == flow.remote
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
            if request.to.tag:
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
        if (not uri.user_unescaped or uri.user_unescaped == trunk.table.username) and (
            request.to.uri.user_unescaped
        ):
            uri = request.to.uri
        number, params = uri.telephone
        ours = trunk.numbers_in.apply(number)
        if ours == number and uri.is_sip:
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
        found = [(place.port, name) for place, name in self._places if _is_among(host, (place,))]
        found.sort(key=lambda item: item[0] is None)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[host] = tuple(found)
        return self._known[host]


def _is_among(host: str, places: Iterable[settings.Source]) -> bool:
    """Is an address in one of these networks?"""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in place.network for place in places)


def _loose(proxy: Uri) -> Uri:
    """A proxy as it stands in a Route: we write loose routes only (RFC 3261 section 16.12)."""
    return proxy if proxy.lr else proxy.with_params(("lr", None))


def _sent_from(request: Request) -> int | None:
    """The port that the sender listens on, by its Via."""
    try:
        return request.via.port or 5060
    except PeerError:
        return None
