"""The typed face that the core sees of all features together."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from b2bua.calls.records.story import Story
from b2bua.features.codes import Code, Codes
from b2bua.features.dispatch import Dispatch
from b2bua.hookspecs import CONTRACT, FACE, HOOKS

if TYPE_CHECKING:
    from b2bua.calls.decisions import Decisions
    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.face import Attempt, Call, Leg
    from b2bua.calls.shown import Lamp, Messages
    from b2bua.calls.verdicts import Announcement, FailureVerdict, Outcome, RouteVerdict, Waits
    from b2bua.legs.party import Party
else:
    Decisions = object  # the methods are made below


class HookRelay(Decisions):
    """One method for each hook: those that do more than ask or tell stand here, the others are made below."""

    def __init__(self, dispatch: Dispatch, codes: Codes) -> None:
        """Ask by C{dispatch}, and the owners of C{codes} about those."""
        self.codes = codes
        self._dispatch = dispatch
        self._impls = dispatch.impls
        active = [plugin for plugin in dispatch.plugins if not plugin.out]
        self.fields: frozenset[str] = frozenset().union(*(plugin.fields for plugin in active))
        """The header fields of INVITEs that features want to see."""
        self.methods: frozenset[str] = frozenset().union(*(plugin.methods for plugin in active))
        """The methods outside of dialogs that features answer."""
        self.heard: frozenset[str] = frozenset()
        """The news that any feature hears."""
        self.hears_changes = False
        """Does any feature want to know how each call is whenever that changes?"""
        self.plays_music = False
        """Has any feature music for those who wait?"""
        self.announces = False
        """Has any feature words for callers?"""
        self.edits_invitation = False
        """Does any feature edit INVITEs?"""
        dispatch.arranged = self._arranged
        self._arranged()

    def _arranged(self) -> None:
        """Look at once what is asked often."""
        self.heard = frozenset(hook for hook, kind in HOOKS.items() if kind == "news" and self._impls[hook])
        self.hears_changes = "call_changed" in self.heard
        self.plays_music = bool(self._impls["music_wanted"])
        self.announces = bool(self._impls["announcement_wanted"])
        self.edits_invitation = bool(self._impls["invitation_leaving"])

    # ---- questions ------------------------------------------------------

    def is_code(self, user: str) -> bool:
        """Would a phone of ours that dials this talk to a feature?"""
        return self.codes.dialled(user) is not None

    def ask_route(self, attempt: Attempt) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Where does this attempt go?"""
        if self.codes.all and attempt.parent is None and attempt.behalf.internal and attempt.local:
            dialled = self.codes.dialled(attempt.user)
            if dialled is not None:
                # A transferor must not change the settings of whom it transfers.
                hook = "code_dialled" if attempt.behalf is attempt.caller else "code_referred"
                return self._ask_code(hook, attempt, *dialled)
        impls = self._impls["route_call"]
        return self._dispatch.ask("route_call", impls, attempt.call.story, (attempt,)) if impls else None

    def _ask_code(
        self, hook: str, attempt: Attempt, code: Code, argument: str
    ) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Ask the owner of a feature code, then, if it has nothing to say, everybody."""
        story = attempt.call.story
        owner = [impl for impl in self._impls[hook] if impl[0].name == code.feature]
        answer = self._dispatch.ask(hook, owner, story, (attempt, code.name, argument))
        everybody = self._impls["route_call"]
        verdict: RouteVerdict | Deferred[RouteVerdict | None] | None = _or_else(
            answer, lambda: self._dispatch.ask("route_call", everybody, story, (attempt,))
        )
        return verdict

    def ask_ring_seconds(self, attempt: Attempt) -> float | Deferred[float | None] | None:
        """How long may it ring?  That is asked in every call, so by the shortest way."""
        impls = self._impls["ring_seconds"]
        return self._dispatch.ask("ring_seconds", impls, attempt.call.story, (attempt,)) if impls else None

    def ask_failed(
        self, attempt: Attempt, outcome: Outcome
    ) -> FailureVerdict | Deferred[FailureVerdict | None] | None:
        """What now that it has failed?  Who has answered for this attempt before is not asked again."""
        impls = self._impls["target_failed"]
        if attempt.decided:
            impls = tuple(impl for impl in impls if impl[0].name not in attempt.decided)
        if not impls:
            return None
        verdict: FailureVerdict | Deferred[FailureVerdict | None] | None = self._dispatch.ask(
            "target_failed", impls, attempt.call.story, (attempt, outcome), attempt.was_decided_by
        )
        return verdict

    def edit_invitation(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Let all of them edit what an INVITE will say."""
        impls = self._impls["invitation_leaving"]
        self._dispatch.edit("invitation_leaving", impls, attempt.call.story, attempt, draft)

    def ask_unavailable(self, extension: str) -> str | None:
        """Why does an extension take no calls?  Who takes their time over it is not waited for."""
        impls = self._impls["extension_unavailable"]
        said: str | None = _at_once(self._dispatch.ask("extension_unavailable", impls, None, (extension,)))
        return said

    def ask_music(self, call: Call, leg: Leg, waits: Waits) -> str | None:
        """What does a party hear that is about to wait?"""
        impls = self._impls["music_wanted"]
        said: str | None = _at_once(self._dispatch.ask("music_wanted", impls, call.story, (call, leg, waits)))
        return said

    def ask_announcement(self, call: Call, leg: Leg, code: int, text: str) -> Announcement | None:
        """What is said to a caller who is refused, or has dialled a feature code?"""
        impls = self._impls["announcement_wanted"]
        said: Announcement | None = _at_once(
            self._dispatch.ask("announcement_wanted", impls, call.story, (call, leg, code, text))
        )
        return said

    def ask_lamp(self, number: str, watcher: Party) -> Lamp | None:
        """How is a number shown that is no extension?  A code is for its owner to say."""
        known = self.codes.dialled(number)
        if known is None:
            impls = self._impls["lamp_shown"]
            lamp: Lamp | None = _at_once(self._dispatch.ask("lamp_shown", impls, None, (number, watcher)))
            return lamp
        code, argument = known
        owner = [impl for impl in self._impls["code_shown"] if impl[0].name == code.feature]
        lamp = _at_once(self._dispatch.ask("code_shown", owner, None, (code.name, argument, watcher)))
        return lamp

    def ask_messages(self, account: str) -> Messages | None:
        """How many messages wait for somebody?"""
        impls = self._impls["messages_waiting"]
        said: Messages | None = _at_once(self._dispatch.ask("messages_waiting", impls, None, (account,)))
        return said


