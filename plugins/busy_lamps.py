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
    profile = "by phone"         # or one for all phones: see _lamp_profiles.py
    phones = { "Acme X1" = "one call" }   # or by the beginning of User-Agent

    [extensions.102.busy_lamps]
    watched_by = ["101"]         # who may watch this extension; all extensions by default.  A trunk
                                 # to another server may if it is named here
    callers_shown_to = ["101"]   # who may see to whom it talks; all who may watch by default

C{off} is a document without any dialog: phones that tell the two apart turn the
lamp off, others show it as idle.

Numbers of another server have lamps too: they are watched there as long as somebody
watches them here, by the SUBSCRIBE that our own phones send:

    [trunks.branch.busy_lamps]
    numbers = ["201", "202"]
    watched_by = ["101"]         # all extensions by default

Other numbers have lamps if a feature says how they are (C{lamp_shown}): an
orbit, a feature code.  A phone that can (RFC 4662) watches many by one
subscription to a list:

    [lamp_lists.office]
    members = ["101", "102", "701"]   # or "all": all extensions
    watched_by = ["100"]              # all extensions by default
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from b2bua import Named, Options, Service, Table, hookimpl
from b2bua.calls import CallState, Phase, Refuse
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.wire import resource_list
from b2bua.wire.dialog_info import TYPE, Dialog, End, document
from b2bua_plugins._lamp_dialogs import rank, seen
from b2bua_plugins._lamp_profiles import BY_PHONE, PROFILES, Profile, ProfileName, of_phone
from b2bua_plugins._presence import PresencePackage
from b2bua_plugins._remote_lamps import RemoteLamps

if TYPE_CHECKING:
    from b2bua.calls import Lamp, Registration

EVENTLIST = frozenset({"eventlist"})
LIST_MAX = 100
"""So many members of a list fit into one NOTIFY over UDP."""
IDLE = Dialog("idle", "terminated")
"""Bria wants a dialog always."""


class Lamps(Table):
    """C{[busy_lamps]}: what lamps show."""

    unregistered: Literal["busy", "off", "idle"] = "busy"
    do_not_disturb: Literal["busy", "off", "idle"] = "busy"
    callers: bool = True
    calling: Literal["early", "confirmed"] = "early"
    profile: Literal["by phone"] | ProfileName = "by phone"
    phones: Mapping[str, ProfileName] = Field(
        default_factory=dict, description="which profile for phones whose User-Agent begins so"
    )


class OfExtension(Table):
    """C{[extensions.NUMBER.busy_lamps]}: who may see what of the extension."""

    watched_by: tuple[str, ...] | None = None
    callers_shown_to: tuple[str, ...] | None = None


class AtTrunk(Table):
    """C{[trunks.NAME.busy_lamps]}: whose lamps another server shows us."""

    numbers: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    watched_by: tuple[str, ...] | None = None


class LampList(Table):
    """C{[lamp_lists.NAME]}: numbers that are watched by one subscription."""

    members: Literal["all"] | Annotated[tuple[Named, ...], Field(min_length=1, max_length=LIST_MAX)]
    watched_by: tuple[str, ...] | None = None


