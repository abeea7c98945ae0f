"""What a refused request does to its usage and to the dialog (RFC 5057 section 5.1)."""

from __future__ import annotations

from enum import Enum


class Effect(Enum):
    """How far the damage of a failure response goes."""

    TRANSACTION = "transaction"
    """Only the request failed."""
    USAGE = "usage"
    """The call or the subscription is gone, others in the dialog live on."""
    DIALOG = "dialog"
    """The dialog is gone with all that uses it."""


USAGE = frozenset((405, 480, 481, 489, 501))
DIALOG = frozenset((404, 410, 416, 482, 483, 484, 485, 502, 604))

INTEGRAL = frozenset(("INVITE", "BYE", "SUBSCRIBE", "NOTIFY", "REFER"))
"""Methods without which their usage cannot be (note 3)."""


def effect_of(method: str, code: int) -> Effect:
    """
    Look up what a final response of C{code} destroys.

    A 405 or 501 to a method that the usage can do without, and a 489 to
    anything but a subscription's methods, concern the transaction only (notes
    3 and 12).
    """
    if code in DIALOG:
        return Effect.DIALOG
    if code not in USAGE:
        return Effect.TRANSACTION
    if code in (405, 501) and method not in INTEGRAL:
        return Effect.TRANSACTION
    if code == 489 and method not in ("SUBSCRIBE", "NOTIFY", "REFER"):
        return Effect.TRANSACTION
    return Effect.USAGE
