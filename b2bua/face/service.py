"""
What one plugin can ask of the running service, and have it do.

Each plugin of each generation has one, from C{service_started} on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from twisted.internet.defer import Deferred, succeed

from b2bua.calls.notice import notice, press
from b2bua.calls.operations.origination import Origination, Wish
from b2bua.calls.records.view import CallState, PartyState, Phase
from b2bua.calls.state import state_of
from b2bua.calls.verdicts import is_line
from b2bua.face.data import Data
from b2bua.face.timer import Timer
from b2bua.legs.party import Identity
from b2bua.legs.words import Fields
from b2bua.wire.grammar import is_token

if TYPE_CHECKING:
    from b2bua.calls.calls import Calls
    from b2bua.calls.face import Call, Leg
    from b2bua.calls.outside import Registration
    from b2bua.calls.shown import Lamp, Messages
    from b2bua.calls.verdicts import Refuse
    from b2bua.face.options import Setting
    from b2bua.legs.leg import Leg as LiveLeg
    from b2bua.legs.party import Party
    from b2bua.subscriptions import Subscribed, Told
    from b2bua.subscriptions.packages import Packages
    from b2bua.subscriptions.subscriber import Subscriber
    from b2bua.wire.dialog_ids import Replaces


class Generation(Protocol):
    """The features of which the plugin is one."""

    @property
    def event_packages(self) -> Packages:
        """What can be watched, by the name of its event package."""

    def setting(self, path: str) -> Setting | None:
        """A setting that can be changed, as it holds now."""

    def change(self, path: str, value: object) -> Setting:
        """Change one."""


class Plugin(Protocol):
    """The plugin itself, called so that its faults are its own."""

    @property
    def name(self) -> str:
        """Its name."""

    def listen(self, hook: str, wanted: bool) -> None:
        """Hear a kind of news, or not for now."""

    def call(self, do: Callable[..., object], values: tuple[object, ...]) -> None:
        """Call a function of it, unless it has been set aside."""

    def judges(self, what: str, judge: Callable[[Told], Refuse | None]) -> Callable[[Told], Refuse | None]:
        """A function of it that may turn something down."""


class Connections(Protocol):
    """What opens connections to other servers."""

    def connectTCP(self, host: str, port: int, factory: Any) -> Any:
        """Open one, as a reactor of Twisted does; the client that speaks by it may secure it (STARTTLS)."""


class Service:
    """
    The running service, as one plugin sees it.

    What it gives are values, and what it is asked to do is done when the
    present step of a call is over.
    """

    data: Data
    """The plugin's own rows, which outlive the process."""
    lasting: dict[str, Any]
    """
    Objects that the plugin's next generation finds here, too: they outlive a reload, but not the process.

    For what coroutines of calls share with those of later ones.  The code that
    made an object may be older than the code that finds it.
    """
    connections: Connections | None
    """For clients of Twisted that take a reactor, such as C{sendmail}; none in the simulated world."""

    def __init__(
        self,
        plugin: Plugin,
        calls: Calls,
        data: Data,
        generation: Generation,
        subscriber: Subscriber | None = None,
        connections: Connections | None = None,
    ) -> None:
        """Serve one plugin."""
        self.connections = connections
        self._subscriber = subscriber
        self._subscribed: list[Subscribed] = []
        self._generation = generation
        self._plugin = plugin
        self._calls = calls
        self._timers: set[Timer] = set()
        self._lodged: set[str] = set()
        """Phones at which somebody has logged in by way of this plugin."""
        self._closed = False
        self.data = data
        self.lasting = calls.lasting.setdefault(plugin.name, {})

    # ---- looking at calls -----------------------------------------------

    def calls(self, party: str | None = None) -> tuple[CallState, ...]:
        """
        All calls that go on, or those of one extension or trunk.

        @param party: the extension's number, or the trunk's name.
        """
        found = self._calls.going.values()
        return tuple(
            [
                state_of(call)
                for call in list(found)
                if party is None or any(leg.party.name == party for leg in call.legs)
            ]
        )

    def call(self, id: str) -> CallState | None:
        """One call by its id, while it goes on."""
        call = self._calls.going.get(id)
        return None if call is None else state_of(call)

    def is_elsewhere(self, id: str) -> bool:
        """Has a process that this one takes the place of a call still, which it will hand over or end?"""
        return id in self._calls.elsewhere

    def waiting(self, at: str) -> tuple[tuple[CallState, PartyState], ...]:
        """Who waits at an orbit or in a queue, each with its call; who came first is the first one."""
        found = [
            (state, party)
            for state in map(state_of, [call for call in self._calls.going.values() if call.waiting])
            for party in state.parties
            if party.phase is Phase.WAITING and party.waits_at == at
        ]
        return tuple(sorted(found, key=lambda one: one[1].since or 0.0))

    def leg(self, call: str, leg: str) -> tuple[Call, Leg] | None:
        """A call and a leg of it by their ids, for the operations; None when it has left."""
        found = self._calls.going.get(call)
        legs = [] if found is None else [one for one in found.legs if one.id == leg]
        return (found, legs[0]) if found is not None and legs else None

    def named(self, replaces: Replaces) -> tuple[Call, Leg] | None:
        """The call and the leg whose dialog a Replaces names (RFC 3891 section 3); None when it has ended."""
        dialogs = self._calls.context.dialogs
        leg = dialogs.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag)
        return None if leg is None or leg.ended or leg.call is None else (leg.call, leg)

    def listen(self, hook: str, wanted: bool = True) -> None:
        """
        Hear a kind of news, or not for now.

        A feature that needs C{call_changed} only at times says so here, and
        costs calls nothing else; when it listens again it has a look at
        C{calls}.

        @raise ValueError: if it is not the name of news.
        """
        self._plugin.listen(hook, wanted)

    @property
    def can_record(self) -> bool:
        """Is there a relay that can record calls?"""
        relays = self._calls.relays
        return relays is not None and "record" in relays.can

    # ---- looking at extensions ------------------------------------------

    def is_extension(self, number: str) -> bool:
        """Is it one of our own extensions?"""
        return self._calls.directory.extension(number) == number

    def is_registered(self, extension: str) -> bool:
        """Is there a phone on which it would ring?"""
        return self._calls.directory.is_registered(extension)

    def unavailable(self, extension: str) -> str | None:
        """Why an extension takes no calls, if a feature says so (C{extension_unavailable})."""
        return self._calls.features.ask_unavailable(extension)

    def display(self, extension: str) -> str:
        """The name of an extension."""
        party = self._calls.directory.known_party("extension", extension)
        return "" if party is None else party.display

    def address(self, number: str) -> str:
        """A number as a SIP URI that may be told to others."""
        return self._calls.directory.uri(number)

    def lamp(self, number: str, watcher: Party) -> Lamp | None:
        """How a number that is no extension is shown, if a feature says so (C{lamp_shown}, C{code_shown})."""
        return self._calls.features.ask_lamp(number, watcher)

    def messages(self, account: str) -> Messages | None:
        """How many messages wait for an account, if a feature says so (C{messages_waiting})."""
        return self._calls.features.ask_messages(account)

    def registrations(self, extension: str) -> tuple[Registration, ...]:
        """Where its phones are; empty when none is registered."""
        return self._calls.directory.registrations(extension)

    # ---- guests at phones -----------------------------------------------

    def lodge(self, phone: str, guest: str | None) -> None:
        """
        Let an extension log in at the phones of another one, or nobody any more; until the service ends.

        Calls from there are the guest's then, with all settings, and calls for
        the guest ring there too.  Calls that go on stay whose they are.

        @param phone: the extension whose phones they are.
        @raise ValueError: if one of the two is no extension, or both are the same.
        """
        if phone == guest or not all(self.is_extension(one) for one in (phone, guest) if one is not None):
            raise ValueError(f"{guest} cannot log in at {phone}")
        before = self._calls.directory.guest(phone)
        self._calls.directory.lodge(phone, guest)
        self._lodged.add(phone)
        self.after(0, self._lodging_changed, [one for one in (phone, before, guest) if one is not None])

    def _lodging_changed(self, extensions: Iterable[str]) -> None:
        """What is told of these may be another now: lamps, messages, keys."""
        for event in ("dialog", "message-summary", "as-feature-event"):
            for one in extensions:
                self.changed(event, one)

    def user(self, phone: str) -> str:
        """Whose the phones of an extension are just now: who has logged in there, else its own."""
        return self._calls.directory.guest(phone) or phone

    # ---- what it shows, and what users have chosen ----------------------

    def changed(self, event: str, resource: str | None) -> None:
        """
        Say that what is told of a resource may be another now; None: of all of them.

        For a feature that answers C{lamp_shown} say, but does not serve the package itself.
        Of C{dialog} all are those of which features say how they are: codes, orbits, queues.
        Presence and lists are told along.

        @param event: the name of the event package, C{dialog}; one that nobody serves is no harm.
        """
        served = self._generation.event_packages.get(event)
        if served is not None:
            served.package.changed(resource)

    def setting(self, path: str) -> object:
        """
        A setting that users can change, of whichever feature, as it holds now.

        @param path: as in the file, C{extensions.102.do_not_disturb}.
        @return: its value; None if no feature here has it.
        """
        found = self._generation.setting(path)
        return None if found is None else found.value

    def change(self, path: str, value: object) -> None:
        """
        Change a setting for its owner, as a code or C{b2bua set} would.

        @raise ValueError: if there is no such setting, or the value is not good.
        """
        self._generation.change(path, value)

    # ---- watching something at another server ---------------------------

    def subscribe(
        self,
        trunk: str,
        user: str,
        event: str,
        accept: tuple[str, ...],
        hear: Callable[[Told], Refuse | None],
    ) -> Subscribed:
        """
        Watch something at a trunk (RFC 6665 section 4.1), until this generation ends or it is stopped.

        Whatever happens there, the subscription is refreshed, or made anew as
        soon as that may be.

        @param user: what is watched there: a number, the name of a mailbox.
        @param event: the name of the event package.
        @param accept: the types of body that C{hear} can read.
        @param hear: told what each NOTIFY says, and when nothing more comes.
            What it cannot read it turns down with a L{Refuse}, before anything has changed.
        @raise ValueError: if it is no event.
        """
        if not is_token(event) or not user or self._subscriber is None:
            raise ValueError(f"{event!r:.60} of {user!r:.60} cannot be watched at {trunk}")
        contained = self._plugin.judges(f"what {trunk} tells of {event}", hear)
        subscribed = self._subscriber.subscribe(trunk, user, event, accept, contained)
        self._subscribed.append(subscribed)
        if self._closed:
            subscribed.stop()
        return subscribed

    # ---- telling phones what they have not asked for --------------------

    def notify(
        self, phone: Registration, event: str, body: bytes = b"", type: str = "", state: str = ""
    ) -> Deferred[int]:
        """
        Send a phone a NOTIFY outside of dialogs.

        @param type: what kind of body it is.
        @param state: its Subscription-State, where a phone wants another one than C{terminated}.
        @return: the status of its answer; 408 when there is none, 480 when it has gone.
        @raise ValueError: if it is no event, or no line of text.
        """
        if not is_token(event.partition(";")[0]) or not all(map(is_line, (event, type, state))):
            raise ValueError(f"{event!r:.60} is no event")
        said = (("Event", event), ("Subscription-State", state), ("Content-Type", type if body else ""))
        head: Fields = tuple(field for field in said if field[1])
        there = self._calls.directory.phone(phone.extension, phone.contact)
        return succeed(480) if there is None else notice(self._calls, there, head, body)

    def press(self, call: str, leg: str, key: Literal["talk", "hold"]) -> Deferred[int]:
        """
        Have a phone answer or resume (C{talk}), or hold, as if somebody pressed its key.

        @param call: the call, and C{leg} the leg of the phone, by their ids.
        @return: the status of its answer; 481 when it has left.
        """
        found = self.leg(call, leg)
        return succeed(481) if found is None else press(cast("LiveLeg", found[1]), key)

    # ---- beginning and ending them --------------------------------------

    def originate(
        self,
        first: str,
        second: str,
        *,
        by: str | Party = "",
        shown: str = "",
        name: str = "",
        number: str = "",
        ring_seconds: float | None = None,
    ) -> Origination:
        """
        Ring one party, then the other, and let the two talk (RFC 3725).

        A phone of ours that is rung first is rung as it is: its forwards and
        its do-not-disturb are not asked.  The second party is reached as if the
        first one had dialled it, features included, so it may be a queue or an
        orbit too.  When the second is not to be had, the first is hung up with
        the reason.  Await the result, or watch C{call_changed}.

        @param first: whom to ring first: an extension, a number, a URI.
        @param second: whom to ring when the first has answered.
        @param by: whose permission to dial counts: an extension, or a L{Party}
            such as C{attempt.behalf}; if it is left out C{first}, which is an
            extension then.
        @param shown: what the first phone shows in place of the second one's name.
        @param name: the name that the second party sees as caller, in place of the first one's.
        @param number: the number that it sees, likewise.
        @param ring_seconds: how long each of them rings at the most.
        @raise ValueError: when nobody is said whose permission counts, or what
            is said cannot be dialled or shown.
        """
        for text in (first, second):
            if not text or not text.isprintable():
                raise ValueError(f"{text!r:.60} cannot be dialled")
        for text in (shown, name, number):
            if text and not text.isprintable():
                raise ValueError(f"{text!r:.60} cannot be shown")
        if ring_seconds is not None and not (isfinite(ring_seconds) and ring_seconds > 0):
            raise ValueError(f"{ring_seconds!r} is no time to ring")
        identities, directory = self._calls.identities, self._calls.directory
        behalf = self._behalf(by or first) if isinstance(by, str) else by
        own, there = directory.extension(first), directory.extension(second)
        seen = (
            identities.of_party(directory.party(there))
            if there is not None
            else Identity(directory.user(second), directory.uri(second))
        )
        presented = None
        if name or number or own is None:
            usual = (
                identities.of_party(directory.party(own)) if own is not None else identities.of_party(behalf)
            )
            presented = Identity(name or usual.display, directory.uri(number) if number else usual.uri)
        wish = Wish(first, second, behalf, Identity(shown or seen.display, seen.uri), presented, ring_seconds)
        return Origination(self._calls, wish)

    def _behalf(self, extension: str) -> Party:
        """The extension whose permission counts."""
        name = self._calls.directory.extension(extension)
        if name is None:
            raise ValueError(f"{extension} is no extension of ours: say by whose permission it is dialled")
        return self._calls.directory.party(name)

    def hang_up(self, call: str) -> bool:
        """End a call, by its id; False if there is none."""
        found = self._calls.going.get(call)
        if found is None:
            return False
        found.story.note("ended by {}", self._plugin.name)
        self._calls.run(found.end)
        return True

    # ---- the clock ------------------------------------------------------

    def after(
        self, seconds: float, do: Callable[..., Any], *values: Any, call: Call | CallState | None = None
    ) -> Timer:
        """
        Call C{do} after some seconds of the server's clock.

        What it raises costs the plugin a strike and nobody anything; it may be
        a coroutine, which has two hours: enough to wait for a call that it begins.

        @param call: ends the timer with this call, in place of the end of this
            generation of features: a reload, or the service's end.
        """
        return self._timer(seconds, None, do, values, call)

    def every(
        self, seconds: float, do: Callable[..., Any], *values: Any, call: Call | CallState | None = None
    ) -> Timer:
        """Call C{do} every so many seconds, the first time when they have passed; else as L{after}."""
        return self._timer(seconds, seconds, do, values, call)

    def _timer(
        self,
        seconds: float,
        every: float | None,
        do: Callable[..., Any],
        values: tuple[Any, ...],
        call: Call | CallState | None,
    ) -> Timer:
        """Start a timer."""
        if not (isfinite(seconds) and seconds >= 0) or (every is not None and seconds <= 0):
            raise ValueError(f"{seconds!r} is no time that a timer can run")
        tell = partial(self._plugin.call, do, values)
        timer = Timer(self._calls.context.layer.start, self._calls.run, tell, seconds, every)
        if call is not None:
            self._calls.end_with(call.id, timer.stop)
        elif self._closed:
            timer.stop()
        else:
            self._timers.add(timer)
            timer.then(self._timers.discard)
        return timer

    def close(self) -> None:
        """This generation is over: its timers are, but for those of calls, and so is what it has lent."""
        self._closed = True
        for phone in self._lodged:
            self._calls.directory.lodge(phone, None)
        for timer in list(self._timers):
            timer.stop()
        for subscribed in self._subscribed:
            subscribed.stop()
