"""
Where a call goes.

An attempt tries to reach what was dialled, or what a L{Forward} or a L{Dial} names;
features say where that is, how long it rings, and what comes when it has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.face import Attempt, Leg
    from b2bua.calls.verdicts import FailureVerdict, Outcome, RouteVerdict


@hook("question", "ask_route")
def route_call(attempt: Attempt) -> RouteVerdict | None:
    """
    Say where a target is.

    Asked for every attempt before any leg to the target exists: once for what
    the caller dialled, and once more for each target that a L{Forward} or a
    L{Dial} names, so that features compose.  The first answer counts.  With
    none, the extension's contacts ring, or the trunk of the first matching
    route is tried; a target that is neither is refused with 404.

    @param attempt: what is to be reached, for whom, and by which way.
    @return: what to do instead, or L{None} to leave it to others.
    """
    raise NotImplementedError


@hook("question")
def ring_seconds(attempt: Attempt) -> float | None:
    """
    Say how long a target may ring.

    Asked once for each attempt that sends an INVITE.  The first answer counts;
    with none it is the setting of the extension or the server.  A member of a
    L{Dial} with a time of its own is given up after that time at the latest.

    @param attempt: what is being reached.
    @return: seconds, more than 0, or L{None}.
    """
    raise NotImplementedError


@hook("edit", "edit_invitation")
def invitation_leaving(attempt: Attempt, draft: InvitationDraft) -> None:
    """
    Edit what an INVITE will say.

    Called for each INVITE that is about to be sent, so once for each contact
    of a target.  All features edit, in the order of the configuration.  When
    one raises, or leaves what cannot be sent or what each leg writes itself
    (Via, Call-ID...), its own changes are undone and the others stand.

    @param attempt: the attempt that the INVITE is for.
    @param draft: From, To and further header fields, to be changed in place, and what talks first to
        whoever answers.
    """


@hook("news")
def target_ringing(attempt: Attempt, leg: Leg) -> None:
    """
    A target rings.

    Told once for each attempt, at the first 180.

    @param attempt: the attempt that reached it.
    @param leg: the leg that rings.
    """


@hook("question", "ask_failed")
def target_failed(attempt: Attempt, outcome: Outcome) -> FailureVerdict | None:
    """
    Say what to do now that a target has failed.

    Asked once for each attempt that rang nobody who answered: busy, refused,
    no answer in time, not registered, redirected, or all its members failed.
    It is not asked when the caller has hung up, nor when a group has given up a
    member whose time was over.  The first answer counts; with none the failure
    goes to whoever made the attempt: a group tries its next member, a caller
    hears the status.  When what the answer says fails too, the others are asked
    once more, but never again who has answered for this attempt already.

    @param attempt: what was tried.
    @param outcome: how it failed; of several contacts, the best response.
    @return: where to go on, or L{None} to leave it to others.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_numbers() -> Mapping[str, str]:
    """
    Name the numbers that the feature answers, which nobody else may have.

    Asked once for each generation of features, after C{b2bua_configure}.  A
    number that is an extension, or that another feature has named, is refused
    at start, all of them at once.

    @return: for each number the key of the configuration that names it, C{park.orbits} say.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_fields() -> tuple[str, ...]:
    """
    Name the header fields of a caller's INVITE that the feature wants to see.

    Asked once for each generation of features.  They are found in
    C{attempt.fields}, C{call.fields} and C{OutsideRequest.fields}, by their
    names, in any case, each with its values as they were sent; they are read only.  From
    peers that are not trusted P-Asserted-Identity, Remote-Party-ID, Diversion
    and History-Info are left out (RFC 3325 section 5), from strangers also
    Alert-Info, Call-Info and the like.  Authorization and
    Proxy-Authorization are shown to nobody.

    @return: names of header fields.
    """
    raise NotImplementedError
