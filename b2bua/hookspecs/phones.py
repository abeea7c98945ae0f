"""
Phones, and what they ask outside of calls.

Where they are registered, and requests that begin no call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from b2bua.calls.outside import OutsideRequest, Registration, Respond


@hook("news")
def contact_registered(binding: Registration) -> None:
    """
    A phone has registered.

    Told for each new binding, and when one changes its address; a refresh is
    no news.

    @param binding: the contact, and the extension that it belongs to.
    """


@hook("news")
def contact_unregistered(binding: Registration) -> None:
    """
    A phone is not registered any more: it said so, or its binding expired.

    Told once for each binding.

    @param binding: the contact, as for C{contact_registered}.
    """


@hook("declaration")
def b2bua_methods() -> tuple[str, ...]:
    """
    Name the methods outside of dialogs that the feature answers.

    Asked once for each generation of features; C{MESSAGE}, C{NOTIFY} and C{OPTIONS} can be
    named.  From then on such requests for a number are challenged like an
    INVITE, and put to C{request_received}; an OPTIONS without a number is
    still answered for anybody.

    @return: names of methods.
    """
    raise NotImplementedError


@hook("question")
def request_received(request: OutsideRequest) -> Respond | None:
    """
    Answer a request that belongs to no call: a MESSAGE, a NOTIFY, or an OPTIONS to a number.

    Asked once for each such request whose method a feature has declared
    (C{b2bua_methods}), when its sender has proved who it is.  The first answer
    counts; with none a MESSAGE is passed on as if nobody had been asked, a NOTIFY
    gets 481, and an OPTIONS is answered with what the server can do.

    @param request: what is asked, by whom and for whom.
    @return: the answer, or L{None} to leave it to others.
    """
    raise NotImplementedError
