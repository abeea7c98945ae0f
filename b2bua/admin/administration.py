"""All that can be asked of a server, put together once: the same on a PBX host and in the simulated world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from b2bua.admin.calls import Calls
from b2bua.admin.features import Choices
from b2bua.admin.phones import Phones
from b2bua.admin.routes import routes
from b2bua.admin.status import ServiceStatus
from b2bua.admin.values import Reloaded

if TYPE_CHECKING:
    from b2bua.extensions import AddedExtensions
    from b2bua.features import Features
    from b2bua.server import Server
    from b2bua.store.journal import Journal


class Administration:
    """Who answers, and the routes to them."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        extensions: AddedExtensions,
        features: Callable[[], Features],
        configure: Callable[[], None],
        reload: Callable[[], Awaitable[Reloaded]],
        version: str = "",
    ) -> None:
        """
        Look at a server from now on.

        @param features: the generation that new calls get.
        @param configure: makes the server take the extensions as they are now.
        @param reload: makes the service read its configuration again.
        """
        self.version = version
        self.calls = Calls(server, journal, version)
        self.phones = Phones(server, journal, extensions, configure)
        self.choices = Choices(features, lambda: server.settings)
        self.service = ServiceStatus(server, journal, self.calls, version)
        self.routes = routes(self.service, self.phones, self.calls, self.choices, reload)
        server.over = self.calls.over
