"""
What the service listens on: SIP, the socket of the C{b2bua} command, and that of the page.

Those of SIP are opened while we may open low ports, or are inherited from the
process before; nothing is read from them until the service can answer.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from b2bua.admin.listening import listen_locally, local_site, web_site
from b2bua.admin.person import LOCAL
from b2bua.net.address import WILDCARDS
from b2bua.net.inherited import Inherited, handed_down
from b2bua.net.listen import AnyWire, bound, open_wire
from b2bua.net.streams import BACKLOG
from b2bua.net.udp import UdpWire
from b2bua.preflight import why_not

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory

    from b2bua.admin.administration import Administration
    from b2bua.net.tls import Credentials
    from b2bua.server import Server
    from b2bua.settings import Listen, Settings, Tls
    from b2bua.transactions.flow import Flow


class CannotStart(Exception):
    """The service cannot start; the text is one line for people."""


class Sockets:
    """All sockets that listen."""

    log = Logger()

    def __init__(self, reactor: Any, environ: MutableMapping[str, str]) -> None:
        """
        Have those that the process before has left to us.

        @param environ: where it says so; what is ours is taken out.
        """
        self._reactor = reactor
        self._inherited = Inherited(handed_down(environ))
        self._credentials: Credentials | None = None
        self._wires: list[AnyWire] = []
        self._control: IListeningPort | None = None
        self._web: IListeningPort | None = None
        self._administration: Administration
        self._settings: Settings
        self._for_command: IProtocolFactory
        self._for_browsers: IProtocolFactory

    # ---- SIP --------------------------------------------------------------

    def open(self, settings: Settings, server: Server) -> None:
        """
        Open those of SIP, and give them to the server.

        @raise CannotStart: one of them cannot be opened; then none is open.
        """
        self._settings = settings
        try:
            if settings.tls is not None:
                self._credentials = _credentials(settings.tls)
            for index, place in enumerate(settings.server.listen):
                self._open(index, place, server)
        except CannotStart:
            self.close()
            raise

    def _open(self, index: int, place: Listen, server: Server) -> None:
        """Open one socket."""
        try:
            wire = open_wire(
                self._reactor,
                server.runner,
                *place,
                credentials=self._credentials,
                messages=server.messages,
                inherited=self._inherited.take(place.host, place.port, datagrams=place.transport == "UDP"),
            )
        except OSError as error:
            raise CannotStart(f"server.listen[{index}]: {place} {why_not(error)}") from None
        table = self._settings.server
        if isinstance(wire, UdpWire) and place.host == "0.0.0.0":
            for group in table.multicast:
                self._join(wire, group)
        self._wires.append(wire)
        server.runner.attach(wire, table.advertise or "")

    def _join(self, wire: UdpWire, group: str) -> None:
        """Hear a multicast group, if there is a network for it: phones that are set up need none."""
        try:
            wire.join(group)
        except OSError as error:
            text = "the multicast group {group} cannot be joined ({why}); phones that ask it hear nothing"
            self.log.warn(text, group=group, why=error.strerror)

    def has(self, flow: Flow) -> bool:
        """Is the socket of a flow there, now as then?"""
        return any(
            wire.transport == flow.transport
            and wire.local[1] == flow.local[1]
            and wire.local[0] in (flow.local[0], *WILDCARDS)
            for wire in self._wires
        )

    def listen(self) -> None:
        """Answer phones."""
        for wire in self._wires:
            wire.listen()
            self.log.info(
                "listening on {transport} {local}", transport=wire.transport, local=_pair(wire.local)
            )

    def read_again(self) -> None:
        """Show who connects from now on the certificate that the files have now."""
        if self._credentials is not None:
            self._credentials.reload()

    # ---- people and programs ----------------------------------------------

    def prepare(self, administration: Administration) -> None:
        """Make what is served to people and programs; that takes its time."""
        self._administration = administration
        self._for_command = local_site(administration, LOCAL, self._reactor)
        self._for_browsers = web_site(administration, self._reactor)

    def listen_to_people(self) -> None:
        """
        Open the socket by which the command reaches us, and that of the page and the API.

        @raise CannotStart: the command cannot reach us.
        """
        self._listen_to_command()
        self._listen_to_browsers()
        self._inherited.close()

    def _listen_to_command(self) -> None:
        """Open the socket by which the command reaches us."""
        table = self._settings.server
        try:
            self._control = listen_locally(
                self._reactor, table.control, table.control_mode, self._for_command
            )
        except (OSError, CannotListenError) as error:
            raise CannotStart(f"server.control: {table.control} cannot be opened: {error}") from None

    def _listen_to_browsers(self) -> None:
        """Open the socket of the page and the API; telephones do not wait for it to be free."""
        web, served = self._settings.web, self._for_browsers
        if web.place is None:
            return
        host, number = web.place
        scheme = "http"
        if not web.is_local and self._credentials is not None:
            from b2bua.net.tls import over_tls

            served, scheme = over_tls(self._credentials, served), "https"
        accounts = self._administration.accounts
        accounts.page = f"{scheme}://{web.listen}"
        try:
            with bound(self._inherited.take(host, number, datagrams=False), host, number) as listening:
                listening.listen(BACKLOG)
                self._web = self._reactor.adoptStreamPort(listening.fileno(), listening.family, served)
        except OSError as error:
            why = f"web.listen: {web.listen} {why_not(error)}; calls go on without the page"
            self._administration.service.complaints.append(why)
            self.log.error("{why}", why=why)
        else:
            self.log.info("the page is at {page}", page=accounts.page)

    # ---- another process ----------------------------------------------------

    @property
    def of_sip(self) -> list[int]:
        """The descriptors of those of SIP."""
        return [wire.fileno() for wire in self._wires]

    @property
    def to_hand_down(self) -> list[int]:
        """The descriptors of those that another process can go on with."""
        found = self.of_sip
        if self._web is not None:
            found.append(self._web.fileno())  # type: ignore[attr-defined]  # a port of Twisted's
        return found

    def pause(self) -> None:
        """Read nothing more of SIP; what comes waits in the sockets."""
        for wire in self._wires:
            wire.pause()

    async def stand_by(self) -> None:
        """Read nothing at all, and leave the socket of the command to another process."""
        self.pause()
        if self._web is not None:
            self._web.stopReading()  # type: ignore[attr-defined]
        if self._control is not None:
            control, self._control = self._control, None
            await maybeDeferred(control.stopListening)

    def resume(self) -> None:
        """There is no other process: go on."""
        for wire in self._wires:
            wire.listen()
        if self._web is not None:
            self._web.startReading()  # type: ignore[attr-defined]
        self._listen_to_command()

    # ---- the end ------------------------------------------------------------

    def close(self) -> None:
        """Close those of SIP."""
        for wire in self._wires:
            wire.close()
        self._wires.clear()

    async def leave_people(self) -> None:
        """Close the others."""
        for port in (self._control, self._web):
            if port is not None:
                await maybeDeferred(port.stopListening)


def _credentials(tls: Tls) -> Credentials:
    """Read our certificate."""
    from b2bua.net.tls import Credentials

    try:
        return Credentials(tls.certificate, tls.key, tls.authorities, verify=tls.verify_servers)
    except (OSError, ValueError) as error:
        raise CannotStart(f"tls: {error}") from None


def _pair(local: tuple[str, int]) -> str:
    """C{host:port} for people."""
    host, port = local
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
