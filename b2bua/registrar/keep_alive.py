"""Phones behind NAT are asked whether they are there, which also keeps the way to them open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.liveness import Probe
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from random import Random

    from b2bua.liveness import Asker
    from b2bua.registrar.bindings import Binding, Bindings, Change
    from b2bua.transactions.ports import ITransactionLayer


class KeepAlive:
    """
    Asks phones behind NAT, for as long as they are registered.

    A phone behind NAT is one that registered over UDP from another address
    than its Contact has.  One that no longer answers is not called until it is
    heard of again.
    """

    def __init__(
        self,
        bindings: Bindings,
        layer: ITransactionLayer,
        asker: Asker,
        random: Random,
        seconds: float = 25.0,
    ) -> None:
        """
        Listen to the news of the bindings.

        @param seconds: between two questions; many routers forget the way
            after 30.
        """
        self._bindings = bindings
        self._layer = layer
        self._asker = asker
        self._random = random
        self._seconds = seconds
        self._probes: dict[tuple[str, str], Probe] = {}
        bindings.listen(self._heard)
        for binding in bindings:
            self._watch(binding)

    def stop(self) -> None:
        """Ask nobody any more."""
        for probe in self._probes.values():
            probe.stop()
        self._probes.clear()
        self._seconds = 0

    def answers(self, binding: Binding) -> bool | None:
        """Does a phone answer?  None for one that was not asked, or has not had the time."""
        probe = self._probes.get((binding.aor, binding.contact))
        if probe is None or (probe.alive and not probe.answered):
            return None
        return probe.alive

    def _heard(self, change: Change) -> None:
        """Follow a change."""
        binding = change.binding
        if change.kind == "registered":
            self._watch(binding)
        elif change.kind == "refreshed":
            probe = self._probes.get((binding.aor, binding.contact))
            if probe is not None and behind_nat(binding) and binding.flow is not None:
                probe.move(binding.flow)
            else:
                self._forget(binding)
                self._watch(binding)
        elif change.kind == "unregistered":
            self._forget(binding)

    def _watch(self, binding: Binding) -> None:
        """Begin to ask."""
        if not self._seconds or binding.flow is None or not behind_nat(binding):
            return
        key = (binding.aor, binding.contact)
        if key in self._probes:
            self._probes[key].stop()
        self._probes[key] = Probe(
            self._layer,
            self._asker,
            binding.contact,
            binding.flow,
            self._seconds,
            lambda alive: self._bindings.hush(binding, not alive),
            to=f"sip:{binding.aor}",
            delay=self._seconds * (0.5 + 0.5 * self._random.random()),
        )

    def _forget(self, binding: Binding) -> None:
        """Ask no more."""
        probe = self._probes.pop((binding.aor, binding.contact), None)
        if probe is not None:
            probe.stop()


def behind_nat(binding: Binding) -> bool:
    """Does it register from another address than the one it gives?"""
    flow = binding.flow
    if flow is None or flow.transport != "UDP":
        return False
    return Uri.parse(binding.contact).host.strip("[]") != flow.remote[0]
