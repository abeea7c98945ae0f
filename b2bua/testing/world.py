"""
A simulated world: a clock that stands still, a network, a server, and phones.

A test reads::

    world = World(seed=7)
    alice, bob = world.phones("alice", "bob")
    alice.dial("bob")
    world.run(5)
    assert alice.talks_to(bob)
    alice.hang_up()
    world.quiet()

All that is random comes from the seed, so a world that failed can be had
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from b2bua.store.memory import MemoryStore
from b2bua.testing.agent import Agent
from b2bua.testing.checks import Witness
from b2bua.testing.forking import Forking
from b2bua.testing.manners import Manners
from b2bua.testing.nodes import Node
from b2bua.testing.phone import Phone
from b2bua.testing.relays import SimulatedRelays
from b2bua.testing.served import EXTENSIONS, HOP, HOST, Served, document_of
from b2bua.testing.surroundings import Surroundings
from b2bua.testing.trunk import Trunk
from b2bua.testing.voices import SimulatedVoice, SimulatedVoices

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.store.ports import IStore
    from b2bua.testing.network import Address


class World(Surroundings):
    """Everything that a test of whole calls needs."""

    def __init__(
        self,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        features: Sequence[object] | str | None = None,
        *,
        server: bool = True,
        domain: str = "pbx.example.com",
        store: IStore | None = None,
        several: bool = False,
        relays: bool = False,
    ) -> None:
        """
        Make a world.

        @param settings: tables of the configuration, laid over those that the
            kit's server has by itself; features have theirs there as well.
        @param features: plugins, as modules, classes or objects, in the order
            in which they are asked; C{"installed"} takes all that are
            installed; None none at all.
        @param store: what outlives the server, for L{Served.crash}; None keeps nothing.
        @param server: False leaves phones alone with each other.
        @param several: True when more servers are to share the store, see L{node}.
        @param relays: True gives the server an engine that passes media on.
        """
        super().__init__(seed, domain)
        self.agents: list[Agent] = []
        self.voices: SimulatedVoices = SimulatedVoices(self)
        """What the server plays and hears."""
        self.relays: SimulatedRelays = SimulatedRelays(self)
        """What the server passes on, if it is to."""
        self.passes_on = self.relays if relays else None
        self.served: Served | None = None
        self.nodes: dict[str, Node] = {}
        """The servers that share a store, by their names."""
        self.witness: Witness | None = None
        if server:
            document = document_of(domain, EXTENSIONS, settings)
            if several:
                assert isinstance(store, MemoryStore)
                self.served = Node(self, document, features, self.nodes, store=store)
            else:
                self.served = Served(self, document, features, store=store)
            self.witness = Witness(self, {HOST})
            self.served.crashed = self._crashed
            self.server_address = (HOST, 5060)

    def other_server(
        self,
        domain: str,
        host: str,
        settings: Mapping[str, Any] | None = None,
        features: Sequence[object] | str | None = None,
    ) -> Served:
        """Set up a second server, with no extensions but those of its settings."""
        return Served(self, document_of(domain, (), settings, host), features, host)

    def node(self, name: str, host: str) -> Node:
        """Set up one more server that shares the store of the first one; it takes its part at once."""
        first = self.nodes[min(self.nodes)]
        assert self.witness is not None
        self.witness.hosts.add(host)
        self.witness.inside = 3 * HOP
        made = first.another(name, host)
        made.crashed = self._crashed
        self.run_until(
            lambda: all(len(one.cluster.peers) == len(self.nodes) - 1 for one in self.nodes.values())
        )
        return made

    # Phones

    def phone(self, name: str, manners: Manners | None = None, **options: Any) -> Phone:
        """Set up one phone; the options are those of L{Phone}."""
        if self.served is not None:
            self.served.add_extension(name)
            options.setdefault("password", self.served.password_of(name))
        phone = Phone(self, name, manners=manners, **options)
        self.agents.append(phone)
        return phone

    def phones(self, *names: str, manners: Manners | None = None, **options: Any) -> list[Phone]:
        """Set up several phones and have them registered."""
        phones = [self.phone(name, manners.but() if manners else None, **options) for name in names]
        if self.served is not None:
            for phone in phones:
                phone.register()
            self.run_until(lambda: all(phone.registered for phone in phones))
        return phones

    def trunk(self, name: str, manners: Manners | None = None, **options: Any) -> Trunk:
        """Set up the far end of a trunk; the options are those of L{Trunk}."""
        trunk = Trunk(self, name, manners=manners, **options)
        self.agents.append(trunk)
        return trunk

    def forking(self, name: str, manners: Manners | None = None, **options: Any) -> Forking:
        """Set up a proxy that forks, in the place of a phone of the extension C{name}."""
        if self.served is not None:
            self.served.add_extension(name)
            options.setdefault("password", self.served.password_of(name))
        fork = Forking(self, name, manners=manners, **options)
        self.agents.append(fork)
        return fork

    # Time

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run(seconds)

    def run_until(self, met: Callable[[], bool], within: float = 10.0) -> None:
        """Let time pass until something is so; complain when it does not become so."""
        if not self.clock.run_until(met, within):
            raise self.failure(f"it did not happen within {within} s")

    # What operators do

    def command(self, name: str, **arguments: Any) -> Deferred[Any]:
        """
        Run the command of a plugin, as C{b2bua NAME} does.

        It fails with C{ValueError} where people would read a line instead.
        """
        assert self.served is not None
        return self.served.command(name, **arguments)

    def reload(self) -> None:
        """Have the configuration read again: calls that go on keep the features they began with."""
        assert self.served is not None
        self.served.configure()

    # What is going on

    def talking(self) -> set[tuple[str, str]]:
        """Say whose voice arrives where: pairs of who speaks and who hears."""
        sessions = [session for phone in self._phones() for session in phone.live]
        ears = {session.media.receives_at(): session.phone.name for session in sessions}
        pairs = set()
        for session in sessions:
            to = self.relays.heard_at(session.media.sends_to())
            if to is not None and to in ears:
                pairs.add((session.phone.name, ears[to]))
        return pairs

    def relayed(self) -> set[str]:
        """Who sends what they say to a relay."""
        return {
            phone.name
            for phone in self._phones()
            for session in phone.live
            if self.relays.of(session.media.sends_to())
        }

    def spoken_to(self) -> set[Address]:
        """Where the voices go of those who are there."""
        sessions = [session for phone in self._phones() if not phone.gone for session in phone.live]
        return {place for session in sessions if (place := session.media.sends_to()) is not None}

    def recorded(self, path: str) -> tuple[set[str], set[str]]:
        """Who is heard in a recording that is being made: on the left, and on the right."""
        recorded = self.relays.recordings[path]
        left, right = set[str](), set[str]()
        for phone in self._phones():
            for session in phone.live:
                leg = self.relays.leg_at(session.media.sends_to())
                if leg and not recorded.paused and not recorded.ended:
                    (left if leg == recorded.first else right).add(phone.name)
        return left, right

    def hears(self, phone: Phone) -> str:
        """Name what the server plays to a phone; empty if it plays nothing, or is not heard."""
        voice = self._voice(phone)
        return "" if voice is None else voice.playing

    def meets(self, phone: Phone) -> set[str]:
        """Who is heard at a phone through a room of the server."""
        ear = self.voice(phone)
        others = [other for other in self._phones() if other is not phone]
        return {other.name for other in others if (v := self._voice(other)) is not None and v.heard_by(ear)}

    def hears_early(self, phone: Phone) -> str:
        """Name what the server plays to a phone before the answer; empty if it plays nothing."""
        for session in phone.live:
            offer = session.media.ours
            streams = () if offer is None else offer.streams
            for stream in streams:
                voice = self.voices.to((stream.address, stream.port))
                if voice is not None:
                    return voice.playing
        return ""

    def voice(self, phone: Phone) -> SimulatedVoice:
        """The voice that talks to a phone, for pressing keys."""
        voice = self._voice(phone)
        if voice is None:
            raise self.failure(f"the server does not talk to {phone.name}")
        return voice

    def _voice(self, phone: Phone) -> SimulatedVoice | None:
        """The voice that a phone hears, if it does one."""
        for session in phone.live:
            place = session.media.receives_at()
            voice = None if place is None else self.voices.to(place)
            if voice is not None:
                return voice
        return None

    def _phones(self) -> list[Phone]:
        return [agent for agent in self.agents if isinstance(agent, Phone)]

    # The end

    def quiet(self, patience: float = 400.0) -> None:
        """
        Let time run out, and insist that nothing is left and no rule was broken.

        @param patience: seconds that the last transaction may take to end.
        """
        for phone in self._phones():
            phone.stop_registering()
            phone.stop_watching()
        if self.served is not None:
            self.clock.run_until(lambda: not any(map(_watches, self._phones())), patience)
            for one in self.servers():
                one.stop()
        self.clock.run_until(self._nothing_left, patience)
        if self.witness is not None:
            self.witness.conclude()
        complaints = self.complaints()
        if complaints:
            raise self.failure("\n".join(complaints))

    def _crashed(self) -> None:
        """The server has died."""
        self.died = self.clock.seconds()
        if self.witness is not None:
            self.witness.crashed()

    def complaints(self) -> list[str]:
        """Say all that is not as it should be when everything is over."""
        found = [str(violation) for violation in self.violations]
        found += [
            f"{agent.name} still has {left}"
            for agent in self.agents
            if not agent.gone and (left := agent.remains())
        ]
        found += [
            f"{phone.name} got what nobody asked for: {', '.join(phone.unread())}"
            for phone in self._phones()
            if phone.manners.by_hand and phone.unread()
        ]
        found += [f"the relay of call {relay.call} is left" for relay in self.relays.open_relays]
        for one in self.servers():
            found += one.complaints()
        return found

    def _nothing_left(self) -> bool:
        if any(agent.remains() for agent in self.agents if not agent.gone):
            return False
        return not any(one.remains() for one in self.servers())

    def servers(self) -> list[Served]:
        """The server, and those that share its store."""
        return [*self.nodes.values()] or [self.served] if self.served is not None else []


def _watches(phone: Phone) -> bool:
    """Has a phone that is there a subscription left?"""
    return not phone.gone and any(subscription.live for subscription in phone.subscriptions)
