"""What people can ask of a service that runs, and tell it to do: plain questions, plain answers."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from b2bua.calls.records.record import state
from b2bua.control import Answer, Refused
from b2bua.explain.traced import TracedCall
from b2bua.plural import counted
from b2bua.settings.values import user as extension_name
from b2bua.store.ports import StoreError
from b2bua.trunks.trunks import Trunks

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.story import Story
    from b2bua.extensions import AddedExtensions
    from b2bua.registrar.bindings import Binding
    from b2bua.server import Server
    from b2bua.store.journal import Health, Journal
    from b2bua.trunks.trunk import TrunkStatus

Plain = dict[str, Any]


class Told(NamedTuple):
    """A call that is over, with what it can still tell."""

    record: CallRecord
    story: Story


class Console:
    """Answers questions about a service."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        extensions: AddedExtensions,
        configure: Callable[[], None],
        version: str = "",
    ) -> None:
        """
        Look at these.

        @param configure: makes the server take the extensions as they are now.
        """
        self._server = server
        self._journal = journal
        self._extensions = extensions
        self._configure = configure
        self._version = version
        self._began = server.runner.now()
        self._over: deque[Told] = deque()
        self.answered = self.refused = 0

    @property
    def answers(self) -> dict[str, Answer]:
        """What can be asked."""
        return {
            "status": self.status,
            "registrations": self.registrations,
            "unregister": self.unregister,
            "calls": self.calls,
            "hangup": self.hangup,
            "trace": self.trace,
            "extensions": self.extensions,
            "extension-add": self.add_extension,
            "extension-remove": self.remove_extension,
            "extension-password": self.change_password,
            "pardon": self.pardon,
        }

    def over(self, call: Call) -> None:
        """Remember a call that is over, in place of the oldest."""
        self._over.append(Told(call.record, call.story))
        while len(self._over) > self._server.settings.calls.trace:
            self._over.popleft()
        if call.record.answered is not None:
            self.answered += 1
        else:
            self.refused += 1

    # ---- questions ------------------------------------------------------

    def status(self) -> Plain:
        """How the service does."""
        server, health = self._server, self._journal.health
        now = server.runner.now()
        core = server.core
        trunks = server.trunks.status() if isinstance(server.trunks, Trunks) else []
        return {
            "problems": list(_problems(trunks, health)),
            "version": self._version,
            "domain": server.domain.name,
            "seconds": round(now - self._began),
            "draining": core.calls.draining,
            "extensions": len(server.accounts),
            "registrations": len(server.bindings),
            "subscriptions": len(server.notifier),
            "subscriptions_refused": server.notifier.refused.total(),
            "calls": len(core.calls.going),
            "answered": self.answered,
            "refused": self.refused,
            "transactions": server.runner.live,
            "turned_away": server.runner.counts.turned_away,
            "strangers_refused": server.runner.admission.refused,
            "connections_refused": server.runner.places.refused,
            "trunks": [asdict(trunk) for trunk in trunks],
            "store": {
                "name": self._journal.store.name,
                "failing": health.failing,
                "failing_seconds": None if health.since is None else round(now - health.since),
                "waiting": health.waiting,
                "lost": health.lost,
            },
            "ignored": [
                {"source": source, "seconds": round(seconds)}
                for source, seconds in server.authenticator.throttle.ignored().items()
            ],
        }

    def registrations(self, extension: str | None = None) -> list[Plain]:
        """Where the phones are."""
        server = self._server
        if extension is not None and extension not in server.settings.extensions:
            raise Refused(f"there is no extension {extension}")
        found = (
            server.bindings.all(server.domain.address(extension))
            if extension is not None
            else server.bindings
        )
        now = server.runner.now()
        rows = [self._registration(binding, now) for binding in found]
        return sorted(rows, key=lambda row: (str(row["extension"]), str(row["contact"])))

    def extensions(self) -> list[Plain]:
        """All extensions: those of the file and those that were added, with how many phones each has."""
        server = self._server
        return [
            {
                "extension": number,
                "name": extension.name,
                "added": number in self._extensions,
                "registrations": len(server.bindings.all(server.domain.address(number))),
            }
            for number, extension in sorted(server.settings.extensions.items())
        ]

    def _registration(self, binding: Binding, now: float) -> Plain:
        """One row."""
        flow = binding.flow
        return {
            "extension": binding.aor.rpartition("@")[0],
            "contact": binding.contact,
            "source": f"{flow.remote[0]}:{flow.remote[1]}" if flow is not None else "",
            "transport": flow.transport if flow is not None else "",
            "expires": round(binding.expires_at - now),
            "answers": self._server.answers(binding),
            "user_agent": binding.user_agent,
            "instance": binding.instance,
            "path": list(binding.path),
            **{name.lower(): value for name, value in binding.extra},
        }

    async def calls(self, party: str | None = None, past: bool = False, limit: int = 100) -> list[Plain]:
        """The calls that go on, or the records of those that are over."""
        if not past:
            going = [
                call
                for call in self._server.core.calls.going.values()
                if party is None or call.record.concerns(party)
            ]
            return [
                self._call(call.record, held=bool(call.holders), restored=call.restored)
                for call in going[:limit]
            ]
        try:
            await self._journal.flush()
            found = await self._journal.store.find_records(party=party, limit=max(1, min(limit, 10_000)))
        except StoreError as error:
            raise Refused(f"the store fails: {error}") from None
        return [self._call(record) for record in found]

    def _call(self, record: CallRecord, *, held: bool = False, restored: bool = False) -> Plain:
        """One row."""
        end = record.ended if record.ended is not None else self._server.runner.wall()
        talked = 0.0 if record.answered is None else max(0.0, end - record.answered)
        return {
            **record.to_plain(),
            "seconds": round(talked, 3),
            "state": "on hold" if held else state(record),
            "restored": restored,
        }

    def trace(self, call: str) -> Plain:
        """Why a call did what it did: its messages, and the reasons."""
        record, story = self._find(call)
        if record is None or story is None:
            raise Refused(f"there is no call {call} among those that go on or ended lately")
        runner = self._server.runner
        past = runner.wall() - runner.now()
        found = TracedCall.of(record, story, self._server.trace, self._version, past)
        return found.model_dump(mode="json")

    def _find(self, start: str) -> tuple[CallRecord | None, Story | None]:
        """A call by its id, the beginning of it if that is clear, a Call-ID, or a number: its last call."""
        going = [Told(call.record, call.story) for call in self._server.core.calls.going.values()]
        known = [*going, *self._over]
        found = {
            told.record.id: told
            for told in known
            if told.record.id.startswith(start) or any(leg.call_id == start for leg in told.record.legs)
        }
        of_number = [told for told in known if start in _parties(told.record)]
        if of_number and start not in found:
            last = max(of_number, key=lambda told: told.record.started)
            return last.record, last.story
        if len(found) > 1 and start not in found:
            raise Refused(f"several calls begin with {start}; say more of it")
        told = found.get(start) or next(iter(found.values()), None)
        return (told.record, told.story) if told is not None else (None, None)

    # ---- orders ---------------------------------------------------------

    def hangup(self, call: str) -> Plain:
        """End a call."""
        going = self._server.core.calls.going
        record, _ = self._find(call)
        found = going.get(record.id) if record is not None else None
        if found is None:
            raise Refused(f"there is no call {call} that goes on")
        found.story.note("ended by an operator")
        self._server.core.calls.run(found.end, (), "bye", "operator")
        return {"id": found.id}

    def unregister(self, extension: str, contact: str | None = None) -> Plain:
        """Remove the contacts of an extension, or one of them."""
        bindings = self._server.bindings
        aor = self._server.domain.address(extension)
        kept = tuple(b for b in bindings.all(aor) if contact is not None and b.contact != contact)
        gone = len(bindings.put(aor, kept, "operator")) - len(kept)
        if not gone:
            raise Refused(f"extension {extension} has no such contact")
        return {"removed": gone}

    async def add_extension(self, extension: str, name: str = "", password: str | None = None) -> Plain:
        """Add an extension, which is kept in the store."""
        try:
            extension_name(extension)
        except ValueError as error:
            raise Refused(f"{extension!r} {error}") from None
        if self._server.core.calls.features.is_code(extension):
            raise Refused(f"{extension} begins with a feature code, so that nobody could dial it")
        if any(extension.casefold() == known.casefold() for known in self._server.settings.extensions):
            raise Refused(f"there is an extension {extension} already")
        return await self._put(extension, name, password)

    async def change_password(self, extension: str, password: str | None = None) -> Plain:
        """Give an extension another password."""
        self._only_added(extension)
        return await self._put(extension, self._extensions.name(extension), password)

    async def remove_extension(self, extension: str) -> Plain:
        """Remove an extension that was added, with its contacts."""
        self._only_added(extension)
        self._extensions.remove(extension)
        self._configure()
        self._server.bindings.put(self._server.domain.address(extension), (), "operator")
        return await self._stored({"extension": extension})

    async def _put(self, extension: str, name: str, password: str | None) -> Plain:
        """Add or change one."""
        # None is a default one: a password that nobody chose is a random one.
        chosen = password or secrets.token_urlsafe(12)
        self._extensions.put(extension, name, self._server.domain.name, chosen)
        self._configure()
        return await self._stored({"extension": extension, "name": name, "password": chosen})

    async def _stored(self, value: Plain) -> Plain:
        """Say so only when it is written."""
        try:
            await self._journal.flush()
        except StoreError as error:
            value["warning"] = f"it holds, but is not stored yet: {error}"
        return value

    def _only_added(self, extension: str) -> None:
        """Refuse what is written in the configuration."""
        if extension in self._extensions:
            return
        if extension in self._server.settings.extensions:
            raise Refused(f"extension {extension} is in the configuration file; change it there")
        raise Refused(f"there is no extension {extension}")

    def pardon(self, source: str) -> Plain:
        """Listen again to a source that is ignored for guessing passwords."""
        if not self._server.authenticator.throttle.pardon(source):
            raise Refused(f"{source} is not ignored")
        return {"source": source}


def _parties(record: CallRecord) -> set[str]:
    """Everybody who took part in a call, by number or name, and what was dialled."""
    return {record.dialled, *(leg.party.partition(" ")[2] for leg in record.legs)}


def _problems(trunks: Iterable[TrunkStatus], health: Health) -> Iterator[str]:
    """What somebody has to look after."""
    for trunk in trunks:
        why = f": {trunk.why}" if trunk.why else ""
        if not trunk.alive:
            yield f"the trunk {trunk.name} is down{why}"
        elif trunk.registered is False:
            yield f"the trunk {trunk.name} is not registered{why}"
    if health.failing:
        yield f"the store fails: {health.failing}"
    if health.lost:
        yield f"{counted(health.lost, 'record')} of calls could not be kept"
