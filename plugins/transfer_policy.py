"""
Who may transfer, and who does the work: we, or the phone at the other side.

By default a REFER is carried out here (by C{blind_transfer} and
C{attended_transfer}).  For an extension or a trunk it can be passed to the
other side of the call instead, as a Yealink administrator's guide draws it, or
refused::

    [extensions.102]
    transfer = "pass"          # "local" (default), "pass" or "refuse"

    [trunks.carrier]
    transfer = "refuse"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from b2bua import Options, Table, hookimpl
from b2bua.calls import Refuse, Relay

if TYPE_CHECKING:
    from b2bua.calls import Call, Leg, Referral

Choice = Literal["local", "pass", "refuse"]


class OfExtension(Table):
    """The key that this feature adds to C{[extensions.NUMBER]}."""

    transfer: Choice = "local"


class OfTrunk(Table):
    """The key that this feature adds to C{[trunks.NAME]}."""

    transfer: Choice = "local"


class TransferPolicy:
    """Answers before those who would carry a transfer out."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The keys of this feature."""
        return {"extensions.*": OfExtension, "trunks.*": OfTrunk}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Be asked before those who would carry it out."""
        return ("blind_transfer", "attended_transfer")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Remember where the settings are."""
        self._options = options

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: Referral) -> Relay | Refuse | None:
        """What the table of the party says."""
        party = leg.party
        if party.kind == "extension":
            choice = self._options.of(OfExtension, party.name).transfer
        elif party.kind == "trunk":
            choice = self._options.of(OfTrunk, party.name).transfer
        else:
            choice = "refuse"
        return {"local": None, "pass": Relay(), "refuse": Refuse(603)}[choice]
