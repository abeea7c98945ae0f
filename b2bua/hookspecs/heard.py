"""
What people hear from the server.

The server plays it by a voice of its own; without one they hear what they would without the feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from b2bua.calls.face import Call, Leg
    from b2bua.calls.verdicts import Announcement, Waits


@hook("question", "")  # asked by ask_music, which waits for nobody
def music_wanted(call: Call, leg: Leg, waits: Waits) -> str | None:
    """
    Say what a party hears that is about to wait.

    Asked when the other party holds it, when it is parked or put into a queue,
    and when a transfer seeks its target for it; again when it begins to wait
    for something else.  The file is played again and again until it waits no
    more.  The first answer counts, and nobody waits for one that takes its time;
    with none, or without a voice of the server, the party hears what the other
    phone sends, or silence.

    @param call: the call.
    @param leg: the leg of who waits.
    @param waits: why, by whom and where.
    @return: the path of a WAV file, or L{None}.
    """
    raise NotImplementedError


@hook("question", "")  # asked by ask_announcement, which waits for nobody
def announcement_wanted(call: Call, leg: Leg, code: int, text: str) -> Announcement | None:
    """
    Say what a caller hears who is about to be refused, or has dialled a feature code.

    Asked once when nothing else can be done for the call, and once for each
    code that is confirmed.  The first answer counts, and nobody waits for one
    that takes its time; with none, or without a voice of the server, the caller
    is refused, or is shown the text, without a word.

    @param call: the call.
    @param leg: the caller's leg.
    @param code: the status that the caller gets; 200 for a feature code.
    @param text: the reason that goes with it, or what the display shows.
    @return: what is played, or L{None}.
    """
    raise NotImplementedError
