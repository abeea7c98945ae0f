"""The sockets of the API: the local one, whose permissions say who may ask."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.web.resource import Resource

from b2bua.admin.administration import Administration
from b2bua.admin.person import Person
from b2bua.admin.web import Api, Connections

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


def site(administration: Administration, person: Person, clock: Any) -> Connections:
    """What is served to those who are all one person."""
    tree = Resource()
    tree.putChild(b"api", Api(administration.routes, lambda request: person, administration.version))
    return Connections(tree, clock, LOCAL_CONNECTIONS)


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
