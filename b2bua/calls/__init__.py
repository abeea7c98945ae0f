"""
Calls: legs that talk in words, the bridge between them, and what features may do.

What is named here is for plugins.
"""

from b2bua.calls.draft import InvitationDraft
from b2bua.calls.face import Attempt, Call, Leg, Referral
from b2bua.calls.operations.call_control import Busy, Gone, NotJoined
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.for_plugins import (
    connect,
    dial,
    expect_recording,
    hang_up,
    hide_identity,
    hold,
    record,
    replace,
    take_up_recording,
    tell_both,
)
from b2bua.calls.operations.origination import Origination
from b2bua.calls.operations.recording import NotRecorded, Recording
from b2bua.calls.operations.waiting_speech import WaitingSpeech as Waiting
from b2bua.calls.outside import OutsideRequest, Registration, Respond
from b2bua.calls.path import Diversion, Path
from b2bua.calls.records.record import CallRecord, LegRecord
from b2bua.calls.records.view import CallState, PartyState, Phase
from b2bua.calls.shown import Lamp, Messages
from b2bua.calls.verdicts import (
    Announcement,
    Confirm,
    Dial,
    Diverted,
    Forward,
    Member,
    Outcome,
    PickUp,
    Redirect,
    Refuse,
    Relay,
    Replace,
    Talk,
    Transfer,
    Wait,
    Waits,
)
from b2bua.legs.party import Party, Policy
from b2bua.legs.words import LegEnd, Replied, Requested
from b2bua.media.growing import rescue
from b2bua.media.ports import NoVoice
from b2bua.media.sounds import unplayable

__all__ = [
    "Announcement",
    "Attempt",
    "Busy",
    "Call",
    "CallRecord",
    "CallState",
    "Confirm",
    "Conversation",
    "Dial",
    "Diversion",
    "Diverted",
    "Forward",
    "Gone",
    "InvitationDraft",
    "Lamp",
    "Leg",
    "LegEnd",
    "LegRecord",
    "Member",
    "Messages",
    "NoVoice",
    "NotJoined",
    "NotRecorded",
    "Origination",
    "Outcome",
    "OutsideRequest",
    "Party",
    "PartyState",
    "Path",
    "Phase",
    "PickUp",
    "Policy",
    "Recording",
    "Redirect",
    "Referral",
    "Refuse",
    "Registration",
    "Relay",
    "Replace",
    "Replied",
    "Requested",
    "Respond",
    "Talk",
    "Transfer",
    "Wait",
    "Waiting",
    "Waits",
    "connect",
    "dial",
    "expect_recording",
    "hang_up",
    "hide_identity",
    "hold",
    "record",
    "replace",
    "rescue",
    "take_up_recording",
    "tell_both",
    "unplayable",
]
