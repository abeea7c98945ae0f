"""
Paging: what somebody says is heard from many phones, which answer by themselves.

    [pages.650]
    name = "Warehouse"
    members = ["101", "102"]     # extensions
    callers = ["100"]            # who may page; by default every extension
    seconds = 30                 # the longest announcement
    ring_seconds = 15            # phones that do not answer by themselves ring that long

Who dials the number of a page hears a tone, speaks, and hangs up or presses C{#}.
Then all members are called at once and asked to answer by themselves; each
hears the tone and what was said, and is hung up.  Who is in a call, wants
no calls, or is not registered is left out, and so is who has paged.  Phones are asked
as C{[intercom]} does it.

What is said is recorded first, since the server mixes no voices; it needs one of its own
(C{[media]}).  It is kept nowhere.  Pages are no place for forwards, and
calls from outside do not reach them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints

from b2bua import NotConfigured, Options, Seconds, Service, Table, hookimpl
from b2bua.calls import Gone, Refuse, Talk
from b2bua_plugins._auto_answer import USUAL, AlertInfo, ask, asks, says
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Conversation, InvitationDraft, Party

HEARD = "page|"
"""Before the number of a page and that of an announcement: what members are connected to."""
AT_ONCE = 8
SPARE = 30.0
"""Seconds after which nobody hears an announcement any more who could have."""
TONE = sound("en", "tone")


class Page(Table):
    """C{[pages.NUMBER]}: who is heard where."""

    name: Annotated[str, StringConstraints(max_length=64)] = ""
    members: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    callers: tuple[str, ...] | None = None
    seconds: Seconds = 30.0
    ring_seconds: Seconds = 15.0
    alert_info: AlertInfo = USUAL


class Paging:
    """Records announcements and has them heard."""

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
        self._said: dict[str, str] = {}
        """Where an announcement is that is being heard, by what its members are connected to."""

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Pages."""
        return {number: f"pages.{number}" for number in self._pages}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """The service calls the members."""
        self._service = service

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | Refuse | None:
        """Somebody pages, or a member has answered."""
        if attempt.user.startswith(HEARD):
            said = self._said.get(attempt.user)
            return Refuse(404) if said is None or not _is_answered(attempt) else Talk(_hearing(said))
        page = self._pages.get(attempt.user) if attempt.local else None
        if page is None:
            return None
        caller, number = attempt.behalf, attempt.user
        welcome = caller.internal and (page.callers is None or caller.name in page.callers)
        if not welcome or attempt.parent is not None or _is_answered(attempt):
            return Refuse(403, "No page")
        if len(self._said) >= AT_ONCE:
            return Refuse(486, "Too many pages")
        return Talk(lambda talk: self._take(talk, number, page, caller))

    async def _take(self, talk: Conversation, number: str, page: Page, caller: Party) -> None:
        """Record what is said; who hangs up has said it."""
        directory = mkdtemp(prefix="b2bua-page-")
        said, heard = f"{directory}/said.wav", f"{HEARD}{number}|{next(self._serial)}"
        self._said[heard] = said
        try:
            await talk.play(TONE)
            await talk.record(said, page.seconds, keys="#")
        except Gone:
            pass  # that is how most people end
        finally:
            self._service.after(0, self._tell, heard, number, page, caller)

    def _tell(self, heard: str, number: str, page: Page, caller: Party) -> None:
        """Call all members, if anything was said; when all must have heard it, it is forgotten."""
        members = page.members if Path(self._said[heard]).exists() else ()
        for name in members:
            if name != caller.name and self._is_free(name):
                self._service.originate(
                    name, heard, by=caller, shown=page.name or number, ring_seconds=page.ring_seconds
                )
        self._service.after(page.ring_seconds + page.seconds + SPARE, self._forget, heard)

    def _forget(self, heard: str) -> None:
        """Nobody hears it any more."""
        rmtree(Path(self._said.pop(heard)).parent, ignore_errors=True)

    @hookimpl
    def service_stopping(self) -> None:
        """Leave no announcement behind."""
        for heard in list(self._said):
            self._forget(heard)

    def _is_free(self, name: str) -> bool:
        """May a member be called now?"""
        service = self._service
        return service.is_registered(name) and not service.calls(name) and service.unavailable(name) is None

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Ask the phone of a member to answer by itself; nobody else says what makes it do so."""
        page = self._pages.get(attempt.call.dialled.removeprefix(HEARD).partition("|")[0])
        if page is not None and attempt.call.dialled in self._said:
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
