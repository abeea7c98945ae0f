"""Asking, editing and telling: calls of hooks that cannot break the caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from math import floor
from types import CoroutineType
from typing import Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.calls.draft import InvitationDraft
from b2bua.calls.records.story import Story
from b2bua.calls.verdicts import Refuse
from b2bua.clock import IClock, ITimer
from b2bua.features.answers import wrong_answer, wrong_edit, wrong_refusal
from b2bua.features.per_function import parameters_of
from b2bua.features.plugin import Plugin
from b2bua.hookspecs import CONTRACT, HOOKS
from b2bua.subscriptions import Told
from b2bua.subscriptions.packages import PackageFailed

BUDGET = 5.0
"""Seconds within which a question must be answered."""
NEWS_BUDGET = 60.0
"""Seconds within which a coroutine that was told news must be done."""
TIMER_BUDGET = 7500.0
"""
The same for one that a timer has begun: it may begin a call, and wait until the two talk.

Both may ring for an hour, and decide for a minute about what is changed then.
"""
BLOCKS = 0.1
"""Seconds for which a hook may keep the whole server from doing anything else."""
BLOCKS_TOLD = 60.0
"""Seconds after which it is said again that one does."""
STRIKES_MAX = 5
"""So many failures within..."""
STRIKES_SECONDS = 60.0
"""...so many seconds set a feature aside."""

CONTAINED = (Exception, SystemExit)
"""What a feature may raise without harm to others; a KeyboardInterrupt is not its own."""


@implementer(IClock, ITimer)
class StoppedClock:
    """Where there is no clock, no time passes and no budget runs out."""

    moment = 0.0

    def now(self) -> float:
        """Say the one time there is."""
        return 0.0

    def start(self, seconds: float, call: Callable[[], None]) -> ITimer:
        """Never call back."""
        return self

    def wall(self) -> float:
        """Say that it is the first moment of 1970."""
        return 0.0

    def stop(self) -> None:
        """Have nothing to forget."""


HookImpl: TypeAlias = tuple[Plugin, Callable[..., Any]]
"""One feature's implementation of one hook: the plugin, and what is called."""


class TooLate(Exception):
    """A feature did not answer within its budget."""


class GivenUp(Exception):
    """A feature waited for something that it, or a library, has cancelled: a failure of its own."""


def impl_of(plugin: Plugin, hook: str, parameters: Sequence[str]) -> HookImpl:
    """An implementation that takes all parameters of its hook, whatever it takes itself."""
    function = getattr(plugin.thing, hook)
    own = [one.name for one in parameters_of(function) if one.default is one.empty]
    if own == parameters:  # others are its own affair, as in pluggy
        return plugin, function
    places = [parameters.index(name) for name in own]
    return plugin, lambda *values: function(*[values[place] for place in places])


