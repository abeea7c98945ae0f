"""
Busy lamps: how an extension is, for the keys of other phones (RFC 4235, C{Event: dialog}).

A lamp shows that an extension is idle, rings, talks, holds, cannot be reached
because no phone of it is registered, or does not want to be disturbed.  It is
worked out of all calls of the extension whenever a phone is told, so it says
what is so and not what has happened; each document is a full one, with a
dialog element for each call.  The dialogs are those that the server has with the phones
of the extension, and may be named in Replaces, to pick a call up.

    [busy_lamps]
    unregistered = "busy"        # what is shown of who is not registered: busy, off or idle
    do_not_disturb = "busy"      # and of who takes no calls
    callers = true               # say who calls whom, unless the caller wants to stay unknown
    calling = "early"            # or "confirmed": who calls is busy at once, for phones that
                                 # blink for every early dialog, as if it rang there
    profile = "by phone"         # or "all calls", "one call": how many dialogs a document has

    [extensions.102.busy_lamps]
    watched_by = ["101"]         # who may watch this extension; all extensions by default
    callers_shown_to = ["101"]   # who may see to whom it talks; all who may watch by default

C{off} is a document without any dialog: phones that tell the two apart turn the
lamp off, others show it as idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from xml.etree import ElementTree

from b2bua import Options, Service, Table, hookimpl
from b2bua.calls import CallState, PartyState, Phase, Refuse
from b2bua.subscriptions import Body, EventPackage, Watcher

if TYPE_CHECKING:
    from typing import Any
    from xml.etree.ElementTree import Element


TYPE = "application/dialog-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
ANONYMOUS = ("Anonymous", "sip:anonymous@anonymous.invalid")
RENDERING = {"pname": "+sip.rendering", "pval": "no"}
"""Its media is not rendered: on hold (section 5.2)."""
ONE_CALL = ("cisco/spa", "linksys/spa")
"""How the User-Agent of phones begins that cannot read more than one dialog (an SPA962 crashes)."""


class Lamps(Table):
    """C{[busy_lamps]}: what lamps show."""

    unregistered: Literal["busy", "off", "idle"] = "busy"
    do_not_disturb: Literal["busy", "off", "idle"] = "busy"
    callers: bool = True
    calling: Literal["early", "confirmed"] = "early"
    profile: Literal["by phone", "all calls", "one call"] = "by phone"


class OfExtension(Table):
    """C{[extensions.NUMBER.busy_lamps]}: who may see what of the extension."""

    watched_by: tuple[str, ...] | None = None
    callers_shown_to: tuple[str, ...] | None = None


class Party(NamedTuple):
    """One end of a dialog as it is shown."""

    display: str
    uri: str
    held: bool = False


class Dialog(NamedTuple):
    """One dialog of an extension as it is shown (section 4.1.1)."""

    id: str
    state: Literal["trying", "early", "confirmed", "terminated"]
    local: Party | None = None
    remote: Party | None = None
    direction: Literal["initiator", "recipient", ""] = ""
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""

    @property
    def rank(self) -> int:
        """What comes first where only one can be shown: ringing, held, talking."""
        if self.state == "early" and self.direction == "recipient":
            return 0
        return 1 if self.local is not None and self.local.held else 2


class DialogPackage(EventPackage):
    """C{Event: dialog}."""

    name = "dialog"
    bodies = (TYPE,)

    def __init__(self, options: Options) -> None:
        """Know of no call yet."""
        self._options = options
        self._lamps = options.of(Lamps)
        self._calls: dict[str, CallState] = {}
        self._of: dict[str, set[str]] = {}
        """The calls of each extension."""
        self._watched: set[str] = set()
        self._listens = False
        self._service: Service | None = None

    # What there is

    def start(self, service: Service) -> None:
        """The service is up; until somebody watches, calls are of no interest."""
        self._service = service
        service.listen("call_changed", False)
        self._listen()

    def watched(self, resource: str, anybody: bool) -> None:
        """Listen to calls as long as somebody watches."""
        if anybody:
            self._watched.add(resource)
        else:
            self._watched.discard(resource)
        self._listen()

    def _listen(self) -> None:
        """Hear of calls if that is of use to anybody: it costs each of them something."""
        if self._service is None:
            return
        listens = bool(self._watched)
        if listens != self._listens:
            self._listens = listens
            self._service.listen("call_changed", listens)
            self._calls.clear()
            self._of.clear()
            for state in self._service.calls() if listens else ():
                self.note(state)

    @property
    def service(self) -> Service:
        """The running service: nobody is told anything before it is up."""
        assert self._service is not None
        return self._service

    def note(self, state: CallState) -> None:
        """Remember how a call is, and have told who watches somebody in it."""
        before = self._calls.pop(state.id, None)
        if state.phase is not Phase.ENDED:
            self._calls[state.id] = state
        was = _extensions(before) if before is not None else set()
        for name in was - _extensions(state):
            calls = self._of[name]
            calls.discard(state.id)
            if not calls:
                del self._of[name]
        for name in _extensions(state):
            self._of.setdefault(name, set()).add(state.id)
        for name in was | _extensions(state):
            self.changed(name)

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Only extensions are watched, by those who may."""
        if not self.service.is_extension(resource):
            return Refuse(404)
        if not watcher.party.internal:
            return Refuse(403)
        allowed = self._options.of(OfExtension, resource).watched_by
        welcome = allowed is None or watcher.party.name in (*allowed, resource)
        return None if welcome else Refuse(403, "Not Allowed")

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Write all dialogs of an extension as they are now."""
        dialogs = self._dialogs(resource, self._sees_callers(resource, watcher))
        if len(dialogs) > 1 and self._wants_one(watcher):
            dialogs = [min(dialogs, key=lambda dialog: dialog.rank)]
        entity = self.service.address(resource)
        return Body(TYPE, document(entity, watcher.version, dialogs))

    def _sees_callers(self, resource: str, watcher: Watcher) -> bool:
        """May the watcher know who talks to whom?"""
        allowed = self._options.of(OfExtension, resource).callers_shown_to
        return self._lamps.callers and (allowed is None or watcher.party.name in (*allowed, resource))

    def _wants_one(self, watcher: Watcher) -> bool:
        """Does the phone want one dialog at a time?"""
        if self._lamps.profile == "by phone":
            return watcher.user_agent.lower().startswith(ONE_CALL)
        return self._lamps.profile == "one call"

    def _dialogs(self, extension: str, callers: bool) -> list[Dialog]:
        """The dialogs of an extension; without a call one that says so."""
        found = [
            self._dialog(call, party, callers)
            for call in sorted(self._of.get(extension, ()))
            for party in self._calls[call].parties
            if party.kind == "extension" and party.name == extension
        ]
        if found:
            return found
        why = self.service.unavailable(extension)
        if why is not None and self._lamps.do_not_disturb != "idle":
            return self._pretended("do-not-disturb", self._lamps.do_not_disturb, extension, why)
        if not self.service.is_registered(extension) and self._lamps.unregistered != "idle":
            return self._pretended("unregistered", self._lamps.unregistered, extension, "Not registered")
        return [Dialog("idle", "terminated")]  # Bria wants one always

    def _pretended(self, id: str, how: str, extension: str, why: str) -> list[Dialog]:
        """No call, but a reason not to call: a dialog with it as the name of the other end."""
        if how == "off":
            return []
        uri = self.service.address(extension)
        return [Dialog(id, "confirmed", Party("", uri), Party(why, uri), "initiator")]

    def _dialog(self, id: str, party: PartyState, callers: bool) -> Dialog:
        """One call of an extension, as the extension sees it."""
        call = self._calls[id]
        found = self.service.leg(id, party.leg)
        call_id, ours, theirs = found[1].dialog_id if found is not None else ("", "", "")
        other = _other(call, party)
        local = Party(party.display, self.service.address(party.name), party.phase is Phase.HOLDING)
        remote = Party(*self._shown(call, other) if callers else ("", self.service.address(party.name)))
        held = other is not None and other.phase is Phase.HOLDING
        return Dialog(
            f"{id}-{party.leg}",
            self._state(call, party),
            local,
            remote._replace(held=held),
            "initiator" if party.incoming else "recipient",
            call_id,
            theirs,
            ours,
        )

    def _state(self, call: CallState, party: PartyState) -> Literal["trying", "early", "confirmed"]:
        """How far a call is for one party (section 3.7.1)."""
        if party.phase is Phase.RINGING:
            return "early"
        if party.phase is not Phase.CALLING:
            return "confirmed"
        if party.incoming and self._lamps.calling == "confirmed":
            return "confirmed"
        return "early" if party.incoming and call.phase is Phase.RINGING else "trying"

    def _shown(self, call: CallState, other: PartyState | None) -> tuple[str, str]:
        """Whom the extension talks to, by name and address (section 4.1.6.1)."""
        if other is None:
            return "", self.service.address(call.dialled)
        found = self.service.leg(call.id, other.leg)
        identity = found[1].identity if found is not None else None
        if not other.number or (identity is not None and identity.private):
            return ANONYMOUS  # RFC 3323 section 4.1.1.3, RFC 3325 section 7
        return other.display, self.service.address(other.number)


class BusyLamps:
    """Serves C{Event: dialog}."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"busy_lamps": Lamps, "extensions.*.busy_lamps": OfExtension}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Make the package."""
        self._package = DialogPackage(options)

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """One."""
        return (self._package,)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Be ready to tell."""
        self._package.start(service)

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """Tell those who watch somebody in the call."""
        self._package.note(state)

    @hookimpl
    def contact_registered(self, binding: Any) -> None:
        """An extension can be reached."""
        self._package.changed(binding.aor.partition("@")[0])

    @hookimpl
    def contact_unregistered(self, binding: Any) -> None:
        """Perhaps it cannot be reached any more."""
        self._package.changed(binding.aor.partition("@")[0])

    @hookimpl
    def setting_changed(self, owner: str) -> None:
        """Perhaps an extension takes no calls any more, or takes them again."""
        table, _, name = owner.partition(".")
        if table == "extensions":
            self._package.changed(name)


def _extensions(state: CallState) -> set[str]:
    """The extensions that are in a call."""
    return {party.name for party in state.parties if party.kind == "extension"}


def _other(call: CallState, party: PartyState) -> PartyState | None:
    """Whom a party talks to, or who calls it; None for who is being called by it."""
    others = [one for one in call.parties if one.leg != party.leg]
    if party.talks_to:
        return next((one for one in others if one.leg == party.talks_to), None)
    if party.incoming and party.phase is Phase.CALLING:
        return None
    callers = [one for one in others if one.incoming or one.phase is not Phase.RINGING]
    return callers[0] if callers else None


# ---- the document (section 4) -------------------------------------------------


def document(entity: str, version: int, dialogs: Iterable[Dialog]) -> bytes:
    """Write a full document."""
    return str(version).encode().join(_around_version(entity, tuple(dialogs)))


@lru_cache(maxsize=512)
def _around_version(entity: str, dialogs: tuple[Dialog, ...]) -> tuple[bytes, bytes]:
    """Write what is the same for all watchers: the document before and after its version."""
    root = ElementTree.Element(
        "dialog-info", {"xmlns": NAMESPACE, "version": "", "state": "full", "entity": _plain(entity)}
    )
    for dialog in dialogs:
        _write(root, dialog)
    written = '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")
    before, empty, after = written.partition(' version=""')
    return (before + empty[:-1]).encode(), (empty[-1] + after).encode()


def _write(root: Element, dialog: Dialog) -> None:
    """Write one dialog."""
    named = {
        "id": dialog.id,
        "call-id": _plain(dialog.call_id),
        "local-tag": _plain(dialog.local_tag),
        "remote-tag": _plain(dialog.remote_tag),
        "direction": dialog.direction,
    }
    element = ElementTree.SubElement(root, "dialog", {name: value for name, value in named.items() if value})
    ElementTree.SubElement(element, "state").text = dialog.state
    for name, party in (("local", dialog.local), ("remote", dialog.remote)):
        if party is None:
            continue
        end = ElementTree.SubElement(element, name)
        display = {"display": _plain(party.display)} if party.display else {}
        ElementTree.SubElement(end, "identity", display).text = _plain(party.uri)
        target = ElementTree.SubElement(end, "target", {"uri": _plain(party.uri)})
        if party.held:
            ElementTree.SubElement(target, "param", RENDERING)


def _plain(text: str) -> str:
    """Leave out what XML cannot have: a phone may send any character in a name."""
    return text if text.isprintable() else "".join(char for char in text if char.isprintable())
