"""
Transfers, and calls that take the place of others.

Both are asked for by phones: by REFER (RFC 3515) and by Replaces (RFC 3891).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from b2bua.calls.face import Call, Leg, Referral
    from b2bua.calls.verdicts import Outcome, ReplaceVerdict, TransferVerdict


@hook("question", "ask_transfer")
def transfer_requested(call: Call, leg: Leg, referral: Referral) -> TransferVerdict | None:
    """
    Say how a REFER is carried out.

    Asked once for each REFER within a dialog that is well-formed and comes
    from a party of the call.  The first answer counts; with none the REFER is
    refused with 603, never relayed.

    @param call: the call of the transferor.
    @param leg: the transferor's leg.
    @param referral: what is asked for.
    @return: how to deal with it, or L{None}.
    """
    raise NotImplementedError


@hook("question", "ask_replace")
def replace_requested(call: Call, leg: Leg, replaced: Leg) -> ReplaceVerdict | None:
    """
    Say whether a new call may take the place of a leg.

    Asked once for each INVITE with a Replaces header field that names a leg of
    ours, after the statuses of RFC 3891 section 3 have been dealt with (400, 481
    and 486).  The first answer counts; with none a 603 refuses the INVITE.  Nobody
    is asked about an INVITE that a REFER has led to which we passed on: that was
    decided with the REFER.

    @param call: the call to which C{replaced} belongs.
    @param leg: the new leg.
    @param replaced: the leg that would end.
    @return: whether it may, or L{None}.
    """
    raise NotImplementedError


@hook("news")
def call_transferred(call: Call, leg: Leg, outcome: Outcome | None) -> None:
    """
    A transfer is over.

    Told once for each transfer that we carried out.

    @param call: the call.
    @param leg: the transferor's leg, which may have ended.
    @param outcome: L{None} when it succeeded, else how it failed.
    """
