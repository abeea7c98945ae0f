"""The configuration read again while the service runs: a step at a time, since calls go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from b2bua.configuration import Configuration, steps
from b2bua.preflight import obstacles
from b2bua.settings import Settings, SettingsError, document

if TYPE_CHECKING:
    from b2bua.features import Features

FIXED = (
    "server.domain",
    "server.listen",
    "server.multicast",
    "server.advertise",
    "server.database",
    "server.node",
    "server.cluster",
    "server.control",
    "server.user_agent",
    "calls.survive",
    "tls",
    "timers",
    "limits",
    "log",
    "web",
    "media.rtpengine",
)
"""What a configuration that is read again cannot change in a service that runs."""


async def read_again(reactor: Any, path: str, features: Features) -> Configuration:
    """
    Read the configuration, and the plugins of now.

    @param features: those that are being replaced.
    @raise SettingsError: if it is bad; nothing has changed then.
    """
    tables = await deferToThreadPool(reactor, reactor.getThreadPool(), document, path)
    with features.renewal() as load:
        making = steps(path, tables, load)
        while True:
            try:
                next(making)
            except StopIteration as made:
                configured: Configuration = made.value
                break
            await deferLater(reactor, 0)
        if problems := obstacles(configured.settings, running=True):
            raise SettingsError(path, problems)
    return configured


def takes_a_restart(began_with: Settings, now: Settings) -> Iterator[str]:
    """Say which keys are others than those of the running service, and cannot be so."""
    for path in FIXED:
        if _at(began_with, path) != _at(now, path):
            yield f"{path} is another than that of the running service; that takes a restart"


def _at(settings: Settings, path: str) -> object:
    """The value at a key path."""
    return reduce(getattr, path.split("."), settings)
