"""
Paging: what somebody says is heard from many phones, which answer by themselves.

    [pages.650]
    name = "Warehouse"
    members = ["101", "102"]     # extensions
    callers = ["100"]            # who may page; by default every extension
    seconds = 30                 # the longest announcement
    ring_seconds = 15            # phones that do not answer by themselves ring that long
    recorded = false             # true: it is spoken first, and heard when it is complete

When somebody dials the number of a page all members are called at once and asked to
answer by themselves, as C{[intercom]} asks them.  When the first ones hear, a tone says
so to who pages, and each of them hears a tone, too.  What is said then all hear
at once; nobody hears the members.  C{#}, or to hang up, ends it for all.

A page that is C{recorded} is spoken after the tone, and the members are called when
it is complete; so who speaks hears no echo from a loudspeaker nearby, and phones that have to
be answered by hand miss nothing.  It is kept nowhere.

Who is in a call, wants no calls, or is not registered is left out, and so is who
has paged.  It needs a voice of the server (C{[media]}).  Pages are no place for
forwards, and calls from outside do not reach them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints

from b2bua import NotConfigured, Options, Seconds, Service, Table, hookimpl
from b2bua.calls import Gone, Refuse, Talk
from b2bua_plugins._auto_answer import USUAL, AlertInfo, ask, asks, says
from b2bua_plugins._live_page import TONE, LivePage

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Conversation, InvitationDraft, Origination, Party

HEARD = "page|"
"""Before the number of a page and that of an announcement: what members are connected to."""
AT_ONCE = 8
SPARE = 30.0
"""Seconds after which nobody hears an announcement any more who could have."""
LONGEST = 3600.0
"""Seconds after which one is forgotten that was recorded before a reload."""


class Page(Table):
    """C{[pages.NUMBER]}: who is heard where."""

    name: Annotated[str, StringConstraints(max_length=64)] = ""
    members: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    callers: tuple[str, ...] | None = None
    seconds: Seconds = 30.0
    ring_seconds: Seconds = 15.0
    alert_info: AlertInfo = USUAL
    recorded: bool = False


class Paging:
    """Has announcements heard, as they are spoken or afterwards."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table for each page."""
        return {"pages.*": Page}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the pages; members are extensions, and numbers of pages are not."""
        self._pages = {number: options.of(Page, number) for [number] in options.names(Page)}
        if not self._pages:
            raise NotConfigured("no [pages.NUMBER] table")
        for number, page in self._pages.items():
            for key, names in (("members", page.members), ("callers", page.callers or ())):
                for name in names:
                    if name not in options.extensions:
                        raise ValueError(f"[pages.{number}] {key}: there is no extension {name}")
        words = {page.alert_info for page in self._pages.values()}
        self._words = {one for one in words if not asks("Alert-Info", one)}
        """What the intercom does not know."""
        self._serial = count(1)
        self._said: dict[str, TemporaryDirectory[str]] = {}
        """Where an announcement is that is being heard, by what its members are connected to."""
        self._live: dict[str, LivePage] = {}
        """Those that are being spoken just now, likewise."""

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Pages."""
        return {number: f"pages.{number}" for number in self._pages}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """The service calls the members; what is being spoken during a reload is heard after it as well."""
        self._service, lasting = service, service.lasting
        self._serial = lasting.setdefault("serial", self._serial)
        self._live = lasting.setdefault("live", self._live)
        self._said = lasting.setdefault("said", self._said)
        lasting["tell"] = self._tell  # whoever has it recorded, the members are called by the code of now
        for heard in self._said:
            service.after(LONGEST, self._forget, heard)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | Refuse | None:
        """Somebody pages, or a member has answered."""
        if attempt.user.startswith(HEARD):
            return self._to_hear(attempt.user) if _is_answered(attempt) else Refuse(404)
        page = self._pages.get(attempt.user) if attempt.local else None
        if page is None:
            return None
        caller, number = attempt.behalf, attempt.user
        welcome = caller.internal and (page.callers is None or caller.name in page.callers)
        if not welcome or attempt.parent is not None or _is_answered(attempt):
            return Refuse(403, "No page")
        if len(self._said) + len(self._live) >= AT_ONCE:
            return Refuse(486, "Too many pages")
        heard = f"{HEARD}{number}|{next(self._serial)}"
        take = self._take if page.recorded else self._speak
        return Talk(lambda talk: take(talk, heard, page, caller), room=heard)

    def _to_hear(self, heard: str) -> Talk | Refuse:
        """What a member hears, while there is something."""
        if heard in self._live:
            return Talk(self._live[heard].hear, room=heard)
        return Talk(_hearing(self._file(heard))) if heard in self._said else Refuse(404)

    async def _speak(self, talk: Conversation, heard: str, page: Page, caller: Party) -> None:
        """Have it heard as it is spoken."""
        self._live[heard] = live = LivePage(talk, page.seconds, page.ring_seconds)
        try:
            await live.speak(self._call(heard, page, caller))
        finally:
            del self._live[heard]

    async def _take(self, talk: Conversation, heard: str, page: Page, caller: Party) -> None:
        """Record what is said; who hangs up has said it."""
        self._said[heard] = TemporaryDirectory(prefix="b2bua-page-")
        try:
            await talk.play(TONE)
            await talk.record(self._file(heard), page.seconds, keys="#")
        except Gone:
            pass  # that is how most people end
        finally:
            self._service.lasting["tell"](heard, page, caller)

    def _file(self, heard: str) -> str:
        """The file of an announcement."""
        return f"{self._said[heard].name}/said.wav"

    def _call(self, heard: str, page: Page, caller: Party) -> list[Origination]:
        """Call all members that may be called now."""
        shown = page.name or heard.split("|")[1]
        return [
            self._service.originate(name, heard, by=caller, shown=shown, ring_seconds=page.ring_seconds)
            for name in page.members
            if name != caller.name and self._is_free(name)
        ]

    def _tell(self, heard: str, page: Page, caller: Party) -> None:
        """Call the members, if anything was said; when all must have heard it, it is forgotten."""
        if Path(self._file(heard)).exists():
            self._call(heard, page, caller)
        self._service.after(page.ring_seconds + page.seconds + SPARE, self._forget, heard)

    def _forget(self, heard: str) -> None:
        """Nobody hears it any more."""
        if heard in self._said:  # not twice, before and after a reload
            self._said.pop(heard).cleanup()

    def _is_free(self, name: str) -> bool:
        """May a member be called now?"""
        service = self._service
        return service.is_registered(name) and not service.calls(name) and service.unavailable(name) is None

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Ask the phone of a member to answer by itself; nobody else says what makes it do so."""
        page = self._pages.get(attempt.call.dialled.removeprefix(HEARD).partition("|")[0])
        if page is not None and (attempt.call.dialled in self._said or attempt.call.dialled in self._live):
            ask(draft, page.alert_info)
        elif "Answer-Mode" not in dict(draft.fields):  # no intercom, which may have the same words
            draft.fields = [
                (name, value)
                for name, value in draft.fields
                if name != "Alert-Info" or not says(value, self._words)
            ]


def _is_answered(attempt: Attempt) -> bool:
    """Has who is to be connected been answered already: called by us, or handed on?"""
    return attempt.leg is not None and attempt.leg.answered


def _hearing(said: str) -> Callable[[Conversation], Coroutine[Any, Any, None]]:
    """What a member hears."""

    async def script(talk: Conversation) -> None:
        await talk.play(TONE, said)

    return script
