"""
Messages waiting: the lamp that says that somebody has left one (RFC 3842).

Whoever keeps messages says how many there are, by the hook C{messages_waiting}, by
the command C{b2bua messages 102 --new 2}, or as a carrier whose NOTIFY comes in, by
itself or because we have subscribed to a mailbox there::

    [message_waiting]
    unsolicited = true         # tell also phones that have not subscribed

    [extensions.102.message_waiting]
    account = "*97"            # what the phone dials to hear them
    numbers = ["+4930123456"]  # whose messages at a carrier are this extension's
    subscribe_at = "carrier"   # have that trunk tell of them (SUBSCRIBE)
    mailbox = "5512"           # what they are called there; else the first of numbers
    watched_by = ["100"]       # who else may see them: extensions, or trunks to other servers

A phone that has subscribed is told by its subscription, any other one of the
extension by a NOTIFY that it has not asked for, as many phones want it; who turns
that down with 489 or 481 is told no more until it registers anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import StringConstraints

from b2bua import Options, Service, Table, Target, hookimpl
from b2bua.calls import Messages, OutsideRequest, Refuse, Respond
from b2bua.errors import PeerError
from b2bua.subscriptions import Body, EventPackage, Told, Watcher
from b2bua.wire.message_summary import TYPE, parse, write

if TYPE_CHECKING:
    from b2bua.calls import Registration

COUNT_MAX = 2**32 - 1
NOT_WANTED = (405, 481, 489, 501)
"""Who answers so wants no NOTIFY without a subscription."""


class Waiting(Table):
    """C{[message_waiting]}: who is told."""

    unsolicited: bool = True


class OfExtension(Table):
    """C{[extensions.NUMBER.message_waiting]}: where its messages are, and who may see them."""

    account: Annotated[str, StringConstraints(max_length=64)] | None = None
    numbers: tuple[Target, ...] = ()
    subscribe_at: str | None = None
    mailbox: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    watched_by: tuple[str, ...] = ()


class SummaryPackage(EventPackage):
    """C{Event: message-summary}."""

    name = "message-summary"
    bodies = (TYPE,)

    def __init__(self, waiting: MessageWaiting) -> None:
        """Tell what C{waiting} knows."""
        self._waiting = waiting
        self._subscribed: dict[str, dict[str, tuple[str, str]]] = {}
        """What the phones of an extension watch, by subscription: the mailbox, and where the phone is."""

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """The mailbox is one's own, or one that one may see."""
        if not watcher.party.internal and not self._waiting.is_account(resource):
            return Refuse(403)
        account = self._waiting.account(resource, watcher.party.name)
        own = watcher.party.internal and watcher.party.name == account
        return None if own or watcher.party.name in self._waiting.of(account).watched_by else Refuse(403)

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Say how many there are: none for who has no mailbox (ivozprovider#14)."""
        account = self._waiting.account(resource, watcher.party.name)
        own = account == watcher.party.name
        return Body(TYPE, self._waiting.summary(self._waiting.user(account) if own else account))

    def changed(self, resource: str | None) -> None:
        """Tell who watches the mailbox, by whatever name, and the phones that have not subscribed."""
        if resource is None or not self._waiting.started:
            super().changed(None)
            return
        phones = {resource, *self._waiting.phones(resource)}
        numbers = {name for phone in phones for name, _ in self._mailboxes(phone) if name not in phones}
        for name in phones | numbers:
            super().changed(name)
        self._waiting.tell(resource)

    def _mailboxes(self, extension: str) -> Iterator[tuple[str, str]]:
        """By what names phones of an extension watch its own mailbox, and where each of them is."""
        for name, place in self._subscribed.get(extension, {}).values():
            if self._waiting.account(name, extension) == extension:
                yield name, place

    def has_subscribed(self, phone: Registration) -> bool:
        """Is a phone told by a subscription to its own mailbox?"""
        return any(place == _place(phone.contact) for _, place in self._mailboxes(phone.extension))

    def began(self, resource: str, watcher: Watcher) -> None:
        """Who is told by a subscription is not told besides."""
        if watcher.party.internal:
            own = self._subscribed.setdefault(watcher.party.name, {})
            own[watcher.id] = resource, _place(watcher.contact)

    def ended(self, resource: str, watcher: Watcher) -> None:
        """Such a phone is told otherwise again."""
        own = self._subscribed.get(watcher.party.name, {})
        own.pop(watcher.id, None)
        if not own:
            self._subscribed.pop(watcher.party.name, None)


class MessageWaiting:
    """Tells phones of messages."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"message_waiting": Waiting, "extensions.*.message_waiting": OfExtension}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Make the package."""
        self._options = options
        self._unsolicited = options.of(Waiting).unsolicited
        self._package = SummaryPackage(self)
        self._service: Service | None = None
        self._unwilling: set[tuple[str, str]] = set()
        accounts = [names[0] for names in options.names(OfExtension)]
        self._numbers = {number: account for account in accounts for number in self.of(account).numbers}
        self._mailboxes = dict(self._mailboxes_elsewhere(accounts))
        self._told: dict[str, dict[str, Messages]] = {}
        """What each mailbox elsewhere has told, by who tells it: a SUBSCRIBE may be forked."""

    def _mailboxes_elsewhere(self, accounts: Iterable[str]) -> Iterator[tuple[str, tuple[str, str]]]:
        """Whose messages are elsewhere: at which trunk, and what the mailbox is called there."""
        for account in accounts:
            own, where = self.of(account), f"extensions.{account}.message_waiting"
            if own.subscribe_at is None:
                if own.mailbox is not None:
                    raise ValueError(f"{where}.mailbox is of use with subscribe_at only")
                continue
            if own.subscribe_at not in self._options.trunks:
                raise ValueError(f"{where}.subscribe_at: there is no trunk {own.subscribe_at}")
            if own.mailbox is None and not own.numbers:
                raise ValueError(f"{where}.subscribe_at needs a mailbox, or numbers of which the first is it")
            yield account, (own.subscribe_at, own.mailbox or own.numbers[0])

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """One."""
        return (self._package,)

    @hookimpl
    def b2bua_methods(self) -> tuple[str, ...]:
        """What a carrier sends."""
        return ("NOTIFY",)

    @hookimpl
    def b2bua_fields(self) -> tuple[str, ...]:
        """Which NOTIFYs are about messages."""
        return ("Event",)

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Any]:
        """One."""
        return {"messages": self.messages}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Be ready to tell, and ask for what waits elsewhere."""
        self._service = service
        for account, (trunk, mailbox) in self._mailboxes.items():
            service.subscribe(trunk, mailbox, SummaryPackage.name, (TYPE,), partial(self._heard, account))

    def is_account(self, resource: str) -> bool:
        """Is it an extension, and not the number of the voicemail?"""
        return self._service is not None and self._service.is_extension(resource)

    def of(self, account: str) -> OfExtension:
        """What is said of an extension."""
        return self._options.of(OfExtension, account)

    def account(self, resource: str, watcher: str) -> str:
        """Whose mailbox is meant: who subscribes to the number of the voicemail means their own."""
        assert self._service is not None
        return resource if self._service.is_extension(resource) else watcher

    def user(self, phone: str) -> str:
        """Whose messages a phone shows: its own, or those of who has logged in there."""
        assert self._service is not None
        return self._service.user(phone)

    def count(self, account: str) -> Messages:
        """How many messages wait."""
        assert self._service is not None
        told = self._service.messages(account)
        if told is not None:
            return told
        kept = self._service.data.get(account)
        return Messages(*kept) if isinstance(kept, list) else Messages()

    def summary(self, account: str) -> bytes:
        """The document for the phones of an account."""
        assert self._service is not None
        dialled = self.of(account).account or account
        count = self.count(account)
        counts = count.new, count.old, count.urgent_new, count.urgent_old
        return write(counts, self._service.address(dialled))

    def messages(
        self,
        account: str,
        *,
        new: int | None = None,
        old: int = 0,
        urgent: int = 0,
    ) -> str:
        """
        Say how many messages wait for an extension, or ask.

        @param new: how many have not been heard; without it nothing is changed.
        """
        if self._service is None or not self._service.is_extension(account):
            raise ValueError(f"there is no extension {account}")
        if new is not None:
            try:
                self._keep(account, Messages(new, old, urgent))
            except TypeError as error:
                raise ValueError(str(error).removeprefix("Messages: ")) from None
        found = self.count(account)
        return f"{account}: {found.new} new, {found.old} old"

    @hookimpl
    def request_received(self, request: OutsideRequest) -> Respond | None:
        """A carrier tells of messages that wait there (RFC 3842 section 3)."""
        event = request.fields.get("Event", ("",))[0].partition(";")[0].strip().lower()
        if request.method != "NOTIFY" or event != "message-summary":
            return None
        if request.party.kind != "trunk":
            return Respond(403)  # a phone does not say what waits for another
        account = self._numbers.get(request.user, request.extension)
        if account is None:
            return Respond(404)
        try:
            self._keep(account, _counted(request.body))
        except PeerError as error:
            return Respond(error.code, error.why)
        return Respond(200)

    def _heard(self, account: str, told: Told) -> Refuse | None:
        """A mailbox at another server tells what waits there (RFC 3842 section 3.9)."""
        sources = self._told.setdefault(account, {})
        if told.over:
            # What the last one has said stays, until somebody knows better: no message has gone with it.
            if len(sources) > 1:
                del sources[told.source]
        elif told.body:
            try:
                counted = _counted(told.body)
            except PeerError as error:
                return Refuse(error.code, error.why)
            sources[told.source] = counted
        else:
            return None
        self._keep(account, _sum(sources.values()))
        return None

    def _keep(self, account: str, count: Messages) -> None:
        """Remember it and have it told, if it is another than before."""
        assert self._service is not None
        row = _row(count)
        if self._service.data.get(account) == row:
            return
        with self._service.data.change() as rows:
            rows[account] = row
        self.changed(account)

    def changed(self, account: str) -> None:
        """Tell all phones of an account."""
        self._package.changed(account)

    @property
    def started(self) -> bool:
        """Is the service up?  After a reload other features may speak before this one has started."""
        return self._service is not None

    def phones(self, account: str) -> set[str]:
        """The extensions whose phones show the messages of an account: its own, and where it is a guest."""
        assert self._service is not None
        return {phone.extension for phone in self._service.registrations(account)}

    def tell(self, account: str) -> None:
        """Tell the phones of an account that have not subscribed, once the service has started."""
        if self._service is not None:
            for phone in self._service.registrations(account):
                self._service.after(0, self._tell, phone)

    @hookimpl
    def contact_registered(self, binding: Registration) -> None:
        """A phone that has just been switched on shows what waits (fusionpbx#1193)."""
        self._unwilling.discard((binding.extension, binding.contact))
        if self._service is not None and self.count(self.user(binding.extension)) != Messages():
            self._service.after(0, self._tell, binding)

    async def _tell(self, phone: Registration) -> None:
        """Tell a phone that has not subscribed."""
        key = phone.extension, phone.contact
        if (
            not self._unsolicited
            or self._service is None
            or key in self._unwilling
            or self._package.has_subscribed(phone)
        ):
            return
        body = self.summary(self.user(phone.extension))
        # Yealinks take no notice of a terminated one.
        code = await self._service.notify(phone, "message-summary", body, TYPE, "active")
        if code in NOT_WANTED:
            self._unwilling.add(key)


def _place(contact: str) -> str:
    """Where a phone is; some say other parameters when they subscribe than when they register."""
    return contact.partition(";")[0].lower()


def _counted(body: bytes) -> Messages:
    """
    What a document says.

    @raise PeerError: if it cannot be read, or cannot be.
    """
    summary = parse(body)
    counts = summary.voice or (int(summary.waiting), 0, 0, 0)
    try:
        return Messages(*counts)
    except TypeError:
        raise PeerError("More urgent messages than messages", section="RFC 3842 5.2") from None


def _sum(counts: Iterable[Messages]) -> Messages:
    """What several mailboxes hold."""
    return Messages(*(min(sum(column), COUNT_MAX) for column in zip(*map(_row, counts), strict=True)))


def _row(count: Messages) -> list[int]:
    """The counts in their order, as they are kept."""
    return [count.new, count.old, count.urgent_new, count.urgent_old]
