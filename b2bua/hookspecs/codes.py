"""
Feature codes.

What is dialled to have something done, C{*72} say.  The configuration may give a code
other digits; it is answered by the feature that declared it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from b2bua.calls.face import Attempt
    from b2bua.calls.shown import Lamp
    from b2bua.calls.verdicts import CodeVerdict
    from b2bua.legs.party import Party


@hook("declaration")
def b2bua_codes() -> Mapping[str, str]:
    """
    Name the feature codes that the feature answers.

    Asked once for each generation of features.  The names are those that the
    table C{[codes]} of the configuration may give other codes, or an empty one
    to do without.  Two codes that are the same, or of which one begins with
    the other, are refused.

    @return: for each name its default code, such as C{*72}.
    """
    raise NotImplementedError


@hook("question", "")  # asked by ask_route
def code_dialled(attempt: Attempt, name: str, argument: str) -> CodeVerdict | None:
    """
    Answer a feature code.

    Asked of the one feature that declared the code, before C{route_call}, when
    one of our own extensions has dialled it.  A code that is reached by a
    forward is not asked about, and one to which somebody transfers is for
    C{code_referred}.  With no answer the call goes on as if the code were no
    code.

    @param attempt: the call of the code.
    @param name: which code, as declared in C{b2bua_codes}.
    @param argument: what was dialled after the code, without a C{*} before it
        and a C{#} after it.
    @return: what the phone gets to show, where to go, or L{None}.
    """
    raise NotImplementedError


@hook("question", "")  # asked by ask_route
def code_referred(attempt: Attempt, name: str, argument: str) -> CodeVerdict | None:
    """
    Answer a feature code to which one of our own extensions transfers a party.

    Asked of the one feature that declared the code, before C{route_call}, when
    a REFER names it.  The answer is carried out for whom the transfer leaves
    over; a L{Refuse} is told to who transfers, and the call goes on as it was.
    With no answer the code is a number like any other, as a code should be
    that changes the settings of who dials it: whom it leaves over has not
    dialled.

    @param attempt: C{caller} is whom the transfer leaves over, C{behalf} who transfers.
    @param name: which code, as declared in C{b2bua_codes}.
    @param argument: what was dialled after the code, as for C{code_dialled}.
    @return: what to do with whom the transfer leaves over, or L{None}.
    """
    raise NotImplementedError


@hook("question", "")  # asked by ask_lamp, which waits for nobody
def code_shown(name: str, argument: str, watcher: Party) -> Lamp | None:
    """
    Say how a feature code is shown: is what it turns on turned on?

    Asked of the one feature that declared the code, whenever somebody who
    watches it is told, and when they begin to.  Nobody waits for an answer that
    takes its time.  A change of a setting of the watcher's own is known by
    C{setting_changed}; any other one is said by C{service.changed("dialog", None)}.

    @param name: which code, as declared in C{b2bua_codes}.
    @param argument: what stands after the code.
    @param watcher: who watches: mostly the code is about their own settings.
    @return: how it is shown, or L{None} for a code that shows nothing.
    """
    raise NotImplementedError
