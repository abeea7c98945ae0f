"""
Agents: callers wait in a queue, and ring agents who are logged in and free.

    [queues.610]
    name = "Support"
    members = ["101", "102", "103"]     # extensions
    strategy = "least_recent"           # or all, fewest, round_robin, order
    ring_seconds = 15                   # each agent
    rest_seconds = 10                   # who has not answered is left alone that long
    wrap_up_seconds = 20                # and that long after a call
    seconds = 300                       # longest wait; without it, without end
    length = 20                         # most who wait
    otherwise = "100"                   # where those go who have waited too long, and all with no agent there
    first = ["+49301*"]                 # these callers come before others
    logged_in = true                    # are agents logged in until they log out?
    position_seconds = 30               # how often callers hear which number they are; 0 for never
    prompt = "leave.wav"                # and this after it: "to leave a message, press 1"
    keys = { "1" = "97102" }            # where who waits goes by a key
    language = "en"                     # or "de": of the position

Agents log in with C{*451}, out with C{*452}, and pause with C{*453} until they
log in again; the number of a queue behind the code means that queue only.
That, and the figures, are kept over restarts.  Who is in a call, rings, is not
registered or wants no calls is not free; forwards of agents do not count.

Callers are answered, and hear music, if there is any, until an agent takes them.  C{b2bua queues}
and C{b2bua agents 610} show how it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints

from b2bua import Elsewhere, File, NotConfigured, Options, Seconds, Service, Table, Target, Timer, hookimpl
from b2bua.calls import Confirm, Diverted, Forward, Lamp, PickUp, Refuse, Wait, unplayable
from b2bua_plugins._agents import AgentBook
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Attempt, CallState, Origination, Party, PartyState, Waiting

OVERFLOW = "overflow|"
"""Before the number of a queue: what is dialled for who has waited too long."""
CODES = {"agent_in": "*451", "agent_out": "*452", "agent_pause": "*453"}
SPOKEN = {"agent_in": "Logged in", "agent_out": "Logged out", "agent_pause": "Paused"}
STATES = {"agent_in": "in", "agent_out": "out", "agent_pause": "paused"}


class Queue(Table):
    """C{[queues.NUMBER]}: who waits how long for whom."""

    name: Annotated[str, StringConstraints(max_length=64)] = ""
    members: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    strategy: Literal["all", "least_recent", "fewest", "round_robin", "order"] = "all"
    ring_seconds: Seconds = 15.0
    rest_seconds: Seconds = 10.0
    wrap_up_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    seconds: Seconds | None = None
    length: Annotated[int, Field(ge=1, le=1000)] = 20
    otherwise: Elsewhere = ""
    first: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    logged_in: bool = True
    position_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    prompt: File | None = None
    keys: Mapping[Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")], Target] = {}
    language: Literal["en", "de"] = "en"


@dataclass(eq=False, slots=True)
class Offer:
    """A caller for whom agents are rung."""

    queue: str
    call: str
    leg: str
    rings: dict[str, Origination] = field(default_factory=dict)
    """The calls that ring agents."""
    taken: str = ""
    """The agent who has answered."""


class Agents:
    """Brings callers and agents together."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table for each queue."""
        return {"queues.*": Queue}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """In, out, and a pause."""
        return CODES

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """How queues and agents are."""
        return {"queues": self.queues, "agents": self.agents}

    @hookimpl
    def b2bua_figures(self) -> Mapping[str, Callable[[], Mapping[str, float]]]:
        """How each queue is, and what has become of its callers."""
        kinds = {
            "queue_waiting": "waiting",
            "queue_longest_wait_seconds": "longest",
            "queue_agents": "agents",
            "queue_callers_total": "callers",
            "queue_answered_total": "answered",
            "queue_sent_on_total": "sent on",
        }
        return {name: partial(self._figure, key) for name, key in kinds.items()}

    def _figure(self, key: str) -> dict[str, float]:
        """One column of C{b2bua queues}."""
        return {row["queue"]: float(row[key]) for row in self.queues()}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the queues."""
        self._now = options.now
        self._queues = {number: options.of(Queue, number) for [number] in options.names(Queue)}
        if not self._queues:
            raise NotConfigured("no [queues.NUMBER] table")
        for number, queue in self._queues.items():
            for name in queue.members:
                if name not in options.extensions:
                    raise ValueError(f"[queues.{number}] members: there is no extension {name}")
            if queue.prompt is not None and (why := unplayable(queue.prompt)):
                raise ValueError(f"[queues.{number}] prompt: {why}")
        self._timer: Timer | None = None
        """When an agent has rested for whom somebody waits."""
        self._offers: dict[str, Offer] = {}
        """Of each leg that waits and for which somebody rings."""
        self._talks: dict[str, tuple[str, str]] = {}
        """The queue and the agent of calls that agents have taken."""
        self._due = False
        self._ways_out: dict[str, str] = {}
        """Where those who wait have wanted to go, by their legs."""
        self._at: dict[str, set[str]] = {}
        """The queues in which somebody of a call waits."""

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Queues."""
        return {number: f"queues.{number}" for number in self._queues}

    @hookimpl
    def service_started(self, service: Service) -> None:
        """After a reload, or a restart, there may be callers and calls of agents already."""
        self._service = service
        self._book = AgentBook(service, self._now)
        lasting = service.lasting  # agents who were rung before a reload may answer after it
        self._offers = lasting.setdefault("offers", self._offers)
        self._talks = lasting.setdefault("talks", self._talks)
        self._talks.update(self._book.taken())
        lasting["serve"] = self._soon
        service.after(0, self._go_on)

    def _go_on(self) -> None:
        """What went on is there again by now: forget calls that have ended meanwhile, and serve."""
        for call, (number, agent) in list(self._talks.items()):
            if number not in self._queues or not _is_in(self._service.call(call), agent):
                self._forget(call)
        for number in self._book.queues() - self._queues.keys():
            for state, _ in self._service.waiting(number):
                self._service.hang_up(state.id)  # nobody would ever come
        self._serve()

    # ---- callers --------------------------------------------------------

    @hookimpl
    def route_call(self, attempt: Attempt) -> Wait | PickUp | Forward | Refuse | None:
        """A caller comes, has waited too long, or an agent has answered."""
        number = attempt.user.removeprefix(OVERFLOW)
        queue = self._queues.get(number) if attempt.local else None
        if queue is None:
            return None
        if attempt.user != number:
            waited = attempt.leg is not None and attempt.leg.answered
            if attempt.leg is not None and (way := self._ways_out.pop(attempt.leg.id, "")):
                return Forward(way, Diverted.DEFLECTED, granted=True)
            return self._overflow(number, queue, Diverted.NO_ANSWER, 480) if waited else Refuse(404)
        for offer in self._offers.values():
            if offer.queue == number and _is_answer(attempt, offer):
                return self._take(offer, attempt.caller.name)
        if not any(self._state(number, name) != "out" for name in queue.members):
            return self._overflow(number, queue, Diverted.UNREACHABLE, 480)
        before = len(self._service.waiting(number))
        if before >= queue.length:
            return self._overflow(number, queue, Diverted.BUSY, 486)
        self._book.count(number, "callers")
        self._soon()
        text = f"{queue.name or number}: {before} before you" if before else queue.name or number
        script = partial(self._entertain, number) if queue.position_seconds or queue.keys else None
        return Wait(number, queue.seconds, OVERFLOW + number, text, script)

    async def _entertain(self, number: str, talk: Waiting) -> None:
        """Play music to a caller who waits, say which number they are, and let them go elsewhere by a key."""
        queue, keys = self._queues[number], "".join(self._queues[number].keys)
        key = ""
        while not key:
            key = await talk.music(queue.position_seconds or None, until=keys)
            ahead = [party.leg for _, party in self._in_order(number)]
            if not key and talk.leg.id in ahead:
                place = ahead.index(talk.leg.id) + 1
                said = [
                    sound(queue.language, name) for name in ("position", str(place) if place < 10 else "more")
                ]
                said += [str(queue.prompt)] if queue.prompt is not None else []
                key = await talk.play(*said, until=keys)
        self._ways_out[talk.leg.id] = queue.keys[key]

    def _overflow(self, number: str, queue: Queue, why: Diverted, code: int) -> Forward | Refuse:
        """Send somebody on whom the queue does not take, or no longer keeps."""
        self._book.count(number, "sent on")
        return Forward(queue.otherwise, why, granted=True) if queue.otherwise else Refuse(code)

    def _in_order(self, number: str) -> list[tuple[CallState, PartyState]]:
        """Who waits, those first whom the operator wants first."""
        first = self._queues[number].first
        found = self._service.waiting(number)
        return sorted(found, key=lambda one: not any(fnmatchcase(one[1].number, f) for f in first))

    # ---- bringing them together -----------------------------------------

    def _soon(self) -> None:
        """Serve when the present step is over, once."""
        if not self._due:
            self._due = True
            self._service.after(0, self._serve)

    def _serve(self) -> None:
        """Ring agents for everybody who waits and for whom nobody rings yet."""
        self._due = False
        for number, queue in self._queues.items():
            for call, party in self._in_order(number):
                if party.leg in self._offers:
                    continue
                chosen = self._chosen(number, queue)
                if not chosen:
                    self._serve_after_rest(queue)
                    break
                offer = self._offers[party.leg] = Offer(number, call.id, party.leg)
                name = " ".join(dict.fromkeys(filter(None, (party.display, party.number))))
                for agent in chosen:
                    self._book.rings(number, agent)
                    offer.rings[agent] = self._service.originate(
                        agent,
                        number,
                        shown=f"{queue.name or number}: {name}",
                        ring_seconds=queue.ring_seconds,
                    )
                    self._service.after(0, self._ring, offer, agent, offer.rings[agent])

    def _serve_after_rest(self, queue: Queue) -> None:
        """Somebody waits, and no agent is free: look again when the first of them has rested."""
        rests = [rest for name in queue.members if (rest := self._book.rest_of(name))]
        if rests and (self._timer is None or not self._timer.active):
            self._timer = self._service.after(min(rests) + 0.1, self._serve)

    def _chosen(self, number: str, queue: Queue) -> list[str]:
        """Whom to ring next, of those who are free."""
        free = [name for name in queue.members if self._is_free(number, name)]
        if queue.strategy == "all" or not free:
            return free
        if queue.strategy == "round_robin" and (last := self._book.turn(number)) in queue.members:
            turn = queue.members.index(last) + 1
            free.sort(key=lambda name: (queue.members.index(name) - turn) % len(queue.members))
        elif queue.strategy in ("least_recent", "fewest"):
            key = "last" if queue.strategy == "least_recent" else "calls"
            free.sort(key=lambda name: float(self._book.of(number, name)[key]))
        return free[:1]

    def _is_free(self, number: str, name: str) -> bool:
        """Can an agent be rung now?"""
        return (
            self._state(number, name) == "in"
            and not self._book.rest_of(name)
            and not any(name in offer.rings for offer in self._offers.values())
            and not self._service.calls(name)
            and self._service.is_registered(name)
            and self._service.unavailable(name) is None
        )

    def _take(self, offer: Offer, agent: str) -> PickUp | Refuse:
        """An agent has answered, and no other one needs to ring."""
        if offer.taken:
            return Refuse(480, "Taken by another agent")
        offer.taken = agent
        for name, ring in list(offer.rings.items()):
            if name != agent:
                ring.cancel()
        return PickUp(offer.call, offer.leg)

    async def _ring(self, offer: Offer, agent: str, ring: Origination) -> None:
        """Wait until an agent talks to the caller, or does not."""
        outcome = await ring
        queue = self._queues[offer.queue]
        del offer.rings[agent]
        if outcome is None:
            self._talks[ring.id] = offer.queue, agent
            self._book.takes(offer.queue, agent, ring.id)
        elif not offer.taken and outcome.code != 487:
            self._book.rests(agent, queue.rest_seconds)
        if not offer.rings:
            self._offers.pop(offer.leg, None)
        self._service.lasting["serve"]()  # by the settings of now

    def _forget(self, call: str) -> tuple[str, str]:
        """An agent has left a call of a queue."""
        self._book.leaves(call)
        return self._talks.pop(call)

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """A caller has left, an agent is free again: look who is to be rung."""
        for offer in list(self._offers.values()):
            gone = offer.call == state.id and not any(
                one.leg == offer.leg and one.waits_at == offer.queue for one in state.parties
            )
            if gone and not offer.taken:
                offer.taken = "nobody"
                for ring in offer.rings.values():
                    ring.cancel()
        if state.id in self._talks and not _is_in(state, self._talks[state.id][1]):
            number, agent = self._forget(state.id)
            if number in self._queues and self._queues[number].wrap_up_seconds:
                self._book.rests(agent, self._queues[number].wrap_up_seconds)
        queues = {party.waits_at for party in state.parties} & self._queues.keys()
        for number in sorted(queues ^ self._at.pop(state.id, set())):
            self._service.changed("dialog", number)
        if queues:
            self._at[state.id] = queues
        self._soon()

    @hookimpl
    def lamp_shown(self, number: str) -> Lamp | None:
        """A queue rings while somebody waits."""
        if number not in self._queues:
            return None
        waiting = len(self._service.waiting(number))
        return Lamp("ringing", f"{waiting} waiting") if waiting else Lamp("idle")

    # ---- agents ---------------------------------------------------------

    def _state(self, number: str, name: str) -> str:
        """How an agent is in a queue: in, out or paused."""
        usual = "in" if self._queues[number].logged_in else "out"
        return str(self._book.of(number, name).get("state", usual))

    @hookimpl
    def contact_registered(self) -> None:
        """An agent's phone is there again."""
        self._soon()

    @hookimpl
    def code_shown(self, name: str, argument: str, watcher: Party) -> Lamp | None:
        """A key that logs an agent in, out or off is lit while they are so, in any of their queues."""
        numbers = [n for n, queue in self._queues.items() if watcher.name in queue.members]
        states = [self._state(n, watcher.name) for n in numbers if argument in ("", n)]
        return Lamp("busy" if STATES[name] in states else "idle") if states else None

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Confirm | Refuse:
        """An agent comes, goes, or has a pause."""
        own = attempt.caller.name
        numbers = [n for n, queue in self._queues.items() if own in queue.members and argument in ("", n)]
        if not numbers:
            return Refuse(403, "No agent of such a queue")
        for number in numbers:
            self._book.sets(number, own, STATES[name])
        self._soon()
        self._service.changed("dialog", None)
        return Confirm(f"{SPOKEN[name]}: {', '.join(self._queues[n].name or n for n in numbers)}")

    # ---- figures --------------------------------------------------------

    def queues(self) -> list[dict[str, Any]]:
        """Show each queue: who waits, the longest wait in seconds, agents logged in, and what was so far."""
        found = []
        for number, queue in self._queues.items():
            waiting = self._service.waiting(number)
            since = [party.since for _, party in waiting if party.since is not None]
            found.append(
                {
                    "queue": number,
                    "waiting": len(waiting),
                    "longest": round(self._now().timestamp() - min(since)) if since else 0,
                    "agents": sum(self._state(number, name) == "in" for name in queue.members),
                    **self._book.figures(number),
                }
            )
        return found

    def agents(self, queue: str) -> list[dict[str, Any]]:
        """Show the agents of a queue."""
        if queue not in self._queues:
            raise ValueError(f"there is no queue {queue}; there is {', '.join(self._queues)}")
        return [
            {
                "agent": name,
                "state": self._state(queue, name),
                "free": self._is_free(queue, name),
                "calls": self._book.of(queue, name)["calls"],
            }
            for name in self._queues[queue].members
        ]


def _is_in(call: CallState | None, agent: str) -> bool:
    """Is an agent in a call?"""
    return call is not None and any(one.kind == "extension" and one.name == agent for one in call.parties)


def _is_answer(attempt: Attempt, offer: Offer) -> bool:
    """Has an agent answered whom we ring for this caller?"""
    ring = offer.rings.get(attempt.caller.name)
    return (
        ring is not None and attempt.leg is not None and attempt.leg.answered and attempt.call.id == ring.id
    )
