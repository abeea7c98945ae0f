"""
What was decided of a call, as a tree: a node for each target that was sought.

The features of a simulated server are watched from outside (L{Watched}), so
that nothing in the way of a call has to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.defer import Deferred

from b2bua.calls.records.story import in_short
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.face import Attempt
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.verdicts import Outcome
    from b2bua.features import Features


ELSEWHERE = "asks somewhere else; nothing was answered in time"
"""What is told of a feature whose answer would come from outside of the simulated world."""


class Value(BaseModel):
    """What an answer is made of; it can be written as JSON."""

    model_config = ConfigDict(extra="forbid")


class Decision(Value):
    """A feature was asked and had an answer."""

    at: float
    hook: str
    feature: str
    said: str
    """Its answer, in short."""
    settings: list[str] = []
    """The tables of the configuration that make it say so."""


class Ring(Value):
    """An INVITE to a place where the target is."""

    at: float
    until: float | None = None
    where: str
    """C{extension 102} or C{trunk carrier}."""
    number: str
    """What the carrier is told to call, or the user part of the phone."""
    sees: str
    """Who calls, as it is shown there."""


class Node(Value):
    """A target that was sought, and what became of it."""

    at: float
    target: str
    """As it was dialled: a number or a URI."""
    number: str
    """The number in it."""
    decisions: list[Decision] = []
    rings: list[Ring] = []
    outcome: str = ""
    """How it failed; empty if it was answered, or another target was first."""
    outcome_at: float | None = None
    answered: bool = False
    settings: list[str] = []
    """What in the configuration decided it where no feature did: a route, a permission."""
    targets: list[Node] = Field(default=[])
    """Where it was sent on to, and the members of a group."""

    def every(self) -> Iterator[Node]:
        """This node and those below it."""
        yield self
        for below in self.targets:
            yield from below.every()


class Tree:
    """Grows while a call is played."""

    def __init__(self, now: Callable[[], float], written: Callable[[str, str], list[str]]) -> None:
        """
        Begin with nothing.

        @param now: seconds since the call began.
        @param written: the tables of a feature that stand in the configuration,
            its own and those of one name.
        """
        self.now = now
        self._written = written
        self.roots: list[Node] = []
        self._nodes: dict[int, tuple[Attempt, Node]] = {}

    def node(self, attempt: Attempt) -> Node:
        """The node of an attempt, which is made if there is none."""
        known = self._nodes.get(id(attempt))
        if known is not None:
            return known[1]
        node = Node(at=self.now(), target=attempt.target, number=attempt.user)
        self._nodes[id(attempt)] = attempt, node
        above = self.roots if attempt.parent is None else self.node(attempt.parent).targets
        above.append(node)
        return node

    def decided(self, attempt: Attempt, hook: str, feature: str, said: str) -> None:
        """A feature has answered a question about an attempt, or has failed to."""
        settings = self._written(feature, attempt.user)
        self.node(attempt).decisions.append(
            Decision(at=self.now(), hook=hook, feature=feature, said=said, settings=settings)
        )

    def rings(self, attempt: Attempt, draft: InvitationDraft, where: str) -> None:
        """An INVITE leaves."""
        private = draft.from_uri.startswith("sip:anonymous@")
        caller = "anonymous" if private else Uri.parse(draft.from_uri).user_unescaped
        nameless = draft.from_display in ("", "Anonymous", caller)
        sees = caller if nameless else f"{draft.from_display} <{caller}>"
        number = Uri.parse(draft.to_uri).user_unescaped
        self.node(attempt).rings.append(Ring(at=self.now(), where=where, number=number, sees=sees))

    def failed(self, attempt: Attempt, outcome: Outcome) -> None:
        """A target is not to be had."""
        node = self.node(attempt)
        if not node.outcome:
            words = outcome.kind.replace("_", " ")
            same = outcome.reason.casefold() == words
            status = f"{outcome.code}{'' if same else ' ' + outcome.reason}"
            node.outcome = words if same and outcome.local else f"{words} ({status})"
            node.outcome_at = self.now()

    def every(self) -> Iterator[Node]:
        """All nodes."""
        for root in self.roots:
            yield from root.every()

    def conclude(self, records: Iterable[CallRecord], since: Callable[[float], float]) -> None:
        """
        The calls are over: say until when each place rang, as their records have it.

        @param since: gives the second of the tree for a time of day.
        """
        legs = [leg for record in records for leg in record.legs]
        answers = {leg.answered for leg in legs}
        waiting = [(ring, node) for node in self.every() for ring in node.rings]
        for leg in legs:
            found = next((one for one in waiting if one[0].where == leg.party and not leg.incoming), None)
            end = leg.ended if leg.answered is None else leg.answered
            if found is None or end is None:
                continue
            waiting.remove(found)
            ring, node = found
            ring.until = since(end)
            if end not in answers and not node.outcome:
                node.outcome, node.outcome_at = "no answer", ring.until


class Watched:
    """The features of a server, whose answers grow a tree."""

    def __init__(self, features: Features, tree: Tree, where: Callable[[Attempt, str], str]) -> None:
        """
        Stand before the features.

        @param where: names the place that an INVITE goes to.
        """
        self._features = features
        self._tree = tree
        self._where = where

    edits_invitation = True

    def __getattr__(self, name: str) -> Any:
        """All that is not watched is asked of the features themselves."""
        return getattr(self._features, name)

    def ask_route(self, attempt: Attempt) -> Any:
        """Where does this attempt go?"""
        self._tree.node(attempt)
        return self._watch("route_call", attempt, lambda: self._features.ask_route(attempt))

    def ask_failed(self, attempt: Attempt, outcome: Outcome) -> Any:
        """What now that it has failed?"""
        self._tree.failed(attempt, outcome)
        return self._watch("target_failed", attempt, lambda: self._features.ask_failed(attempt, outcome))

    def edit_invitation(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Let the features edit what an INVITE will say, and note what it says then."""
        if self._features.edits_invitation:
            self._features.edit_invitation(attempt, draft)
        self._tree.rings(attempt, draft, self._where(attempt, draft.to_uri))

    def _watch(self, hook: str, attempt: Attempt, ask: Callable[[], Any]) -> Any:
        """Ask, and note who had an answer, or failed, when that is known."""
        before = len(attempt.call.story.entries())
        answer = ask()
        if isinstance(answer, Deferred):
            return answer.addCallback(lambda value: self._note(hook, attempt, before, value))
        return self._note(hook, attempt, before, answer)

    def _note(self, hook: str, attempt: Attempt, before: int, answer: Any) -> Any:
        """Note what the call has just been told by its features."""
        told = [entry for entry in attempt.call.story.entries()[before:] if entry.hook == hook]
        for entry in told:
            if entry.error:
                late = entry.error.startswith("TooLate")
                said = ELSEWHERE if late else f"failed: {entry.error}"
                self._tree.decided(attempt, hook, entry.feature, said)
        if answer is not None:
            feature = told[-1].feature if told else "feature code"
            self._tree.decided(attempt, hook, feature, in_short(answer))
        return answer
