"""Bindings that outlive the process: what is written of them, and what can be used of it later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from b2bua.errors import PeerError
from b2bua.registrar.bindings import Binding, Bindings, Change
from b2bua.store.ports import BindingRow
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.clock import IClock
    from b2bua.store.journal import Journal


class Keeper:
    """
    Keeps the bindings in a store, through its journal.

    The clock of the bindings may count from anywhere, so times are translated
    to the time of day.
    """

    def __init__(self, bindings: Bindings, journal: Journal, clock: IClock) -> None:
        """Keep every change from now on."""
        self._bindings = bindings
        self._journal = journal
        self._clock = clock
        journal.bindings_from(self.rows)
        bindings.listen(self._changed)

    def keep(self, aor: str, *, wait: bool) -> Deferred[None] | None:
        """Store what C{aor} has now; see L{b2bua.registrar.registrar.IKeeper}."""
        return self._journal.bindings(aor, wait=wait)

    def rows(self, aor: str) -> tuple[BindingRow, ...]:
        """The bindings of C{aor} as they are written."""
        late = self._clock.wall() - self._clock.now()
        return tuple(_row(binding, late) for binding in self._bindings.all(aor))

    def restore(self, rows: Iterable[BindingRow], usable: Callable[[Flow], bool] = lambda flow: True) -> int:
        """
        Take over what was stored, and say how many bindings that was.

        @param usable: whether we still have the socket of a flow.
        """
        late = self._clock.wall() - self._clock.now()
        before = len(self._bindings)
        self._bindings.load(binding for row in rows if (binding := _binding(row, late, usable)) is not None)
        return len(self._bindings) - before

    def _changed(self, change: Change) -> None:
        """Write what changed without a REGISTER too: expiry, a closed connection, an operator."""
        if change.kind == "unregistered":
            self._journal.bindings(change.binding.aor)


def _row(binding: Binding, late: float) -> BindingRow:
    """A binding as a row; C{late} is what our clock is behind the time of day."""
    flow = binding.flow
    return BindingRow(
        aor=binding.aor,
        contact=binding.contact,
        reg_id=binding.reg_id,
        instance=binding.instance,
        expires=binding.expires_at + late,
        since=binding.since + late,
        q=binding.q,
        call_id=binding.call_id,
        cseq=binding.cseq,
        transport=flow.transport if flow is not None else "",
        local=_place(flow.local) if flow is not None else "",
        remote=_place(flow.remote) if flow is not None else "",
        path="\n".join(binding.path),
        params=binding.params,
        user_agent=binding.user_agent,
        extra="\n".join(f"{name}: {value}" for name, value in binding.extra),
    )


def _binding(row: BindingRow, late: float, usable: Callable[[Flow], bool]) -> Binding | None:
    """The binding in a row; None if it cannot be reached any more."""
    flow = None
    if row.transport:
        flow = Flow(row.transport, _at(row.local), _at(row.remote))
        if row.transport != "UDP":
            if not _reachable(row, flow):
                return None
            flow = None
        elif not usable(flow):
            flow = None
    return Binding(
        row.aor,
        row.contact,
        flow,
        row.expires - late,
        row.call_id,
        row.cseq,
        row.q,
        tuple(row.path.split("\n")) if row.path else (),
        row.instance,
        row.reg_id,
        row.params,
        row.user_agent,
        tuple(_pair(line) for line in row.extra.split("\n")) if row.extra else (),
        row.since - late,
    )


def _reachable(row: BindingRow, flow: Flow) -> bool:
    """
    Can a phone be called whose connection ended with the process?

    Over a new one, if it listens where its Contact says; not behind NAT, and
    not in a browser.
    """
    if flow.transport not in ("TCP", "TLS"):
        return False
    try:
        return Uri.parse(row.contact).host.strip("[]") == flow.remote[0]
    except PeerError:
        return False


def _place(address: tuple[str, int]) -> str:
    """Host and port as text."""
    return f"{address[0]} {address[1]}"


def _at(text: str) -> tuple[str, int]:
    """Host and port from text."""
    host, _, port = text.rpartition(" ")
    return host, int(port)


def _pair(line: str) -> tuple[str, str]:
    """A name and a value from a line."""
    name, _, value = line.partition(": ")
    return name, value
