"""
Attended transfer: talk to 103 first, then connect the two (RFC 5589 section 7, RFC 5359 section 2.5).

The phone holds its first call, makes a second one, and sends a REFER whose
Replaces names that one.  Both are calls of ours, so the server joins the two
other parties itself; it does so too while the third phone still rings
(semi-attended, what a Yealink does by default).

For all phones, and for single ones where they differ::

    [attended_transfer]
    progress = true            # tell the phone of ringing too
    at_once = false            # tell it of success before the third one has answered
    accepted = 202             # or 200, as RFC 7647 section 5 has it
    ring_seconds = 30          # how long the third phone may go on ringing
    recall = true              # ring the phone again if it has hung up and the third one fails
    recall_seconds = 30
    otherwise = "100"          # where the call goes if the recall fails too

    [extensions.102.attended_transfer]
    progress = false
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from b2bua import Table, hookimpl
from b2bua_plugins._transferring import HowToTransfer, Transferring

if TYPE_CHECKING:
    from b2bua.calls import Call, Leg, Referral, Transfer


class Consultations(HowToTransfer):
    """C{[attended_transfer]}: how it is done."""


class OfOnePhone(Consultations):
    """C{[extensions.NUMBER.attended_transfer]}: what is different for one extension."""


class AttendedTransfer(Transferring):
    """Answers a REFER that names another dialog of the same phone."""

    for_all, for_one = Consultations, OfOnePhone

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"attended_transfer": Consultations, "extensions.*.attended_transfer": OfOnePhone}

    @hookimpl
    def transfer_requested(self, call: Call, leg: Leg, referral: Referral) -> Transfer | None:
        """Join the two others; that both dialogs are the phone's own is seen to by the core."""
        return None if referral.replaces is None else self.transfer(leg)
