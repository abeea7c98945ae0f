"""
What happens, told to programs elsewhere: signed requests of ours, in order, at least once.

Events wait in the store until a program has taken them, so that neither its
fault nor a crash of ours loses one.  One request at a time goes to each; it
carries all that waits, and is sent again, later each time, until it is taken
or given up.  What was given up is a dead letter: it can be looked at and sent
once more.  Head and signature are those of Standard Webhooks 1.0, so that
receivers find a library that checks them.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from b2bua.admin.refused import Unknown
from b2bua.admin.values import DeadLetter, Removed, SentAgain, WebhookRow
from b2bua.settings.outward import Webhook, key_of

if TYPE_CHECKING:
    from b2bua.admin.events import Events
    from b2bua.admin.values import Event
    from b2bua.clock import IClock, ITimer
    from b2bua.store.journal import Journal
    from b2bua.store.ports import Setting

TABLE = "b2bua.webhooks"
"""Where letters lie among the settings; no feature can have that name."""
TOGETHER = 100
"""So many events go in one request at most."""
ATTEMPTS = 10
"""So often a request is sent, until it is given up: after a quarter of an hour."""
LONGEST = 300.0
"""Seconds between two attempts at most; it begins with one, and doubles."""
WAITING = 10_000
"""So many events wait for one program; then the oldest are given up."""
DEAD = 1_000
"""So many dead letters of one program are kept; then the oldest are forgotten."""
GONE = 410
"""The status that says that nobody is there any more (RFC 9110 section 15.5.11)."""

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Sends a body to a URL with header fields, and gives the status; it fails if there is none."""


@dataclass(slots=True)
class Letter:
    """An event for one program."""

    id: int
    body: str
    at: float
    why: str = ""
    """Why it was given up; empty while it waits."""


@dataclass(slots=True)
class Hook:
    """One program that is told."""

    name: str
    table: Webhook
    waiting: OrderedDict[int, Letter] = field(default_factory=OrderedDict)
    dead: OrderedDict[int, Letter] = field(default_factory=OrderedDict)
    sending: tuple[Letter, ...] = ()
    """What the request has that is sent now, or again."""
    attempts: int = 0
    why: str = ""
    """Why the last attempt failed; empty after one that did not."""
    since: float | None = None
    """Since when they fail, by the time of day."""
    timer: ITimer | None = None
    busy: bool = False
    """Is a request on its way?"""
    asked: Deferred[Any] | None = None

    def wants(self, event: Event) -> bool:
        """Is it told of this?"""
        table = self.table
        return (not table.kinds or event.kind in table.kinds) and (
            not table.extensions or not set(table.extensions).isdisjoint(event.extensions)
        )