class Dispatch:
    """Calls the hooks of plugins in their order, and keeps their failures to itself."""

    log = Logger()

    def __init__(self, plugins: Sequence[Plugin], timers: IClock, budget: float = BUDGET) -> None:
        """Take the plugins in the order in which they are asked."""
        self.budget = budget
        self.plugins = tuple(plugins)
        self.timers = timers
        self._strikes: dict[str, deque[float]] = {}
        self._logged: set[tuple[str, str, str]] = set()
        self._blocked: dict[tuple[str, str], float] = {}
        self._muted: set[tuple[str, str]] = set()
        self.arranged: Callable[[], None] = _nothing
        """Told when others have a say than before."""
        self.impls: dict[str, tuple[HookImpl, ...]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        """The names of those plugins, which the stories of all calls share."""
        self.arrange()

    def mute(self, plugin: Plugin, hook: str, muted: bool) -> None:
        """Have a plugin hear a kind of news no more for now, or again."""
        if muted:
            self._muted.add((plugin.name, hook))
        else:
            self._muted.discard((plugin.name, hook))
        self._arrange(hook)
        self.arranged()

    def arrange(self) -> None:
        """Note who has a say in each hook."""
        for hook, kind in HOOKS.items():
            if kind != "declaration":
                self._arrange(hook)
        self.arranged()

    def _arrange(self, hook: str) -> None:
        """Note who has a say in one of them."""
        parameters = [one.name for one in parameters_of(CONTRACT[hook])]
        self.impls[hook] = tuple(
            impl_of(plugin, hook, parameters)
            for plugin in self.plugins
            if not plugin.out and hook in plugin.hooks and (plugin.name, hook) not in self._muted
        )
        self._names[hook] = tuple(plugin.name for plugin, _ in self.impls[hook])

    def pretend(self, feature: str, answer: object) -> None:
        """Let one feature give this answer to where a dialled number leads, whatever it would say."""

        def call(attempt: Any) -> object:
            return answer if attempt.parent is None else None

        self.impls["route_call"] = tuple(
            (plugin, call if plugin.name == feature else own) for plugin, own in self.impls["route_call"]
        )

    # ---- questions ------------------------------------------------------

    def ask(
        self,
        hook: str,
        impls: Sequence[HookImpl],
        story: Story | None,
        values: tuple[Any, ...],
        decided: Callable[[str], object] | None = None,
    ) -> Any:
        """
        Ask one feature after the other until one has an answer.

        @param decided: told the name of the feature that has answered.
        @return: the answer, or L{None}; a Deferred of it only when a feature
            took its time.
        """
        now = self.timers.now
        began = now()
        took: list[int] = []
        silent = self._names[hook] if impls is self.impls[hook] else ()
        """All of them, while nobody has had an opinion: as mostly."""
        for index, (plugin, call) in enumerate(impls):
            try:
                answer = call(*values)
            except CONTAINED:
                self._had_no_opinion(hook, impls[:index], took, began, story)
                took, silent = [], ()
                self._failed(hook, plugin, _failure(), began, story)
                began = now()
                continue
            if answer is None:  # most features have nothing to say about most calls
                before, began = began, now()
                seconds = began - before
                if seconds >= BLOCKS:
                    self._tell_blocked(hook, plugin, seconds, story)
                took.append(floor(seconds * 1e6 + 0.5))
                continue
            self._had_no_opinion(hook, impls[:index], took, began, story)
            took, silent = [], ()
            if isinstance(answer, (Deferred, CoroutineType)):
                rest = impls[index + 1 :]
                # A coroutine runs until it waits for the first time.
                waiting = Deferred.fromCoroutine(
                    self._wait(hook, plugin, answer, began, rest, story, values, decided)
                )
                if now() - began >= BLOCKS:
                    self._tell_blocked(hook, plugin, now() - began, story)
                return waiting
            if now() - began >= BLOCKS:
                self._tell_blocked(hook, plugin, now() - began, story)
            if self._counts(hook, plugin, answer, began, story):
                if decided is not None:
                    decided(plugin.name)
                return answer
            began = now()
        if silent and story is not None:
            story.silent(began, hook, silent, tuple(took))
        else:
            self._had_no_opinion(hook, impls, took, began, story)
        return None

    def _had_no_opinion(
        self, hook: str, impls: Sequence[HookImpl], took: list[int], now: float, story: Story | None
    ) -> None:
        """Note that the last of them had nothing to say, and the microseconds that each took."""
        if took and story is not None:
            names = tuple([plugin.name for plugin, _ in impls[-len(took) :]])
            story.silent(now, hook, names, tuple(took))

    async def _wait(
        self,
        hook: str,
        plugin: Plugin,
        answer: Any,
        began: float,
        rest: Sequence[HookImpl],
        story: Story | None,
        values: tuple[Any, ...],
        decided: Callable[[str], object] | None,
    ) -> Any:
        """Wait for one feature's answer; without one, ask the others."""
        try:
            answer = await self.within(self.budget, answer)
        except CancelledError:
            raise  # whoever asked does not want to know any more
        except CONTAINED:
            self._failed(hook, plugin, _failure(), began, story)
        else:
            if self._counts(hook, plugin, answer, began, story):
                if decided is not None:
                    decided(plugin.name)
                return answer
        later = self.ask(hook, rest, story, values, decided)
        return await later if isinstance(later, Deferred) else later

    def within(self, seconds: float, answer: Awaitable[Any]) -> Deferred[Any]:
        """
        An answer, or the failure L{TooLate} or L{GivenUp}.

        Who answers late is cancelled; should it go on all the same, nobody hears it.
        """
        inner = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)  # type: ignore[arg-type]  # a coroutine, as ask has seen
        unwanted = False

        def cancel(_: object) -> None:
            nonlocal unwanted
            unwanted = True
            inner.cancel()

        outer: Deferred[Any] = Deferred(cancel)

        def late() -> None:
            if not outer.called:
                outer.errback(TooLate(f"no answer within {seconds:g} s"))
                inner.cancel()

        def done(result: Any) -> None:
            timer.stop()
            if isinstance(result, Failure) and result.check(CancelledError) and not unwanted:
                result = _failure(GivenUp("what it waited for was cancelled"))
            if not outer.called:
                outer.callback(result)

        timer = self.timers.start(seconds, late)
        inner.addBoth(done)
        return outer

    def _counts(self, hook: str, plugin: Plugin, answer: Any, began: float, story: Story | None) -> bool:
        """Is it an answer, and one that the core can carry out?"""
        now = self.timers.now()
        wrong = None if answer is None else wrong_answer(hook, answer)
        if wrong is not None:
            self._failed(hook, plugin, _failure(TypeError(wrong)), began, story)
            return False
        if story is not None:
            story.asked(now, hook, plugin.name, answer, now - began)
        return answer is not None

    # ---- edits ----------------------------------------------------------

    def edit(
        self, hook: str, impls: Sequence[HookImpl], story: Story | None, about: Any, draft: InvitationDraft
    ) -> None:
        """Let every feature edit a draft; who fails leaves no trace in it."""
        now = self.timers.now
        for plugin, call in impls:
            began = now()
            before = draft.kept()
            try:
                answer = call(about, draft)
                if answer is not None and isinstance(answer, (Deferred, CoroutineType)):
                    _drop(answer)
                    raise TypeError("an edit cannot take its time")
                if not draft.says(before) and (wrong := wrong_edit(draft, before)):
                    raise TypeError(wrong)
                if now() - began >= BLOCKS:
                    self._tell_blocked(hook, plugin, now() - began, story)
            except CONTAINED:
                draft.put_back(before)
                self._failed(hook, plugin, _failure(), began, story)

    # ---- news -----------------------------------------------------------

    def tell(
        self,
        hook: str,
        impls: Sequence[HookImpl],
        story: Story | None,
        values: tuple[Any, ...],
        budget: float = NEWS_BUDGET,
    ) -> None:
        """
        Tell every feature.

        @param budget: the seconds within which a coroutine must be done.
        """
        now = self.timers.now
        for plugin, call in impls:
            began = now()
            try:
                answer = call(*values)
            except CONTAINED:
                self._failed(hook, plugin, _failure(), began, story)
                continue
            if answer is not None and isinstance(answer, (Deferred, CoroutineType)):
                ending = self.within(budget, answer)
                ending.addErrback(partial(self._failed_later, hook, plugin, began, story))
            if now() - began >= BLOCKS:
                self._tell_blocked(hook, plugin, now() - began, story)

    def _failed_later(
        self, hook: str, plugin: Plugin, began: float, story: Story | None, failure: Failure
    ) -> None:
        """Note that somebody has failed who takes the time to deal with news."""
        self._failed(hook, plugin, failure, began, story)

    # ---- what is asked by another way than a hook ------------------------

    def contained(
        self,
        plugin: Plugin,
        where: str,
        call: Callable[..., Any],
        check: Callable[[object], str | None],
        *values: Any,
    ) -> Any:
        """
        Call something that a plugin has handed in.

        @param where: what it is, for the log.
        @param check: says what is wrong with an answer.
        @raise PackageFailed: if it raises, or has an answer that is none; that
            has been noted.
        """
        if plugin.out:
            raise PackageFailed(plugin.out)
        began = self.timers.now()
        try:
            answer = call(*values)
            if isinstance(answer, (Deferred, CoroutineType)):
                _drop(answer)
                raise TypeError("it cannot take its time")
            if wrong := check(answer):
                raise TypeError(wrong)
        except CONTAINED:
            self._failed(where, plugin, _failure(), began, None)
            raise PackageFailed(where) from None
        return answer

    # ---- failures -------------------------------------------------------

    def _tell_blocked(self, hook: str, plugin: Plugin, seconds: float, story: Story | None) -> None:
        """Name who kept the server from all other work, now and then."""
        now = self.timers.now()
        key = (plugin.name, hook)
        if now - self._blocked.get(key, -BLOCKS_TOLD) >= BLOCKS_TOLD:
            self._blocked[key] = now
            self.log.warn(
                "the plugin {plugin} blocked the server for {seconds:.1f} s at {hook}{where}; "
                "work that takes its time goes into a coroutine or a thread",
                plugin=plugin.name, hook=hook, seconds=seconds, where=_where(story),
            )  # fmt: skip

    def failed(self, what: str, plugin: Plugin) -> None:
        """Note the failure that is being handled, of something else than a hook."""
        self._failed(what, plugin, _failure(), self.timers.now(), None)

    def _failed(self, hook: str, plugin: Plugin, failure: Failure, began: float, story: Story | None) -> None:
        """Note a failure: in the story always, in the log once, and in the feature's own account."""
        now = self.timers.now()
        error = f"{failure.type.__name__}: {failure.getErrorMessage()}"[:200] if failure.type else "failed"
        if story is not None:
            story.asked(now, hook, plugin.name, None, now - began, error)
        known = (plugin.name, hook, failure.type.__name__ if failure.type else "")
        if known not in self._logged:
            self._logged.add(known)
            self.log.failure(
                "the plugin {plugin} failed at {hook}{where}: {error}",
                failure, plugin=plugin.name, hook=hook, where=_where(story), error=error,
            )  # fmt: skip
        strikes = self._strikes.setdefault(plugin.name, deque(maxlen=STRIKES_MAX))
        strikes.append(now)
        if len(strikes) == STRIKES_MAX and now - strikes[0] <= STRIKES_SECONDS and not plugin.out:
            plugin.out = f"set aside after {STRIKES_MAX} failures, the last one at {hook}: {error}"
            self.log.error("the plugin {plugin} is {why}", plugin=plugin.name, why=plugin.out)
            self.arrange()


