"""
Where the phones are that are registered with other nodes.

Each node tells the others what it has, and what changes of it.  A phone is
called by the flow of its REGISTER, and so by the socket of the node that it is
registered with.  What is told is kept in memory only: in the store each node
has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from b2bua.registrar.bindings import Binding, Change
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.cluster.peer import Peer
    from b2bua.handover.belonging import Word
    from b2bua.server import Server


class Locations:
    """The bindings of the other nodes, and what they are told of ours."""

    def __init__(self, server: Server, peers: Mapping[str, Peer]) -> None:
        """Know of none."""
        self._server = server
        self._peers = peers
        self._theirs: dict[str, dict[str, tuple[Binding, ...]]] = {}
        """By node and address-of-record."""

    def begin(self) -> None:
        """Call phones wherever they are, and tell the others of ours."""
        self._server.bindings.elsewhere = self._elsewhere
        self._server.bindings.listen(self._changed)

    def end(self) -> None:
        """Call only those that are ours."""
        self._server.bindings.elsewhere = None

    def _elsewhere(self, aor: str) -> tuple[Binding, ...]:
        """What the others have for an address-of-record."""
        now = self._server.runner.now()
        return tuple(
            one for theirs in self._theirs.values() for one in theirs.get(aor, ()) if one.expires_at > now
        )

    # ---- ours ---------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        """Tell the others of a change."""
        if self._peers and change.kind in ("registered", "refreshed", "unregistered"):
            aor = change.binding.aor
            word = {"say": "bound", "all": False, "rows": {aor: self._plain(aor)}}
            for peer in self._peers.values():
                peer.say(word)

    def introduce(self, peer: Peer) -> None:
        """Tell a node of all that we have."""
        rows = {aor: self._plain(aor) for aor in {binding.aor for binding in self._server.bindings}}
        peer.say({"say": "bound", "all": True, "rows": rows})

    def _plain(self, aor: str) -> list[list[Any]]:
        """Our bindings as plain values, their times by the time of day."""
        late = self._late
        return [
            [*one._replace(expires_at=one.expires_at + late, since=one.since + late)]
            for one in self._server.bindings.all(aor)
        ]

    @property
    def _late(self) -> float:
        """What our clock is behind the time of day."""
        return self._server.runner.wall() - self._server.runner.now()

    # ---- theirs -------------------------------------------------------------

    def heard(self, node: str, word: Word) -> None:
        """A node tells what it has."""
        theirs = self._theirs.setdefault(node, {})
        gone = [aor for aor in theirs if aor not in word["rows"]] if word["all"] else []
        for aor, rows in word["rows"].items():
            self._put(theirs, aor, tuple(_binding(row, self._late) for row in rows))
        for aor in gone:
            self._put(theirs, aor, ())

    def gone(self, node: str) -> None:
        """A node is not there any more, nor are the connections of its phones."""
        theirs = self._theirs.get(node, {})
        for aor, bindings in list(theirs.items()):
            kept = tuple(one for one in bindings if not one.connection)
            if len(kept) < len(bindings):
                self._put(theirs, aor, kept)

    def forget(self, node: str) -> None:
        """A node has ended for good; its phones register with others."""
        self.gone(node)
        self._theirs.pop(node, None)

    def _put(self, theirs: dict[str, tuple[Binding, ...]], aor: str, after: tuple[Binding, ...]) -> None:
        """Replace what a node has for an address-of-record; calls follow their phones."""
        before = theirs.pop(aor, ())
        if after:
            theirs[aor] = after
        devices = self._server.devices
        for one in before:
            if all(one.flow != other.flow for other in after):
                devices.heard(Change("unregistered", one, "closed" if one.connection else "request"))
        for one in after:
            if all(one.flow != other.flow for other in before):
                devices.heard(Change("registered", one))


def _binding(row: list[Any], late: float) -> Binding:
    """A binding from plain values."""
    one = Binding(*row)
    way = None
    if one.flow is not None:
        transport, local, remote, connection = one.flow
        way = Flow(transport, (local[0], local[1]), (remote[0], remote[1]), connection)
    return one._replace(
        flow=way,
        expires_at=one.expires_at - late,
        since=one.since - late,
        path=tuple(one.path),
        extra=tuple((name, value) for name, value in one.extra),
    )
