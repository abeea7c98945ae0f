"""
What phones show.

Lamps, messages that wait, and whatever else is watched by SUBSCRIBE (RFC 6665).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from b2bua.calls.shown import Lamp, Messages
    from b2bua.legs.party import Party
    from b2bua.subscriptions import EventPackage


@hook("question", "")  # asked by ask_lamp, which waits for nobody
def lamp_shown(number: str, watcher: Party) -> Lamp | None:
    """
    Say how a number is that is no extension: an orbit, a group, a queue.

    Asked whenever somebody who watches the number is told, and when they begin
    to.  Of an extension, whose lamp is worked out of its calls, it may be said
    that somebody is parked there.  The first answer counts, and nobody waits for one that takes its time;
    a number of which nobody says anything cannot be watched.  That it has
    changed is said by C{service.changed("dialog", number)}.

    @param number: what is watched.
    @param watcher: who watches.
    @return: how it is shown, or L{None} if it is no number of the feature.
    """
    raise NotImplementedError


@hook("question", "")  # asked by ask_unavailable, which waits for nobody
def extension_unavailable(extension: str) -> str | None:
    """
    Say why an extension takes no calls just now.

    Asked whenever somebody is told how the extension is: a lamp, a list.  It
    takes no call away; a feature that refuses calls of an extension says so
    here too.  The first answer counts, and nobody waits for one that takes its
    time.  That it has changed is known by C{setting_changed}.

    @param extension: its number.
    @return: a few words for who would have called, C{Do not disturb}, or L{None}.
    """
    raise NotImplementedError


@hook("question", "")  # asked by ask_messages, which waits for nobody
def messages_waiting(account: str) -> Messages | None:
    """
    Say how many messages wait for somebody.

    Asked whenever a phone of the account is told.  The first answer counts, and
    nobody waits for one that takes its time.  That it has changed is said by
    C{service.changed("message-summary", account)}.

    @param account: the extension whose mailbox it is.
    @return: the counts, or L{None} of a feature that keeps no messages for it.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_event_packages() -> Iterable[EventPackage]:
    """
    Name what can be watched by way of the feature (RFC 6665).

    Asked once for each generation of features, after C{b2bua_configure}.  Each
    package says who may watch what and how it is told; the server answers the
    SUBSCRIBEs and sends the NOTIFYs.  Two features that serve the same package
    are refused.  After a reload the watchers are told what the package of the
    new generation says.

    @return: the packages.
    """
    raise NotImplementedError
