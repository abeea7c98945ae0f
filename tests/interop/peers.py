"""Runners on real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from b2bua.net.limits import NetLimits
from b2bua.net.listen import open_wire
from b2bua.net.locate import NumericLocator
from b2bua.net.runner import Runner
from b2bua.net.tls import Credentials
from b2bua.wire.message import Response
from b2bua.wire.uri import Uri
from tests.interop.processes import TIMEOUT
from tests.net.world import Recorder
from tests.transactions.messages import request


def answer_ok(message: Any, server: Any) -> None:
    """Answer whatever comes."""
    server.respond(message.response(200, to_tag="x"))


class Peer:
    """A runner with a socket of each kind that is asked for."""

    def __init__(
        self,
        host: str,
        *transports: str,
        credentials: Credentials | None = None,
        names: dict[str, list[str]] | None = None,
        **limits: Any,
    ) -> None:
        """Listen on any port of C{host}."""
        self.user = Recorder()
        self.user.answer = answer_ok
        locator = NumericLocator(names)
        self.runner = Runner(reactor, self.user, locator=locator, limits=NetLimits(**limits))
        self.wires = {}
        for transport in transports:
            wire: Any = open_wire(reactor, self.runner, transport, host, 0, credentials=credentials)
            self.runner.attach(wire)
            wire.listen()
            self.wires[transport] = wire

    def port(self, transport: str) -> int:
        """The port of a socket."""
        return int(self.wires[transport].local[1])

    def close(self) -> None:
        """Stop all that is left of the test."""
        for wire in self.wires.values():
            wire.close()
        self.runner.close()


class PeerCase(TestCase):
    """Tests with peers that end with them."""

    timeout = TIMEOUT

    def peer(self, *arguments: Any, **options: Any) -> Peer:
        """Make a peer."""
        peer = Peer(*arguments, **options)
        self.addCleanup(self.rest, peer)
        return peer

    def rest(self, peer: Peer) -> Deferred[None]:
        """End a peer, and wait until the reactor has seen its sockets closed."""
        peer.close()
        done: Deferred[None] = Deferred()
        clock: Any = reactor
        clock.callLater(0.02, done.callback, None)
        return done

    def ask(self, peer: Peer, target: Any, method: str = "OPTIONS", **more: Any) -> Deferred[Response]:
        """Send a request; fires with the first final answer."""
        heard: Deferred[Response] = Deferred()

        def hear(response: Response) -> None:
            if response.code >= 200 and not heard.called:
                heard.callback(response)

        if isinstance(target, str):
            target = Uri.parse(target)
        peer.runner.request(lambda flow, via: request(method, via=via, **more), target, hear)
        return heard


def later(seconds: float) -> Deferred[None]:
    """Wait in real time."""
    done: Deferred[None] = Deferred()
    clock: Any = reactor
    clock.callLater(seconds, done.callback, None)
    return done
