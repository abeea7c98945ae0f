"""One carrier or other server: how to get to it, whether it is there, and how it writes numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from b2bua.authentication.digest_client import DigestClient
from b2bua.liveness import Asker, Probe
from b2bua.trunks.registrant import CarrierAccount, Registrant
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua import settings
    from b2bua.settings import Rule
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import ITransactionLayer

HOSTS = 256
"""So many addresses of one trunk are remembered; they change with DNS."""
LONGEST = 128
"""No number is longer; it bounds the time that a rule can take."""


class Numbers:
    """Rules, of which the first that matches the whole number is used."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Take the rules in their order."""
        self.rules: Sequence[Rule] = tuple(rules)

    def apply(self, number: str) -> str:
        """The number in the other form; as it is when no rule matches."""
        if len(number) > LONGEST:
            return number
        for rule in self.rules:
            if (found := rule.match.fullmatch(number)) is not None:
                return found.expand(rule.replace)
        return number


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """What a person wants to know of a trunk."""

    name: str
    uri: str
    alive: bool
    registered: bool | None
    """None when we do not register with it."""
    why: str = ""
    since: float | None = None
    """Since when it does not answer, by the time of day."""


class LiveTrunk:
    """One trunk, as it is now."""

    log = Logger()

    def __init__(
        self, name: str, table: settings.Trunk, layer: ITransactionLayer, asker: Asker, random: Random
    ) -> None:
        """Be as the configuration says; nothing is sent before L{start}."""
        self.name = name
        self._silent_since: float | None = None
        self.table = table
        self.username = table.username
        self.numbers_in = Numbers(table.numbers_in)
        self.numbers_out = Numbers(table.numbers_out)
        self.client: DigestClient | None = None
        self.registrant: Registrant | None = None
        self.proxy = _loose(Uri.parse(table.proxy)) if table.proxy is not None else None
        self._layer = layer
        self._asker = asker
        self._probes: list[Probe] = []
        self._random = random
        self._servers = (Uri.parse(table.uri), *[Uri.parse(uri) for uri in table.backups])
        self._answering = self._servers
        """Those that answer, as far as we have asked."""
        self._hosts: set[str] = set()
        """Where it was found."""
        known_as = table.auth_username or table.username
        if known_as is not None and table.password is not None:
            self.client = DigestClient(known_as, table.password, table.realm, asker.token)
        if table.registers and table.username is not None:
            mine = CarrierAccount(
                name, table.username, self._servers, table.expires, asker.user_agent, self.proxy
            )
            self.registrant = Registrant(layer, mine, self.client, random)

    def start(self) -> None:
        """Register, and ask whether it is there."""
        if self.registrant is not None:
            self.registrant.start()
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
        if self.registrant is not None:
            self.registrant.stop()
        self._ask_no_more()

    def let_go(self) -> None:
        """Leave it to another process, without a word."""
        if self.registrant is not None:
            self.registrant.let_go()
        self._ask_no_more()

    def _ask_no_more(self) -> None:
        """Take all servers to be there again."""
        for probe in self._probes:
            probe.stop()
        self._probes = []
        self._answering = self._servers

    @property
    def alive(self) -> bool:
        """
        Is it worth a call?

        Not while it answers no OPTIONS; nor while it refuses to register us,
        as it would refuse the call too.
        """
        machine = self.registrant.machine if self.registrant is not None else None
        if machine is None:
            return bool(self._answering)
        return self._answers(machine.server) and (machine.registered or not machine.why)

    def _answers(self, server: int) -> bool:
        """Is one of its servers there, as far as we have asked?"""
        return not self._probes or self._probes[server].alive

    @property
    def servers(self) -> tuple[Uri, ...]:
        """Where calls to it go now: where we are registered, or the servers that answer, in order."""
        if self.registrant is not None:
            return (self.registrant.server,)
        return self._answering or self._servers

    def resembles(self, called: str | None, caller: str) -> bool:
        """Does a call for C{called} from somebody at the domain C{caller} look like one of this trunk?"""
        account = self.username if self.registrant is not None else None
        return (account is not None and called == account) or caller in {uri.host for uri in self._servers}

    def owns(self, host: str) -> bool:
        """
        Is that an address of the trunk's, so that its password may be answered with there?

        Whoever is named in a Contact or a Record-Route is not: that is said by
        the far end of a call, who need not be the carrier.
        """
        if self.registrant is not None and self.registrant.flow is not None:
            self._hosts.add(self.registrant.flow.remote[0])
        return host in self._hosts or is_among(host, self.table.accept_from) or host in self._found()

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
        machine = self.registrant.machine if self.registrant is not None else None
        if machine is None:
            uri = str(self.servers[0])
            why = "" if self.alive else "no answer"
            return TrunkStatus(self.name, uri, self.alive, None, why, self._silent_since)
        why = machine.why or ("" if self.alive else "no answer")
        return TrunkStatus(
            self.name, str(self.servers[0]), self.alive, machine.registered, why, self._silent_since
        )

    def _became(self, server: Uri, alive: bool) -> None:
        """Send calls where it answers, and say it once."""
        asked = zip(self._servers, self._probes, strict=True)
        self._answering = tuple([uri for uri, probe in asked if probe.alive])
        if self.alive:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = self._layer.wall()
        name = self.name if len(self._servers) == 1 else f"{self.name} at {server}"
        if alive:
            self.log.info("trunk {trunk} answers again", trunk=name)
        else:
            self.log.warn("trunk {trunk} does not answer; its calls go elsewhere", trunk=name)


def is_among(host: str, places: Iterable[settings.Source]) -> bool:
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
