"""The sockets of the API: the local one, whose permissions say who may ask."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.web.resource import Resource

from b2bua.admin.administration import Administration
from b2bua.admin.files import Files
from b2bua.admin.monitoring import Figures, Health
from b2bua.admin.page.pulse import Pulse
from b2bua.admin.page.site import Site
from b2bua.admin.person import Person
from b2bua.admin.stream import Stream
from b2bua.admin.web import Api, Connections, Identify

WEB_CONNECTIONS = 1000
"""So many connections there may be from the network."""
LOCAL_CONNECTIONS = 32
"""So many may ask at once at the local socket."""


def listen_locally(reactor: Any, path: str, mode: int, tree: IProtocolFactory) -> IListeningPort:
    """
    Open the local socket.

    One that a crash has left behind is removed; nobody listens to it.

    @param tree: what is served there.
    """
    if _left_behind(path):
        os.unlink(path)
    # Until the permissions are set nobody but us may connect.
    before = os.umask(0o177)
    try:
        port: IListeningPort = reactor.listenUNIX(path, tree, mode=mode)
    finally:
        os.umask(before)
    return port


def local_site(administration: Administration, person: Person, clock: Any) -> Connections:
    """What is served to those who are all one person."""
    tree = Resource()
    _fill(tree, administration, lambda request: person, clock)
    return Connections(tree, clock, LOCAL_CONNECTIONS)


def web_site(administration: Administration, clock: Any) -> Connections:
    """What is served to the network: to those who log in, and to programs with a token."""
    entrance = administration.entrance
    tree = Site(administration, clock)
    tree.putChild(b"pulse", Pulse(administration, entrance.identify, clock, tree.forget))
    _fill(tree, administration, entrance.identify, clock)
    return Connections(tree, clock, WEB_CONNECTIONS)


def _fill(tree: Resource, administration: Administration, identify: Identify, clock: Any) -> None:
    """Serve what programs read: the questions, the stream of events, and what monitoring asks for."""
    api = Api(administration.routes, identify, administration.description, administration.audit)
    api.putChild(b"events", Stream(administration.events, identify, clock))
    tree.putChild(b"api", api)
    tree.putChild(b"files", Files(administration.choices, identify))
    tree.putChild(b"metrics", Figures(administration, identify))
    tree.putChild(b"health", Health(administration))


def _left_behind(path: str) -> bool:
    """Is there a socket that nobody listens to?"""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
