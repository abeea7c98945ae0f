"""What systemd wants to know of a service: that it is ready, that it ends, that it is still alive."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.task import LoopingCall

WATCHED = "WATCHDOG_USEC"
"""Where systemd says how many microseconds of silence it bears (sd_watchdog_enabled(3))."""


def notify(state: str, descriptors: Sequence[int] = ()) -> None:
    """
    Tell systemd how we are, if it wants to know (sd_notify(3)).

    @param descriptors: what it is to keep for the next process (sd_pid_notify_with_fds(3)).
    """
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name:
        return
    if state == "RELOADING=1":
        state += f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out, suppress(OSError):
        out.connect("\0" + name[1:] if name.startswith("@") else name)
        if descriptors:
            socket.send_fds(out, [state.encode()], descriptors)
        else:
            out.send(state.encode())


class Watchdog:
    """Tells systemd again and again that we are alive, if it wants to know."""

    def __init__(self) -> None:
        """Tell it nothing yet."""
        self._telling = LoopingCall(notify, "WATCHDOG=1")

    def start(self, reactor: Any) -> None:
        """Tell it twice in the time for which it bears silence."""
        limit = os.environ.get(WATCHED, "")
        if limit.isdigit():
            self._telling.clock = reactor
            self._telling.start(int(limit) / 2e6)

    def stop(self) -> None:
        """Tell it no more."""
        if self._telling.running:
            self._telling.stop()