class Contained:
    """One plugin, whose own functions are called as its hooks are."""

    __slots__ = ("_dispatch", "_plugin")

    def __init__(self, plugin: Plugin, dispatch: Dispatch) -> None:
        """Call C{plugin}."""
        self._plugin = plugin
        self._dispatch = dispatch

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self._plugin.name

    def listen(self, hook: str, wanted: bool) -> None:
        """
        Have it hear a kind of news, or not for now.

        @raise ValueError: if it is not the name of news.
        """
        if HOOKS.get(hook) != "news":
            raise ValueError(f"{hook} is no news")
        self._dispatch.mute(self._plugin, hook, not wanted)

    def call(self, do: Callable[..., object], values: tuple[object, ...]) -> None:
        """Call a function of it when its timer fires, unless it has been set aside."""
        if not self._plugin.out:
            self._dispatch.tell("timer", ((self._plugin, do),), None, values, TIMER_BUDGET)

    def judges(self, what: str, judge: Callable[[Told], Refuse | None]) -> Callable[[Told], Refuse | None]:
        """
        Have it take what it is told, or turn it down.

        @param what: what that is, for the log.
        @return: what raises L{PackageFailed} where the plugin fails.
        """
        return partial(self._dispatch.contained, self._plugin, what, judge, wrong_refusal)


def _nothing() -> None:
    """Where nobody wants to know who has a say."""


def _failure(error: BaseException | None = None) -> Failure:
    """A failure of what is being raised, or of C{error}."""
    failure: Failure = Failure(error)
    return failure


def _where(story: Story | None) -> str:
    """In which call something happened, for the log."""
    return f" in call {story.call}" if story is not None and story.call else ""


def _drop(answer: Any) -> None:
    """Let go of something that nobody waits for, without a complaint of the interpreter."""
    if isinstance(answer, Deferred):
        answer.addErrback(lambda failure: None)
    else:
        answer.close()
