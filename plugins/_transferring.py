"""What attended and blind transfer share: how the server carries out a REFER, for all phones or for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from b2bua import Options, Seconds, Table, Target, hookimpl
from b2bua.calls import Transfer

if TYPE_CHECKING:
    from b2bua.calls import Leg


class HowToTransfer(Table):
    """How a transfer is done; the keys are those of L{Transfer}."""

    progress: bool = True
    at_once: bool = False
    accepted: Literal[200, 202] = 202
    ring_seconds: Seconds | None = None
    recall: bool = True
    recall_seconds: Seconds = 30.0
    otherwise: Target = ""


class Transferring:
    """Answers a REFER as the configuration has it."""

    for_all: ClassVar[type[HowToTransfer]]
    """The table of all phones."""
    for_one: ClassVar[type[HowToTransfer]]
    """The table of one extension, in which stands what is different for it."""

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Remember where the settings are."""
        self._options = options

    def transfer(self, leg: Leg) -> Transfer:
        """How the party of C{leg} transfers."""
        settings = self._options.of(self.for_all).model_dump()
        if leg.party.internal:
            settings |= self._options.of(self.for_one, leg.party.name).model_dump(exclude_unset=True)
        return Transfer(**settings)