class DialogPackage(EventPackage):
    """C{Event: dialog}."""

    name = "dialog"
    bodies = (TYPE,)
    option_tags = EVENTLIST

    def __init__(self, options: Options) -> None:
        """Know of no call yet."""
        self._options = options
        self._lamps = options.of(Lamps)
        self._phones = {**BY_PHONE, **{name.lower(): value for name, value in self._lamps.phones.items()}}
        self._lists = {names[0]: options.of(LampList, *names) for names in options.names(LampList)}
        for name in self._lists:
            if name in options.extensions:
                raise ValueError(f"[lamp_lists.{name}] has the number of an extension; give it another name")
            if len(self._members(name)) > LIST_MAX:
                raise ValueError(f"[lamp_lists.{name}] has more than {LIST_MAX} members; make several lists")
        self._remote = RemoteLamps(self._numbers_elsewhere(), self.changed)
        self._calls: dict[str, CallState] = {}
        self._of: dict[str, set[str]] = {}
        """The calls of each extension."""
        self._watched: set[str] = set()
        self._met: set[str] = set()
        """Of whom somebody watches the presence."""
        self.presence = PresencePackage(self._refuses_presence, self._met_with, self._presence_watched)
        self._listens = False
        self._service: Service | None = None

    def _numbers_elsewhere(self) -> dict[str, str]:
        """The numbers of other servers, each with its trunk."""
        found: dict[str, str] = {}
        for trunk in (names[0] for names in self._options.names(AtTrunk)):
            where = f"trunks.{trunk}.busy_lamps.numbers"
            for number in self._options.of(AtTrunk, trunk).numbers:
                if number in self._options.extensions:
                    raise ValueError(f"{where}: {number} is an extension of ours; leave it out")
                if found.setdefault(number, trunk) != trunk:
                    raise ValueError(f"{where}: {number} is at the trunk {found[number]} already")
        return found

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
        listens = bool(self._watched or self._met)
        if listens != self._listens:
            self._listens = listens
            self._service.listen("call_changed", listens)
            self._calls.clear()
            self._of.clear()
            for state in self._service.calls() if listens else ():
                self.note(state)
        seen = self._watched | self._met
        lists = [self._members(name) for name in self._lists if name in seen]
        self._remote.want(seen.union(*lists), self._service)

    @property
    def service(self) -> Service:
        """The running service: nobody is told anything before it is up."""
        assert self._service is not None
        return self._service

    def changed(self, resource: str | None) -> None:
        """
        Have it told that a number may be shown otherwise: its lamp, its presence, the lists in which it is.

        None: all numbers of which features say how they are; extensions are not meant.
        """
        if resource is not None:
            seen = [name for name in self._lists if name in self._watched and resource in self._members(name)]
            self._tell(resource, *seen)
        elif self._service is not None:
            self._tell(*filter(self._is_featured, sorted(self._watched | self._met)))

    def _tell(self, *numbers: str) -> None:
        """Have told who watches one of these, in either way."""
        for number in numbers:
            super().changed(number)
            self.presence.changed(number)

    def _is_featured(self, number: str) -> bool:
        """Does a feature say how it is, or how one of its members is?"""
        members = self._members(number) if number in self._lists else (number,)
        return any(one not in self._remote and not self.service.is_extension(one) for one in members)

    def _members(self, name: str) -> tuple[str, ...]:
        """The numbers of a list."""
        members = self._lists[name].members
        return tuple(sorted(self._options.extensions)) if members == "all" else members

    def note(self, state: CallState) -> None:
        """Remember how a call is, and have told who watches somebody in it."""
        before = self._calls.pop(state.id, None)
        if state.phase is not Phase.ENDED:
            self._calls[state.id] = state
        was = _extensions(before) if before is not None else {}
        there = _extensions(state)
        for name in was.keys() - there:
            calls = self._of[name]
            calls.discard(state.id)
            if not calls:
                del self._of[name]
        for name in there:
            self._of.setdefault(name, set()).add(state.id)
        for name in was | there:
            self.changed(name)

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Extensions and lists are watched by those who may, other numbers if a feature shows them."""
        if not watcher.party.internal:
            return self._refuses_server(resource, watcher)
        if resource in self._remote:
            trunk = self._remote.trunk(resource)
            return self._welcome(watcher, resource, self._options.of(AtTrunk, trunk).watched_by)
        if resource in self._lists:
            if not self._profile(watcher).lists:
                return Refuse(403, "No lists for this phone")
            return self._welcome(watcher, resource, self._lists[resource].watched_by)
        if self.service.is_extension(resource):
            return self._welcome(watcher, resource, self._options.of(OfExtension, resource).watched_by)
        return None if self.service.lamp(resource, watcher.party) is not None else Refuse(404)

    def _refuses_server(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Another server watches what it is named for, and nothing else."""
        if watcher.party.kind != "trunk" or not self.service.is_extension(resource):
            return Refuse(403)
        allowed = self._options.of(OfExtension, resource).watched_by
        return None if allowed is not None and watcher.party.name in allowed else Refuse(403)

    def needs(self, resource: str) -> frozenset[str]:
        """A list is told as one, by RLMI (RFC 4662 section 4.1)."""
        return EVENTLIST if resource in self._lists else frozenset()

    def _welcome(self, watcher: Watcher, resource: str, allowed: tuple[str, ...] | None) -> Refuse | None:
        """May somebody watch, if only some may?"""
        welcome = allowed is None or watcher.party.name in (*allowed, resource)
        return None if welcome else Refuse(403, "Not Allowed")

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Write how a number is now, or all numbers of a list."""
        if resource not in self._lists:
            return Body(TYPE, self._document(resource, watcher))
        service = self.service
        resources = [
            resource_list.Resource(service.address(name), name, TYPE, self._document(name, watcher))
            for name in self._members(resource)
            if self.refuses(name, watcher) is None
        ]
        domain = service.address(resource).partition("@")[2]
        content = resource_list.write(service.address(resource), watcher.version, resources, domain)
        return Body(resource_list.content_type(domain), content)

    def _document(self, number: str, watcher: Watcher) -> bytes:
        """Write all dialogs of a number as they are now."""
        profile = self._profile(watcher)
        if self.service.is_extension(number):
            dialogs = self._dialogs(number, self._sees_callers(number, watcher), profile)
            if profile.one_call:
                dialogs = sorted(dialogs, key=rank)[:1]
            dialogs += self._parked(number, watcher)
        elif number in self._remote:
            dialogs = self._elsewhere(number, profile)
        else:
            dialogs = self._pretended_by(self.service.lamp(number, watcher.party), number, profile)
        return document(self.service.address(number), watcher.version, dialogs)

    # As presence

    def _refuses_presence(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Lists are told as lamps only."""
        return Refuse(404) if resource in self._lists else self.refuses(resource, watcher)

    def _presence_watched(self, resource: str, anybody: bool) -> None:
        """Listen to calls as long as somebody wants to know of one."""
        if anybody:
            self._met.add(resource)
        else:
            self._met.discard(resource)
        self._listen()

    def _met_with(self, number: str, watcher: Watcher) -> tuple[str, list[Dialog]]:
        """The address of a number and its dialogs."""
        profile = self._profile(watcher)
        if self.service.is_extension(number):
            return self.service.address(number), self._dialogs(number, False, profile)
        if number in self._remote:
            return self.service.address(number), self._elsewhere(number, profile)
        lamp = self.service.lamp(number, watcher.party)
        return self.service.address(number), self._pretended_by(lamp, number, profile)

    def _profile(self, watcher: Watcher) -> Profile:
        """What the phone wants."""
        wanted = self._lamps.profile
        return of_phone(watcher.user_agent, self._phones) if wanted == "by phone" else PROFILES[wanted]

    def _sees_callers(self, resource: str, watcher: Watcher) -> bool:
        """May the watcher know who talks to whom?"""
        allowed = self._options.of(OfExtension, resource).callers_shown_to
        return self._lamps.callers and (allowed is None or watcher.party.name in (*allowed, resource))

    def _dialogs(self, extension: str, callers: bool, profile: Profile) -> list[Dialog]:
        """The dialogs of an extension; without a call one that says so."""
        busy_at_once = profile.blinks or self._lamps.calling == "confirmed"
        found = [
            seen(self.service, self._calls[call], party, callers=callers, busy_at_once=busy_at_once)
            for call in sorted(self._of.get(extension, ()))
            for party in self._calls[call].parties
            if party.kind == "extension" and party.name == extension
        ]
        return found or self._without_call(extension)

    def _without_call(self, extension: str) -> list[Dialog]:
        """What is shown of an extension that has no call."""
        why = self.service.unavailable(extension)
        if why is not None and self._lamps.do_not_disturb != "idle":
            return self._pretended("do-not-disturb", self._lamps.do_not_disturb, extension, why)
        if not self.service.is_registered(extension) and self._lamps.unregistered != "idle":
            return self._pretended("unregistered", self._lamps.unregistered, extension, "Not registered")
        return [IDLE]

    def _elsewhere(self, number: str, profile: Profile) -> list[Dialog]:
        """The dialogs of a number at another server, as far as that has told us."""
        found = self._remote.dialogs(number, self.service.address(number), callers=self._lamps.callers)
        if found is None:
            if self._lamps.unregistered == "idle":
                return [IDLE]
            return self._pretended("unregistered", self._lamps.unregistered, number, "Not known")
        found = sorted(found, key=rank)
        return (found[:1] if profile.one_call else found) or [IDLE]

    def _parked(self, extension: str, watcher: Watcher) -> Iterator[Dialog]:
        """Who is parked against an extension, for phones that know BroadWorks' element."""
        lamp = self.service.lamp(extension, watcher.party)
        if lamp is not None and lamp.state == "parked":
            seen = lamp.text if self._sees_callers(extension, watcher) else ""
            parked = End(seen, self.service.address(extension))
            yield Dialog("parked", "terminated", parked=parked)

    def _pretended_by(self, lamp: Lamp | None, number: str, profile: Profile) -> list[Dialog]:
        """A number that is no extension, as a feature says it is."""
        if lamp is None or lamp.state == "off":
            return []
        uri = self.service.address(number)
        shown = End("", uri), End(lamp.text, uri)
        if lamp.state == "busy":
            return [Dialog("lamp", profile.parked, *shown, "initiator")]
        return [Dialog("lamp", "early", *shown, "recipient") if lamp.state == "ringing" else IDLE]

    def _pretended(self, id: str, how: str, extension: str, why: str) -> list[Dialog]:
        """No call, but a reason not to call: a dialog with it as the name of the other end."""
        if how == "off":
            return []
        uri = self.service.address(extension)
        return [Dialog(id, "confirmed", End("", uri), End(why, uri), "initiator")]


