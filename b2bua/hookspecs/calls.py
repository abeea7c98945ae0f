"""
What happens in a call.

From the INVITE that begins it to the record that is left of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from b2bua.calls.face import Call, Leg
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.view import CallState
    from b2bua.legs.words import Fields, LegEnd, Replied, Requested


@hook("news")
def call_started(call: Call) -> None:
    """
    A call has begun: its INVITE has been admitted.

    Told once for each call, before any question about it.

    @param call: the call; its caller's leg is its only one.
    """


@hook("news")
def call_answered(call: Call, leg: Leg) -> None:
    """
    The call was answered.

    Told once for each call, when the first 2xx has been passed on.

    @param call: the call.
    @param leg: the leg of the party that answered.
    """


@hook("news")
def call_held(call: Call, leg: Leg, fields: Fields) -> None:
    """
    A party has put the other one on hold.

    Told each time, when the phone says so.

    @param call: the call.
    @param leg: the leg of the party that holds.
    @param fields: the header fields of its re-INVITE or UPDATE that may reach the other side, each a name
        and a value: C{Call-Info}, say.
    """


@hook("news")
def call_resumed(call: Call, leg: Leg) -> None:
    """
    A party has taken the other one back from hold.

    Told each time, after the other side has agreed.

    @param call: the call.
    @param leg: the leg of the party that held.
    """


@hook("news")
def key_pressed(call: Call, leg: Leg, key: str) -> None:
    """
    A party that talks to another one has pressed a key.

    Told for each key that its phone tells by INFO, which is passed on to the
    other party all the same, and for each in media that pass through a relay
    (RFC 4733).  Keys that somebody presses who talks to the server are for that
    conversation.

    @param call: the call.
    @param leg: the leg of the party.
    @param key: one of C{0-9*#A-D}.
    """


@hook("question", "ask_unowned")
def request_unowned(leg: Leg, request: Requested) -> Replied | None:
    """
    Answer a request within a dialog that the bridge does not pass on.

    Asked once for each such request.  The first answer counts; with none it is
    answered by the table of what passes (C{docs/what-passes.md}).

    @param leg: the leg on which it came.
    @param request: the request.
    @return: a L{Replied} with the token of C{request}, or L{None}.
    """
    raise NotImplementedError


@hook("news")
def call_changed(state: CallState) -> None:
    """
    Who talks to whom has changed, or who rings, holds or waits.

    Told with the whole state of the call, whenever that is not as it was told
    before: it begins, rings, is answered, held, resumed, transferred, parked,
    taken, and ends.  A feature needs nothing else to know how all calls are,
    but for those that went on when it came (L{Service.calls}).  What
    changes within one step is told once, after it.  Unlike other news it is
    told to the features of now, also about calls that began before a reload.

    @param state: the call as it is now.
    """


@hook("news")
def leg_ended(call: Call, leg: Leg, why: LegEnd, by_us: bool) -> None:
    """
    A leg is over.

    Told once for each leg, answered or not; one that goes on in another call,
    as after a transfer, is not over.

    @param call: the call it belonged to last.
    @param leg: the leg.
    @param why: by what it ended: a BYE, a CANCEL, a refusal...
    @param by_us: have we ended it, for whatever reason, rather than its peer?
    """


@hook("news")
def call_ended(call: Call, record: CallRecord) -> None:
    """
    A call is over.

    Told once for each call that C{call_started} was told of, when its last leg is
    gone.  An INVITE that is refused for a fault of its own has begun none.

    @param call: the call.
    @param record: what is kept of it: who called whom, when, how it ended, and its legs.
    """
