"""
One try to reach one dialled target.

The features are asked where the target is.  With no opinion of theirs the
directory says to which contacts an INVITE goes; with a L{Dial} or a L{Forward}
further attempts are made below this one.  So forwards, ring groups and
find-me compose: each is a tree of attempts, and a parent sees of its child no
more than that it rings, was won, or failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from b2bua.calls.diversion import told_in
from b2bua.calls.identity import Unseen
from b2bua.calls.outcomes import LOOPED, NO_ANSWER, NOT_JOINED, TOO_FAR, UNREACHABLE, outcome_of
from b2bua.calls.routing.fork import Fork
from b2bua.calls.routing.group import Group, Through
from b2bua.calls.routing.permission import permission, redirected
from b2bua.calls.verdicts import (
    Confirm,
    Dial,
    Diverted,
    FailureVerdict,
    Forward,
    Member,
    Outcome,
    PickUp,
    Redirect,
    Refuse,
    RouteVerdict,
    Talk,
    Wait,
)
from b2bua.legs.words import Answered, Fields, Progress, Ringing
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls.path import Path
    from b2bua.calls.protocol import LiveCall
    from b2bua.calls.routing.seeking import LiveAttempt, Seeker
    from b2bua.calls.routing.template import InviteTemplate
    from b2bua.clock import ITimer
    from b2bua.legs.header_policy import SeenFields
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

ELSEWHERE: Fields = (("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),)
"""What the losers of a fork are told, lest they show a missed call (RFC 3326 section 3.1)."""

NOBODY: frozenset[str] = frozenset()
"""The features that have decided of a target that has not failed yet."""


class Attempt:
    """One try to reach one dialled target, and all that grew out of it."""

    __slots__ = (
        "__weakref__",
        "_children",
        "_deadline",
        "_fork",
        "_group",
        "_moved",
        "_over",
        "alert_info",
        "alone",
        "behalf",
        "call",
        "confirm",
        "decided",
        "direct",
        "extension",
        "forwards",
        "parent",
        "path",
        "rang",
        "ring_seconds",
        "seeker",
        "target",
        "template",
        "trunks",
    )

    def __init__(
        self,
        call: LiveCall,
        seeker: Seeker,
        template: InviteTemplate,
        target: str,
        path: Path,
        behalf: Party,
        ring_seconds: float | None = None,
        forwards: bool = True,
        direct: bool = False,
        *,
        parent: Attempt | None = None,
    ) -> None:
        """
        Prepare; L{start} begins.

        What is to be reached is said as in L{Dialling<b2bua.calls.routing.template.Dialling>}.
        """
        self.call = call
        self.seeker = seeker
        self.template = template
        self.target = target
        self.behalf = behalf
        self.ring_seconds = ring_seconds
        self.forwards = forwards
        self.direct = direct
        directory = call.calls.directory
        self.extension: str | None = directory.extension(target)
        """The name of the target if it is one of our extensions."""
        self.path = path.through(self.extension or directory.key(target))
        self.parent = parent
        self.rang = False
        self.alone: bool = parent is None or parent.alone
        """Does nothing else ring for the same template, as the members of a group do?"""
        self.alert_info: str = "" if parent is None else parent.alert_info
        """How a forward wants it to ring, and what is below that forward."""
        self.confirm: tuple[str, ...] = () if parent is None else parent.confirm
        """What whoever answers hears, and is to press 1 for the call; empty where they get it at once."""
        self.trunks: tuple[str, ...] = ()
        """The trunks by which a feature wants the target to be reached; empty: those of its route."""
        self._fork: Fork | None = None
        """The legs that ring for this target itself."""
        self._children: tuple[Attempt, ...] = ()
        self._group: Group | None = None
        """What tries several targets instead, if there are."""
        self._deadline: ITimer | None = None
        self._over = False
        self._moved: Outcome | None = None
        """The 3xx that is being followed."""
        self.decided: frozenset[str] = NOBODY
        """The features that have said once what to do when it failed; they are not asked again."""

    # ---- what features see ----------------------------------------------

    @property
    def user(self) -> str:
        """The user part of the target, unescaped."""
        return self.call.calls.directory.user(self.target)

    @property
    def local(self) -> bool:
        """Is the target a number with us, rather than the URI of another domain?"""
        return self.call.calls.directory.key(self.target) == self.user

    @property
    def caller(self) -> Party:
        """Who is to be connected: the caller, or whom a transfer leaves over."""
        return self.template.who.party

    @property
    def leg(self) -> Leg | None:
        """The leg that is to be connected; None while a feature rings the first party of a call."""
        who = self.template.who
        return None if isinstance(who, Unseen) else who

    @property
    def caller_number(self) -> str:
        """The number that calls: an extension's own, or what a trunk says of it; empty if it is hidden."""
        identity = self.call.calls.identities.of(self.template.who)
        user = Uri.parse(identity.uri).telephone[0]
        return "" if user.lower() == "anonymous" else user  # RFC 3323 section 4.1.1.3

    @property
    def internal(self) -> bool:
        """Does one of our own extensions call?"""
        return self.template.who.party.internal

    @property
    def moved_by(self) -> Party | None:
        """Who has answered with the 3xx that is being followed."""
        return self._moved.by if self._moved is not None else None

    @property
    def fields(self) -> SeenFields:
        """The header fields of the caller's INVITE that features have asked for (C{b2bua_fields})."""
        return self.call.fields

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The legs that are being rung."""
        return () if self._fork is None else tuple(self._fork.legs)

    def every_leg(self) -> list[Leg]:
        """The legs that ring here and below."""
        return [*self.legs, *(leg for child in self._children for leg in child.every_leg())]

    def _rings_already(self) -> bool:
        """Does the same target ring by another way, as a member of a group and by somebody's forward?"""
        root, own = self, self.path.visited[-1]
        while root.parent is not None:
            root = root.parent
        return any(one._fork is not None and one.path.visited[-1] == own for one in root._all())

    def _all(self) -> Iterator[Attempt]:
        """This attempt and those below it."""
        yield self
        for child in self._children:
            yield from child._all()

    def move(self, call: LiveCall, template: InviteTemplate) -> None:
        """Go on in another call, for another template; what rings goes on ringing."""
        template.breadth = self.template.breadth
        self.call = call
        self.template = template
        if self._fork is not None:
            self._fork.move(call)
        for child in self._children:
            child.move(call, template)

    # ---- where to -------------------------------------------------------

    def start(self) -> None:
        """Ask where the target is, and go there."""
        if self.ring_seconds is not None:
            self.limit(self.ring_seconds)
        if self.path.exhausted:
            self._give_up(LOOPED)
        elif self.template.max_forwards < 0:
            self._give_up(TOO_FAR)
        elif self.direct:
            self._reach()
        else:
            verdict = self.call.features.ask_route(self)
            if verdict is not None and isinstance(verdict, Deferred):
                self.call.calls.when(verdict, self._routed, self.call.abandon)
            else:
                self._routed(verdict)

    def limit(self, seconds: float) -> None:
        """Give all of it that long from now on, forwards included."""
        if self._deadline is not None:
            self._deadline.stop()
        self._deadline = self.call.calls.later(seconds, self._late)

    def _late(self) -> None:
        """The time is over, unless somebody is just being asked whether they take the call."""
        if self.asking:
            self._deadline = self.call.calls.later(1.0, self._late)
        else:
            self._give_up(NO_ANSWER)

    @property
    def asking(self) -> bool:
        """Is somebody, here or below, asked whether they take the call?"""
        return (self._fork is not None and self._fork.asking) or any(one.asking for one in self._children)

    def _routed(self, verdict: RouteVerdict | None) -> None:
        """Do what a feature said, or what the directory says if none did."""
        if self._over:
            return
        match verdict:
            case _ if self.call.joins and not _is_conference(verdict):
                self._give_up(NOT_JOINED)
            case None:
                self._reach()
            case Confirm() | Wait() | PickUp() | Talk():
                self.call.joins = False
                self._end()
                self.seeker.instead(self, verdict)
            case _:
                self._obey(verdict)

    def _obey(self, verdict: FailureVerdict, instead: Outcome = LOOPED) -> None:
        """
        Carry out what a feature decided.

        @param instead: how the target has failed if the verdict leads in a circle.
        """
        match verdict:
            case Forward():
                self._forward(verdict, instead)
            case Dial():
                self._dial(verdict)
            case Refuse(code, reason):
                self._give_up(outcome_of(code, reason, rang=self.rang))
            case Redirect(targets, code):
                self._give_up(redirected(self, targets, code))

    def _reach(self) -> None:
        """Send an INVITE to every place where the target is, if it does not ring already."""
        if self.parent is not None and self._rings_already():
            self.call.story.note("{} rings already", self.target)
            self._give_up(LOOPED)
            return
        found = self.call.calls.directory.destinations(self)
        if type(found) is Outcome:
            self._fail(found)
            return
        self._fork = Fork(self, found)
        seconds = self.call.features.ask_ring_seconds(self)
        if seconds is not None and isinstance(seconds, Deferred):
            self.call.calls.when(seconds, self._limited, self.call.abandon)
        else:
            self._limited(seconds)
        self._fork.start()

    def _limited(self, seconds: float | None) -> None:
        """Give the target that long, or as long as the directory says."""
        if self._fork is not None and (seconds is not None or self.ring_seconds is None):
            self._fork.limit(seconds if seconds is not None else self.call.calls.directory.ring_seconds(self))

    # ---- further attempts -----------------------------------------------

    def _diverted(self, why: Diverted) -> Path | None:
        """The path after this target sends the call on; None if it has done so before."""
        directory = self.call.calls.directory
        own = self.path.visited[-1]
        if any(directory.key(one.by) == own for one in self.path.diversions):
            return None
        path = self.path
        if self._moved is not None and self._moved.by is not None:
            # Of itself a phone may say why it sends the call on; of others only who is believed.
            by = self._moved.by
            for one in told_in(self._moved.fields):
                if directory.key(one.by) == own:
                    why = one.why
                elif by.policy.trusted or not by.internal:
                    path = path.told(one)
        return path.diverted(directory.uri(self.target), why)

    def _forward(self, verdict: Forward, instead: Outcome) -> None:
        """Go on to another target, with the permission of this one."""
        self.call.story.note("{} forwards to {}: {}", self.target, verdict.to, verdict.why.value)
        path = self._diverted(verdict.why)
        if path is None or self.call.calls.directory.key(verdict.to) in path.visited:
            self.call.story.note("{} would go in a circle", self.target)
            # Not a 302 that would lead the caller on in the same circle.
            self._give_up(LOOPED if instead.kind == "moved" else instead)
            return
        self.seeker.diverted(self, verdict.why)
        self._release()
        behalf = permission(self, diverted=True, granted=verdict.granted)
        child = Attempt(self.call, Through(self), self.template, verdict.to, path, behalf, parent=self)
        child.alert_info = verdict.alert_info or self.alert_info
        self._children = (child,)
        child.start()

    def _dial(self, verdict: Dial) -> None:
        """Try several targets, side by side or one after the other."""
        self._release()
        if not verdict.members:
            self._give_up(UNREACHABLE)
            return
        self._group = Group(self, verdict)
        self._group.start()

    def try_member(self, member: Member, group: Group) -> None:
        """Try one of several targets; one that is this target itself just rings."""
        if self._over:
            return
        verdict = group.verdict
        key = self.call.calls.directory.key(member.target)
        itself = key == self.path.visited[-1]
        path: Path | None = self.path
        if verdict.why is not None and not itself:
            path = self._diverted(verdict.why)
        child = Attempt(
            self.call,
            group,
            self.template,
            member.target,
            path or self.path,
            permission(self, diverted=verdict.why is not None, granted=verdict.granted),
            member.ring_seconds,
            verdict.forwards,
            itself,
            parent=self,
        )
        child.alone = self.alone and group.alone
        child.trunks = verdict.trunks
        child.confirm = member.confirm or self.confirm
        self._children += (child,)
        if path is None or (key in self.path.visited and not itself):
            child._give_up(LOOPED)
            return
        if verdict.why is not None and not itself:
            self.seeker.diverted(self, verdict.why)
        child.start()

    # ---- what the fork says ---------------------------------------------

    def progressed(self, leg: Leg, word: Ringing | Progress) -> None:
        """A leg rings, or something else goes on before the answer."""
        if type(word) is Ringing and not self.rang:
            if "target_ringing" in self.call.features.heard:
                self.call.features.tell_target_ringing(self, leg)
            attempt: Attempt | None = self
            while attempt is not None:
                attempt.rang = True
                attempt = attempt.parent
        self.call.calls.tell_of(self.call)
        self.seeker.progress(self, leg, word)

    def answered(self, leg: Leg, word: Answered) -> None:
        """A leg has answered: all others are let go."""
        self._end(ELSEWHERE)
        self.seeker.won(self, leg, word)

    def unanswered(self, outcome: Outcome) -> None:
        """No leg is left."""
        self._fail(outcome)

    # ---- ends -----------------------------------------------------------

    def _fail(self, outcome: Outcome) -> None:
        """Ask what now, unless features have no say in this attempt."""
        self._release()
        self.call.story.note("{}: {} ({})", self.target, outcome.kind, outcome.code)
        if self.direct:
            self._give_up(outcome)
            return
        answer = self.call.features.ask_failed(self, outcome)
        self.call.calls.when(answer, lambda verdict: self._failed(outcome, verdict), self.call.abandon)

    def _failed(self, outcome: Outcome, verdict: FailureVerdict | None) -> None:
        """Go on elsewhere, or give up."""
        if self._over:
            return
        if verdict is None:
            # Where a phone points to is told to nobody unless a feature says so.
            self._give_up(UNREACHABLE if outcome.kind == "moved" else outcome)
        else:
            self._moved = outcome if outcome.kind == "moved" else None
            self._obey(verdict, outcome)

    def _give_up(self, outcome: Outcome) -> None:
        """Tell above that this target is not to be had."""
        if not self._over:
            self._end()
            self.seeker.failed(self, outcome)

    def cancel(self, fields: Fields = ()) -> None:
        """Stop all ringing; nobody wants the target any more."""
        if not self._over:
            self._end(fields)

    def _end(self, fields: Fields = ()) -> None:
        """Be over, with all that grew out of it."""
        self._over = True
        if self._deadline is not None:
            self._deadline.stop()
        self._release(fields)
        children, self._children = self._children, ()
        for child in children:
            child.cancel(fields)

    def _release(self, fields: Fields = ()) -> None:
        """Stop timers and legs of the present step."""
        if self._group is not None:
            self._group.stop()
            self._group = None
        if self._fork is not None:
            fork, self._fork = self._fork, None
            fork.cancel(fields)

    def was_decided_by(self, feature: str) -> None:
        """A feature has said what to do when it failed."""
        self.decided |= {feature}

    # ---- for the seekers below ------------------------------------------

    def child_won(self, child: LiveAttempt, leg: Leg, word: Answered) -> None:
        """A child was won: so are we."""
        if not self._over:
            self._children = tuple([one for one in self._children if one is not child])
            self._end(ELSEWHERE)
            self.seeker.won(self, leg, word)

    def group_failed(self, outcome: Outcome) -> None:
        """All members are out, and so are we."""
        if not self._over:
            self._fail(outcome)

    def child_gave_up(self, outcome: Outcome) -> None:
        """Where the call was forwarded to is not to be had, so neither are we."""
        self._give_up(outcome)


def _is_conference(verdict: RouteVerdict | None) -> bool:
    """Does it lead to a conference of ours?"""
    return isinstance(verdict, Talk) and verdict.focus is not None
