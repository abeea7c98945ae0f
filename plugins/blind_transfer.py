"""
Blind transfer: "connect her to 103", and hang up (RFC 5589 section 6, RFC 5359 section 2.4).

A REFER without Replaces is carried out by the server: it dials the target with
the permission of whoever transfers, and tells the phone how that goes.  When
the target is not to be had, the phone gets its call back; when it has hung up
by then, it is rung again (a recall).

For all phones, and for single ones where they differ::

    [blind_transfer]
    progress = true            # tell the phone of ringing too
    at_once = false            # tell it of success before the third one has answered
    accepted = 202             # or 200, as RFC 7647 section 5 has it
    ring_seconds = 30          # then nobody answers; default: as for any call
    recall = true
    recall_seconds = 30
    otherwise = "100"          # where the call goes if the recall fails too

    [extensions.102.blind_transfer]
    accepted = 200
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from b2bua import Table, hookimpl
from b2bua_plugins._transferring import HowToTransfer, Transferring

if TYPE_CHECKING:
    from b2bua.calls import Call, Leg, Referral, Transfer


class Transfers(HowToTransfer):
    """C{[blind_transfer]}: how it is done."""


class OfOnePhone(Transfers):
    """C{[extensions.NUMBER.blind_transfer]}: what is different for one extension."""


class BlindTransfer(Transferring):
    """Answers a REFER that names nobody else's dialog."""

    for_all, for_one = Transfers, OfOnePhone

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"blind_transfer": Transfers, "extensions.*.blind_transfer": OfOnePhone}

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: Referral) -> Transfer | None:
        """Whoever is in a call may hand it on; whether the target may be dialled is seen then."""
        return self.transfer(leg) if referral.replaces is None else None
