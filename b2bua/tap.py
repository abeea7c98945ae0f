"""C{twistd b2bua}: what can be typed after it, and the service that comes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from twisted.python.usage import Options as UsageOptions

from b2bua import logs
from b2bua.configuration import Configuration, configuration
from b2bua.handover.spawning import PREDECESSOR
from b2bua.net.inherited import claim
from b2bua.net.without_tls import without_tls
from b2bua.preflight import is_running, obstacles
from b2bua.settings import Problem, SettingsError, find

if TYPE_CHECKING:
    from twisted.application.service import IService


class Options(UsageOptions):
    """The options of C{twistd b2bua}."""

    synopsis = "[options]"
    longdesc = "SIGTERM drains it, SIGHUP makes it read its configuration again."
    optParameters: list[Any] = [["config", "c", None, "The configuration file."]]  # noqa: RUF012  # as usage wants it
    optFlags: list[Any] = [["check", None, "Say whether the service would start, and end."]]  # noqa: RUF012
    configuration: Configuration

    def postOptions(self) -> None:
        """Read the configuration; whatever is wrong with it is said here, before anything has happened."""
        try:
            file = find(self["config"])
            if self["check"]:
                from b2bua.command.check import verdict

                print(verdict(file))  # noqa: T201  # it was asked for
                raise SystemExit(0)
            self.configuration = configuration(file)
            settings = self.configuration.settings
            inherits, taking_over = claim(os.environ, os.getpid()), PREDECESSOR in os.environ
            if is_running(settings) and not taking_over:
                path = settings.server.control
                problem = Problem("server.control", f"a service listens at {path} already; end it first")
                raise SettingsError(file, [problem])
            if problems := obstacles(settings, running=inherits):
                raise SettingsError(file, problems)
        except SettingsError as error:
            raise SystemExit(str(error)) from None


def makeService(options: Options) -> IService:  # twistd asks for this name
    """Make the service that C{twistd} starts."""
    configured, twistd = options.configuration, options.parent
    with without_tls() if configured.settings.tls is None else nullcontext():
        from twisted.internet import reactor

        from b2bua.service.process import B2BUAService
    go_steadily(reactor)
    observer = None
    if twistd is not None and not twistd.get("logger") and not twistd.get("syslog"):
        observer = logs.observe(logs.destination(twistd), configured.settings.log, reactor.callLater)
    return B2BUAService(configured, observer)


def go_steadily(reactor: Any, seconds: Callable[[], float] = time.monotonic) -> None:
    """
    Have the reactor go by a clock that nobody sets; nothing may wait for it yet.

    By itself it goes by the time of day: when that is set forward all timers
    fire at once, and when it is set back none does for as long.
    """
    reactor.seconds = seconds