def _at_once(answer: Any) -> Any:
    """An answer that is there now; who takes their time has none."""
    return None if isinstance(answer, Deferred) else answer


def _story_of_leg(leg: Any) -> Story | None:
    """The story of the call to which a leg belongs, if it belongs to one."""
    return None if leg.call is None else leg.call.story


_STORIES: dict[str, Callable[[Any], Story | None]] = {
    "call": attrgetter("story"),
    "attempt": attrgetter("call.story"),
    "leg": _story_of_leg,
}


def _story_of(hook: str) -> Callable[[Any], Story | None]:
    """What gives the story of the call that a hook is about, by its first value; few are about none."""
    about = next(iter(signature(CONTRACT[hook]).parameters))
    return _STORIES.get(about, lambda _: None)


def _asking(hook: str) -> Callable[..., Any]:
    """The method by which a question is put."""
    story_of = _story_of(hook)

    def ask(self: HookRelay, *values: Any) -> Any:
        impls = self._impls[hook]
        return self._dispatch.ask(hook, impls, story_of(values[0]), values) if impls else None

    return ask


def _telling(hook: str) -> Callable[..., Any]:
    """The method by which news are told; where nobody listens it costs next to nothing."""
    story_of = _story_of(hook)

    def tell(self: HookRelay, *values: Any) -> None:
        if impls := self._impls[hook]:
            self._dispatch.tell(hook, impls, story_of(values[0]), values)

    return tell


_MADE = {"question": _asking, "news": _telling}

for _hook, _name in FACE.items():
    if _name not in vars(HookRelay):
        setattr(HookRelay, _name, _MADE[HOOKS[_hook]](_hook))


def _or_else(answer: Any, otherwise: Callable[[], Any]) -> Any:
    """An answer, or what else there is if it is none; a Deferred only if one of them is."""
    if isinstance(answer, Deferred):
        return answer.addCallback(lambda value: otherwise() if value is None else value)
    return otherwise() if answer is None else answer