class BusyLamps:
    """Serves C{Event: dialog}."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {
            "busy_lamps": Lamps,
            "extensions.*.busy_lamps": OfExtension,
            "trunks.*.busy_lamps": AtTrunk,
            "lamp_lists.*": LampList,
        }

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Make the package."""
        self._package = DialogPackage(options)

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """The lamps, and the same as presence."""
        return (self._package, self._package.presence)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Be ready to tell."""
        self._package.start(service)

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """Tell those who watch somebody in the call."""
        self._package.note(state)

    @hookimpl
    def contact_registered(self, binding: Registration) -> None:
        """An extension can be reached."""
        self._package.changed(binding.extension)

    @hookimpl
    def contact_unregistered(self, binding: Registration) -> None:
        """Perhaps it cannot be reached any more."""
        self._package.changed(binding.extension)

    @hookimpl
    def setting_changed(self, owner: str) -> None:
        """Perhaps an extension takes no calls any more, or takes them again."""
        table, _, name = owner.partition(".")
        if table == "extensions":
            self._package.changed(name)
        self._package.changed(None)  # codes are about settings


def _extensions(state: CallState) -> dict[str, None]:
    """The extensions that are in a call, in the order of its parties."""
    return {party.name: None for party in state.parties if party.kind == "extension"}