class Webhooks:
    """All of them: one reader of the stream of events."""

    log = Logger()

    def __init__(self, events: Events, journal: Journal, clock: IClock, post: Post) -> None:
        """Tell nobody yet."""
        self._events = events
        self._journal = journal
        self._clock = clock
        self._post = post
        self._hooks: dict[str, Hook] = {}
        self._stopped = False

    # ---- who is told ----------------------------------------------------

    def configure(self, tables: Mapping[str, Webhook]) -> None:
        """Tell these from now on; what waits for others is given up."""
        for name in set(self._hooks) - set(tables):
            hook = self._hooks.pop(name)
            self._silence(hook)
            for letter in (*hook.waiting.values(), *hook.dead.values()):
                self._journal.setting("", TABLE, _key(name, letter.id), None)
        for name, table in tables.items():
            self._hooks.setdefault(name, Hook(name, table)).table = table
        self._events.end(self)
        if self._hooks:
            self._events.begin(self)

    def restore(self, rows: Iterable[Setting]) -> None:
        """Take what was not delivered when the process before ended."""
        for row in sorted((row for row in rows if row.table == TABLE), key=lambda row: row.key):
            name, _, number = row.key.rpartition("/")
            hook, value = self._hooks.get(name), row.value
            if hook is None or not isinstance(value, dict):
                self._journal.setting("", TABLE, row.key, None)
                continue
            letter = Letter(int(number), str(value["body"]), float(value["at"]), str(value["why"]))
            (hook.dead if letter.why else hook.waiting)[letter.id] = letter
        for hook in self._hooks.values():
            self._soon(hook, 0.0)

    def stop(self) -> None:
        """Tell nobody any more; what waits is kept for the next start."""
        self._stopped = True
        for hook in self._hooks.values():
            self._silence(hook)

    def _silence(self, hook: Hook) -> None:
        """Send nothing more to one."""
        if hook.timer is not None:
            hook.timer.stop()
            hook.timer = None
        if hook.asked is not None and hook.busy:
            hook.asked.cancel()

    # ---- what is told ---------------------------------------------------

    def hear(self, event: Event) -> None:
        """Something has happened."""
        for hook in self._hooks.values():
            if hook.wants(event):
                self._put(hook, Letter(event.id, event.json_line.decode(), event.at))
                self._soon(hook, 0.0)

    def _put(self, hook: Hook, letter: Letter) -> None:
        """Have a letter wait."""
        hook.waiting[letter.id] = letter
        self._keep(hook, letter)
        if len(hook.waiting) > WAITING:
            sent = {one.id for one in hook.sending}
            self._bury(
                hook, [next(one for one in hook.waiting.values() if one.id not in sent)], "too many wait"
            )

    def _keep(self, hook: Hook, letter: Letter) -> None:
        """Write a letter down."""
        value = {"body": letter.body, "at": letter.at, "why": letter.why}
        self._journal.setting("", TABLE, _key(hook.name, letter.id), value)

    def _soon(self, hook: Hook, seconds: float) -> None:
        """Send what waits, unless something is being sent or is to be sent."""
        if hook.timer is None and not hook.busy and hook.waiting and not self._stopped:
            hook.timer = self._clock.start(seconds, lambda: self._send(hook))

    def _send(self, hook: Hook) -> None:
        """Send a request: the one that failed, or all that waits by now."""
        hook.timer = None
        if not hook.sending:
            hook.sending, hook.attempts = tuple(islice(hook.waiting.values(), TOGETHER)), 0
        if not hook.sending:
            return
        hook.attempts += 1
        body = f'{{"events":[{",".join(letter.body for letter in hook.sending)}]}}'.encode()
        id = f"{hook.sending[0].id}-{hook.sending[-1].id}"
        fields = head(hook.table.secret, id, int(self._clock.wall()), body)
        hook.busy = True
        hook.asked = ensureDeferred(self._asked(hook, fields, body))
        hook.asked.addErrback(lambda failure: self.log.failure("a webhook is broken", failure))

    async def _asked(self, hook: Hook, fields: Mapping[str, str], body: bytes) -> None:
        """Hear what comes of it."""
        try:
            status = await self._post(hook.table.url, fields, body)
            why = "" if 200 <= status < 300 else f"it answered {status}"
        except Exception as error:  # noqa: BLE001  # whatever keeps a program elsewhere from being reached
            status, why = 0, str(error) or type(error).__name__
        hook.busy = False
        if self._stopped or self._hooks.get(hook.name) is not hook:
            return
        if why:
            self._failed(hook, why, status)
        else:
            self._delivered(hook)

    def _delivered(self, hook: Hook) -> None:
        """It has been taken."""
        if hook.why:
            self.log.info("the webhook {name} takes events again", name=hook.name)
        hook.why, hook.since = "", None
        for letter in hook.sending:
            hook.waiting.pop(letter.id, None)
            self._journal.setting("", TABLE, _key(hook.name, letter.id), None)
        hook.sending = ()
        self._soon(hook, 0.0)

    def _failed(self, hook: Hook, why: str, status: int) -> None:
        """It has not: try again later, or give it up."""
        if not hook.why:
            hook.since = self._clock.wall()
            self.log.warn("the webhook {name} fails: {why}", name=hook.name, why=why)
        hook.why = why
        if hook.attempts >= ATTEMPTS or status == GONE:
            self._bury(hook, hook.sending, why)
            hook.sending = ()
            self._soon(hook, LONGEST)
        else:
            self._soon(hook, min(LONGEST, 2.0 ** (hook.attempts - 1)))

    def _bury(self, hook: Hook, letters: Iterable[Letter], why: str) -> None:
        """Give letters up; they can be looked at."""
        for letter in letters:
            hook.waiting.pop(letter.id, None)
            letter.why = why
            hook.dead[letter.id] = letter
            self._keep(hook, letter)
            if len(hook.dead) > DEAD:
                oldest, _ = hook.dead.popitem(last=False)
                self._journal.setting("", TABLE, _key(hook.name, oldest), None)

    # ---- what people ask ------------------------------------------------

    def problems(self) -> list[str]:
        """What somebody has to look after."""
        found = [f"the webhook {hook.name} fails: {hook.why}" for hook in self._hooks.values() if hook.why]
        found += [
            f"the webhook {hook.name} has events that could not be delivered ({len(hook.dead)}); "
            "send them again, or remove them"
            for hook in self._hooks.values()
            if hook.dead and not hook.why
        ]
        return found

    def webhooks(self) -> list[WebhookRow]:
        """The programs that are told what happens, and how that goes."""
        return [
            WebhookRow(
                name=hook.name,
                url=hook.table.url,
                kinds=list(hook.table.kinds),
                extensions=list(hook.table.extensions),
                waiting=len(hook.waiting),
                dead=len(hook.dead),
                failing=hook.why,
                since=hook.since,
            )
            for hook in self._hooks.values()
        ]

    def dead(self, name: str) -> list[DeadLetter]:
        """The events that one could not be told, the oldest first."""
        return [
            DeadLetter(id=letter.id, at=letter.at, why=letter.why, event=letter.body)
            for letter in self._hook(name).dead.values()
        ]

    def again(self, name: str) -> SentAgain:
        """Send the dead letters of one once more, after what waits."""
        hook = self._hook(name)
        letters, hook.dead = list(hook.dead.values()), OrderedDict()
        for letter in letters:
            letter.why = ""
            self._put(hook, letter)
        self._soon(hook, 0.0)
        return SentAgain(name=name, events=len(letters))

    def forget(self, name: str) -> Removed:
        """Remove the dead letters of one."""
        hook = self._hook(name)
        for number in hook.dead:
            self._journal.setting("", TABLE, _key(name, number), None)
        removed = len(hook.dead)
        hook.dead.clear()
        return Removed(removed=removed)

    def _hook(self, name: str) -> Hook:
        """
        One of them.

        @raise Unknown: if there is no such one.
        """
        if name not in self._hooks:
            raise Unknown(f"there is no webhook {name}")
        return self._hooks[name]


def head(secret: str, id: str, at: int, body: bytes) -> dict[str, str]:
    """The header fields of a request; what is signed is id, time and body (Standard Webhooks 1.0)."""
    signed = hmac.digest(key_of(secret), f"{id}.{at}.".encode() + body, "sha256")
    return {
        "Content-Type": "application/json",
        "Webhook-Id": id,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": f"v1,{b64encode(signed).decode()}",
    }


def _key(name: str, id: int) -> str:
    """Where a letter lies."""
    return f"{name}/{id:016}"
