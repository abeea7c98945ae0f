"""
Calls: legs that talk in words, the bridge between them, and what features may do.

What is named here is for plugins.
"""

from b2bua.calls.attempt import Attempt
from b2bua.calls.call import Call
from b2bua.calls.draft import InvitationDraft
from b2bua.calls.path import Diversion, Path
from b2bua.calls.record import CallRecord, LegRecord
from b2bua.calls.verdicts import (
    Confirm,
    Dial,
    Diverted,
    Forward,
    Member,
    Outcome,
    Redirect,
    Refuse,
    Relay,
    Replace,
    Transfer,
)
from b2bua.legs.leg import Leg, LegState
from b2bua.legs.party import Party, Policy
from b2bua.legs.referral import Referral
from b2bua.legs.words import Replied, Told

__all__ = [
    "Attempt",
    "Call",
    "CallRecord",
    "Confirm",
    "Dial",
    "Diversion",
    "Diverted",
    "Forward",
    "InvitationDraft",
    "Leg",
    "LegRecord",
    "LegState",
    "Member",
    "Outcome",
    "Party",
    "Path",
    "Policy",
    "Redirect",
    "Referral",
    "Refuse",
    "Relay",
    "Replace",
    "Replied",
    "Told",
    "Transfer",
]
