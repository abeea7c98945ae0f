"""What plays, listens and passes media on: workers of ours, and rtpengine where it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from b2bua.net.relays import Relays
from b2bua.net.voices import Voices

if TYPE_CHECKING:
    from b2bua.admin.administration import Administration
    from b2bua.net.rtpengines import RtpengineSockets
    from b2bua.server import Server
    from b2bua.settings.tables import Media


class MediaEngines:
    """The engines of C{[media]}, which change with a restart only."""

    def __init__(self, reactor: Any, table: Media, server: Server) -> None:
        """Hand them to the calls; no process is started before a call needs one."""
        calls = server.core.calls
        ports = table.first_port, table.last_port
        self._voices = Voices(reactor, ports, table.workers, table.silent_seconds)
        self._rtpengines: RtpengineSockets | None = None
        if table.workers:
            calls.voices = self._voices
            calls.relays = Relays(self._voices.workers)
        if table.rtpengine is not None:
            # Not loaded where there is none.
            from b2bua.net.rtpengines import RtpengineSockets

            self._rtpengines = RtpengineSockets(reactor, server.runner, table.rtpengine, table.silent_seconds)
            calls.relays = self._rtpengines.relays

    def show(self, administration: Administration) -> None:
        """Have people see how they are."""
        if self._rtpengines is not None:
            administration.service.engines = self._rtpengines.set.engines

    def start(self) -> None:
        """Begin to watch those outside of our processes."""
        if self._rtpengines is not None:
            self._rtpengines.start()

    async def stop(self) -> None:
        """Let them go, and wait for the workers."""
        if self._rtpengines is not None:
            self._rtpengines.stop()
        self._voices.stop()
        await self._voices.gone
