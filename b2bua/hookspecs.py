"""
Every place where a feature takes part: the contract between the core and a plugin.

A plugin marks a method (or a function of its module) with C{@hookimpl} and
gives it the name of a hook; it may leave out parameters that it does not need.

There are four kinds of hook:

  - B{questions} are put to the features in the order of the configuration,
    until one gives an answer other than L{None}.  An answer may be a value, a
    Deferred or a coroutine;
  - B{edits} change a draft in place, each feature after the other, and return
    nothing;
  - B{news} are told to every feature, and what they return is of no interest,
    though it may be a coroutine;
  - B{declarations} are asked for once, at start, before there is any call.

A feature cannot break a call.  When it raises, when its answer has the wrong
type or does not come within the budget (5 seconds for a question), it loses its
say in that one question, as if it had returned L{None}; the story of the call
and the log name it.  A feature that keeps failing is set aside until the next
reload.

A call keeps the features it began with: after C{b2bua reload} the hooks of the
old code are asked about old calls, those of the new code about new ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.face import Attempt, Call, Leg, Referral
    from b2bua.calls.outside import OutsideRequest, Registration, Respond
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.view import CallState
    from b2bua.calls.shown import Lamp, Messages
    from b2bua.calls.verdicts import (
        Announcement,
        CodeVerdict,
        FailureVerdict,
        Outcome,
        ReplaceVerdict,
        RouteVerdict,
        TransferVerdict,
        Waits,
    )
    from b2bua.face.options import Options
    from b2bua.face.service import Service
    from b2bua.legs.party import Party
    from b2bua.legs.words import Fields, LegEnd, Replied, Requested
    from b2bua.settings import Table
    from b2bua.subscriptions import EventPackage

PROJECT = "b2bua"

Kind: TypeAlias = Literal["question", "edit", "news", "declaration"]
Function = TypeVar("Function", bound=Callable[..., Any])

hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)


WAYS: dict[str, str] = {"question": "ask", "edit": "edit", "news": "tell"}
"""How the methods begin by which the core calls hooks of a kind; declarations are not called by it."""


def _hook(kind: Kind, face: str | None = None) -> Callable[[Function], Function]:
    """
    Make a function a hook of one kind.

    @param face: how the core's method for it is called, if not by the kind and
        the hook's name; empty if it has none of its own.
    """

    def mark(function: Function) -> Function:
        function.b2bua_kind = kind  # type: ignore[attr-defined]  # functions take attributes
        usual = f"{WAYS[kind]}_{function.__name__}" if kind in WAYS else ""
        function.b2bua_face = usual if face is None else face  # type: ignore[attr-defined]  # likewise
        return _hookspec(function)

    return mark


# ---- declarations -----------------------------------------------------------


@_hook("declaration")
def b2bua_settings() -> Mapping[str, type[Table]]:
    """
    Name the tables of the configuration that belong to the feature.

    Asked once for each generation of features, before the configuration is
    checked.  A key is the path of a table, with C{*} where a name stands:
    C{"night"} is the table C{[night]}, C{"extensions.*.night"} a table of each
    extension, and C{"extensions.*"} adds keys to the tables that extensions
    have already.  Two features that claim the same key are refused.

    @return: for each path, the model of the table.
    """
    raise NotImplementedError


@_hook("declaration")
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


@_hook("declaration")
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


@_hook("declaration")
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


@_hook("declaration")
def b2bua_commands() -> Mapping[str, Callable[..., Any]]:
    """
    Name what the feature adds to the command C{b2bua}.

    Asked once for each generation of features.  The parameters of a function
    are the arguments of its command: those without a default are positional,
    the others are options.  They are C{str}, C{int}, C{float}, C{bool}, a
    C{Literal}, or one of these or L{None}.  It runs in the service, may be a
    coroutine, and gives what is printed: a text, a row (a dictionary) or a
    list of rows.  The text of a C{ValueError} is shown to whoever asked.

    @return: for each name the function; its docstring is the help.
    """
    raise NotImplementedError


@_hook("declaration")
def b2bua_files() -> Mapping[str, Callable[..., tuple[str, bytes | Path] | None]]:
    """
    Name the files that the feature has for phones and programs, to be got by HTTP.

    Asked once for each generation of features.  A file is at C{/files/NAME} of
    the page's address, for whoever has logged in or has a token; phones give a
    token as the password of HTTP Basic.  Its function is called for each GET, and
    what it gives is not kept; a large one is given by its L{Path}.  A name with a
    slash at its end is a directory: its function is given the name of what is wanted
    in it, gives L{None} if there is no such file, and is called for administrators only.

    @return: for each name, C{phonebook.xml} say, a function that gives the type and the content.
    """
    raise NotImplementedError


@_hook("declaration")
def b2bua_call_files() -> Mapping[str, Callable[[Collection[str]], Mapping[str, Sequence[str]]]]:
    """
    Say which of the files that the feature has are of which call.

    Asked once for each generation of features.  The page lists them with the calls,
    and plays what is sound; so does the API, both for administrators only.  The function is
    called with the ids of all calls that are to be shown.

    @return: for a directory of C{b2bua_files}, a function that gives the names of files in it, by the ids of
        calls; calls without a file may be left out.
    """
    raise NotImplementedError


@_hook("declaration")
def b2bua_figures() -> Mapping[str, Callable[[], Mapping[str, float]]]:
    """
    Name the figures that the feature has for monitoring systems.

    Asked once for each generation of features.  C{queue_waiting} is read as
    C{b2bua_queue_waiting} at C{/metrics}, with the label C{queue}, its first word; a name
    that ends with C{_total} is a counter.  Its function is called for each
    reading, and gives a value for each thing that the configuration names; who calls
    is nothing to count by.

    @return: for each name a function that gives the values, by what the label says.
    """
    raise NotImplementedError


@_hook("declaration")
def b2bua_before() -> tuple[str, ...]:
    """
    Name the features that should be asked after this one.

    It makes the order when the configuration names none; names that are not
    installed are passed over.

    @return: names of features.
    """
    raise NotImplementedError


@_hook("declaration")
def b2bua_configure(options: Options) -> None:
    """
    Take what the configuration says.

    Called once for each generation of features, after the whole configuration
    has been found good and before the first call.  It may raise
    C{NotConfigured} to take the feature out; any other exception refuses the
    configuration, best a C{ValueError} whose text is one line for people.

    @param options: the feature's own tables, and what users have changed.
    """


@_hook("declaration")
def b2bua_numbers() -> Mapping[str, str]:
    """
    Name the numbers that the feature answers, which nobody else may have.

    Asked once for each generation of features, after C{b2bua_configure}.  A
    number that is an extension, or that another feature has named, is refused
    at start, all of them at once.

    @return: for each number the key of the configuration that names it, C{park.orbits} say.
    """
    raise NotImplementedError


@_hook("declaration")
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


# ---- questions --------------------------------------------------------------


@_hook("question", "ask_route")
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


@_hook("question")
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


@_hook("question", "ask_failed")
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


@_hook("question", "")  # asked by ask_route
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


@_hook("question", "")  # asked by ask_route
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


@_hook("question", "ask_transfer")
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


@_hook("question", "ask_replace")
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


@_hook("question", "ask_unowned")
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


@_hook("question", "")  # asked by ask_unavailable, which waits for nobody
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


@_hook("question", "")  # asked by ask_music, which waits for nobody
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


@_hook("question", "")  # asked by ask_announcement, which waits for nobody
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


@_hook("question", "")  # asked by ask_lamp, which waits for nobody
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


@_hook("question", "")  # asked by ask_lamp, likewise
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


@_hook("question", "")  # asked by ask_messages, which waits for nobody
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


@_hook("question")
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


# ---- edits ------------------------------------------------------------------


@_hook("edit", "edit_invitation")
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


# ---- news -------------------------------------------------------------------


@_hook("news")
def call_started(call: Call) -> None:
    """
    A call has begun: its INVITE has been admitted.

    Told once for each call, before any question about it.

    @param call: the call; its caller's leg is its only one.
    """


@_hook("news")
def target_ringing(attempt: Attempt, leg: Leg) -> None:
    """
    A target rings.

    Told once for each attempt, at the first 180.

    @param attempt: the attempt that reached it.
    @param leg: the leg that rings.
    """


@_hook("news")
def call_answered(call: Call, leg: Leg) -> None:
    """
    The call was answered.

    Told once for each call, when the first 2xx has been passed on.

    @param call: the call.
    @param leg: the leg of the party that answered.
    """


@_hook("news")
def call_held(call: Call, leg: Leg, fields: Fields) -> None:
    """
    A party has put the other one on hold.

    Told each time, when the phone says so.

    @param call: the call.
    @param leg: the leg of the party that holds.
    @param fields: the header fields of its re-INVITE or UPDATE that may reach the other side, each a name
        and a value: C{Call-Info}, say.
    """


@_hook("news")
def call_resumed(call: Call, leg: Leg) -> None:
    """
    A party has taken the other one back from hold.

    Told each time, after the other side has agreed.

    @param call: the call.
    @param leg: the leg of the party that held.
    """


@_hook("news")
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


@_hook("news")
def call_transferred(call: Call, leg: Leg, outcome: Outcome | None) -> None:
    """
    A transfer is over.

    Told once for each transfer that we carried out.

    @param call: the call.
    @param leg: the transferor's leg, which may have ended.
    @param outcome: L{None} when it succeeded, else how it failed.
    """


@_hook("news")
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


@_hook("news")
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


@_hook("news")
def call_ended(call: Call, record: CallRecord) -> None:
    """
    A call is over.

    Told once for each call that C{call_started} was told of, when its last leg is
    gone.  An INVITE that is refused for a fault of its own has begun none.

    @param call: the call.
    @param record: what is kept of it: who called whom, when, how it ended, and its legs.
    """


@_hook("news")
def contact_registered(binding: Registration) -> None:
    """
    A phone has registered.

    Told for each new binding, and when one changes its address; a refresh is
    no news.

    @param binding: the contact, and the extension that it belongs to.
    """


@_hook("news")
def contact_unregistered(binding: Registration) -> None:
    """
    A phone is not registered any more: it said so, or its binding expired.

    Told once for each binding.

    @param binding: the contact, as for C{contact_registered}.
    """


@_hook("news")
def setting_changed(owner: str, feature: str, key: str, value: object) -> None:
    """
    A user has changed a setting at run time.

    Told after the change holds, by whatever way it was made: a feature code, a
    command, the phone.

    @param owner: whose setting, C{extensions.102}, say.
    @param feature: the feature that declared it.
    @param key: which one, by its path below the owner: C{forward.busy}, say.
    @param value: the new value; L{None} when the default of the file is back.
    """


@_hook("news", "")  # told to each plugin with a service of its own
def service_started(service: Service) -> None:
    """
    The service is up: its sockets are open.

    Told once for each generation of features, before any call of that
    generation.

    @param service: what the plugin can ask of the service and have it do: look
        calls up, begin and end them, run timers, keep rows of its own.
    """


@_hook("news", "")  # told to each plugin with a service of its own
def service_stopping(service: Service) -> None:
    """
    The service takes no new calls and will be gone.

    Told once; also to a generation of features that is replaced by a reload.
    Its timers end then, but for those of calls that go on.

    @param service: as for C{service_started}.
    """


HOOKS: dict[str, Kind] = {
    name: value.b2bua_kind for name, value in list(globals().items()) if hasattr(value, "b2bua_kind")
}
"""Every hook with its kind, in the order of this file."""

FACE: dict[str, str] = {hook: name for hook in HOOKS if (name := globals()[hook].b2bua_face)}
"""The hooks that the core calls by a method of their own, with its name."""

Answer: TypeAlias = Awaitable[Any] | Any
"""What a question may be answered with: a value, a Deferred or a coroutine."""
