"""The names that the administrator has given addresses to: C{/etc/hosts}."""

from __future__ import annotations

import os
from collections.abc import Callable

from b2bua.net.address import is_numeric

PATH = "/etc/hosts"
LOOK_AGAIN = 5.0


class HostsFile:
    """Reads the file when it has changed, and looks whether it has from time to time only."""

    def __init__(self, now: Callable[[], float], path: str = PATH) -> None:
        """
        Read nothing yet.

        @param now: the clock.
        """
        self._now = now
        self._path = path
        self._looked = float("-inf")
        self._changed: tuple[int, int] | None = None
        self._names: dict[str, list[str]] = {}

    def get(self, name: str) -> list[str]:
        """Give the addresses of a name in lower case, in the order of the file."""
        now = self._now()
        if now - self._looked >= LOOK_AGAIN:
            self._looked = now
            self._look()
        return self._names.get(name, [])

    def _look(self) -> None:
        """Read the file if it is another one."""
        try:
            stat = os.stat(self._path)
            changed = (stat.st_mtime_ns, stat.st_size)
            if changed == self._changed:
                return
            with open(self._path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            self._names, self._changed = {}, None
            return
        self._changed = changed
        self._names = {}
        for line in lines:
            address, *names = line.partition("#")[0].split() or [""]
            if is_numeric(address):
                for name in names:
                    self._names.setdefault(name.lower(), []).append(address)
