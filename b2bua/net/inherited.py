"""
Sockets that were open before we were: of the process before, or of systemd (sd_listen_fds(3)).

They are bound, and what has come for them waits in them, so that nothing is
lost between two processes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, MutableMapping
from ipaddress import ip_address

FIRST = 3
"""The number of the first descriptor (SD_LISTEN_FDS_START)."""
CLAIMED = "B2BUA_LISTEN_FDS"
"""Where the environment says how many there are for us."""


def claim(environ: MutableMapping[str, str], pid: int) -> bool:
    """
    Have what systemd hands to this process, before anybody else takes it for theirs; is there anything?

    Twisted's own endpoints do so as soon as they are imported.
    """
    if environ.get("LISTEN_PID") == str(pid) and "LISTEN_FDS" in environ:
        environ[CLAIMED] = environ.pop("LISTEN_FDS")
        del environ["LISTEN_PID"]
        environ.pop("LISTEN_FDNAMES", None)
    return CLAIMED in environ


def handed_down(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take the sockets that are ours, and see that no process of ours gets them as well."""
    count = environ.pop(CLAIMED, "")
    found = []
    for number in range(FIRST, FIRST + int(count) if count.isdigit() else 0):
        try:
            one = socket.socket(fileno=number)
        except OSError:
            continue
        os.set_inheritable(number, False)
        one.setblocking(False)
        found.append(one)
    return found


class Inherited:
    """Sockets by the address to which they are bound."""

    def __init__(self, sockets: Iterable[socket.socket] = ()) -> None:
        """Have these."""
        self._sockets = list(sockets)

    def take(self, host: str, port: int, *, datagrams: bool) -> socket.socket | None:
        """Give the one that is bound there, if there is one."""
        kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
        for one in self._sockets:
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.type == kind:
                name = one.getsockname()
                if name[1] == port and ip_address(name[0]) == ip_address(host):
                    self._sockets.remove(one)
                    return one
        return None

    def close(self) -> None:
        """Close those that nobody wants: the configuration does not name them any more."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()
