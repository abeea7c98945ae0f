"""
Random worlds in which phones watch each other (see L{b2bua.testing.chance}).

They watch extensions and orbits, one by one and by lists, as lamps and as
presence; they hold, park, pick up, and want no calls; two of them share a line.  When all is
calm every lamp shows the truth: what the server knows of calls.  That no version
and no CSeq number goes back is seen by the phones themselves.

    python -m tests.simulation.lamps --seeds 1000
    python -m tests.simulation.lamps --crashed --seeds 1000   # and the server crashes
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from b2bua.calls import CallState, Phase
from b2bua.calls.state import state_of
from b2bua.testing.chance import Play, main
from b2bua.testing.deeds import answer, dial, hold
from b2bua.testing.phone import Phone
from b2bua.testing.watching import Watching
from b2bua.wire.multipart import parse_multipart
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.busy_lamps import BusyLamps
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.park import Park
from b2bua_plugins.pickup import Pickup
from b2bua_plugins.replaces import Replaces
from b2bua_plugins.shared_lines import SharedLines
from tests.ladders.lamps import dialogs, shown
from tests.simulation.crashes import CrashPlay
from tests.simulation.transfers import attended, blind, pick_up

FEATURES = (
    BusyLamps,
    AttendedTransfer,
    BlindTransfer,
    Pickup,
    Replaces,
    DoNotDisturb,
    Park,
    SharedLines,
)
PATIENCE = 200.0
"""Seconds within which a phone is told again that did not answer: 32 for the last attempt, 60 of pause."""
SOON = 3.0
"""Seconds within which it is told in a good network, though phones come and go."""
WRITTEN = 1.0
"""Seconds from a SUBSCRIBE until what it began is in the store."""
ORBIT, LIST, LINE = "701", "office", "bob"
APPEARANCES = 3
HOST = "<sip:pbx.example.com>"
STATES = {Phase.HOLDING: "held", Phase.CALLING: "open", Phase.RINGING: "open"}


class LampPlay(Play):
    """A world whose phones watch each other."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw the world, and who watches whom."""
        super().__init__(seed, FEATURES)
        random = self.random
        # A line has a second phone now and then.
        if random.random() < 0.5:
            manners = self.manners()
            self.phones += self.world.phones(LINE, manners=manners, transport=self.transport())
        for phone in self.phones:
            for name in (*self.names, ORBIT):
                if name != phone.name and random.random() < 0.6:
                    phone.watch(name)
            if random.random() < 0.3:
                phone.watch(LIST, fields=[("Supported", "eventlist")])
            if random.random() < 0.3:
                phone.watch(random.choice(self.names), "presence")
            if phone.name == LINE:
                phone.watch(LINE, "call-info")
        self.deeds += [
            *(blind, attended, pick_up, code, code, take_at_line, take_at_line, seize, hold_privately),
            *(watch_more, unwatch, reboot, *[look] * 12, *[dial] * 8, *[answer] * 4, *[hold] * 3),
        ]

    def settings(self) -> dict[str, Any]:
        """A list of everybody, an orbit, and a line."""
        return {
            "lamp_lists": {LIST: {"members": ["alice", "bob", "carol", ORBIT]}},
            "park": {"orbits": ORBIT, "seconds": 15, "ring_seconds": 4},
            "shared_lines": {LINE: {"appearances": APPEARANCES}},
        }

    def agree(self) -> None:
        """Insist that the lamps show the truth, when all is calm."""
        super().agree()
        self.look(PATIENCE)

    def look(self, within: float) -> None:
        """Insist that the lamps show the truth before long."""
        watched = [
            subscription
            for phone in self.phones
            if not phone.gone and phone.registered
            for subscription in phone.subscriptions
            if subscription.live and not self.lost(subscription)
        ]
        if not self.world.clock.run_until(lambda: not any(map(self.wrong, watched)), within):
            found = next(filter(None, map(self.wrong, watched)))
            raise self.world.failure(found)

    def lost(self, watching: Watching) -> bool:
        """Has the server forgotten it?  The phone finds out when it refreshes it (481)."""
        return False

    # What is so

    def calls(self) -> list[CallState]:
        """All calls that go on."""
        assert self.world.served is not None
        return [state_of(call) for call in self.world.served.server.core.calls.going.values()]

    def truth(self, name: str) -> str:
        """How something is, in the words of L{seen}."""
        served = self.world.served
        assert served is not None
        calls = self.calls()
        if name == ORBIT:
            taken = any(party.waits_at == ORBIT for call in calls for party in call.parties)
            return "talking" if taken else "idle"
        parties = [
            STATES.get(party.phase, "confirmed")
            for call in calls
            for party in call.parties
            if party.kind == "extension" and party.name == name
        ]
        if parties:
            return str(sorted(Counter(parties).items()))
        if served.features.setting(f"extensions.{name}.do_not_disturb").value:  # type: ignore[union-attr]  # it is there
            return "do-not-disturb"
        return "idle" if served.server.directory.is_registered(name) else "unregistered"

    def appearances(self) -> Counter[str]:
        """How the calls of the line are shown, at most."""
        found: Counter[str] = Counter()
        for call in self.calls():
            phases = [(party.phase, party.incoming) for party in call.parties if party.name == LINE]
            if any(phase is Phase.HOLDING for phase, _ in phases):
                found["held"] += 1
            elif any(phase not in (Phase.CALLING, Phase.RINGING) for phase, _ in phases):
                found["active"] += 1
            elif phases:
                found["progressing" if any(incoming for _, incoming in phases) else "alerting"] += 1
        return found

    # What is shown

    def wrong(self, watching: Watching) -> str:
        """What is wrong with what a phone shows; empty if it is right."""
        if not watching.live:
            return ""
        if not watching.notified:
            return f"{watching.phone.name} was told nothing of {watching.to}"
        for name, seen, wanted in self.compared(watching):
            if seen != wanted:
                return f"{watching.phone.name} sees {name} as {seen}, not {wanted} ({watching.event})"
        return ""

    def compared(self, watching: Watching) -> Iterator[tuple[str, object, object]]:
        """Each thing that a phone shows, with what it shows and what is so."""
        name = watching.to.partition(":")[2].partition("@")[0]
        if watching.event == "call-info":
            yield from self._line(watching)
        elif watching.event == "presence":
            calls = self.truth(name).startswith("[")
            yield name, b"on-the-phone" in watching.body, calls
        elif name == LIST:
            content = parse_multipart(watching.notified[-1].request.get("Content-Type") or "", watching.body)
            bodies = [part.body for part in content.parts if b"<dialog-info" in part.body]
            for body in bodies:
                member = body.partition(b'entity="sip:')[2].partition(b"@")[0].decode()
                yield member, seen(member, body), self.truth(member)
            yield name, len(bodies), 4
        elif watching.event == "dialog":
            yield name, seen(name, watching.body), self.truth(name)

    def _line(self, watching: Watching) -> Iterator[tuple[str, object, object]]:
        """The appearances of the line: one for each call, as long as there are enough."""
        values = watching.notified[-1].request.all("Call-Info")[:-1]
        parts = [dict(part.split("=", 1) for part in value.split(";")[1:3]) for value in values]
        indices = [part["appearance-index"] for part in parts]
        states = Counter(part["appearance-state"].removesuffix("-private") for part in parts)
        yield "one owner", len(indices), len(set(indices))
        there, served = self.appearances(), self.world.served
        assert served is not None
        there["seized"] = sum(one.package == "line-seize" and one.active for one in served.server.notifier)
        yield "more than there is", states - there, Counter()


class CrashedLamps(LampPlay, CrashPlay):
    """The same, and the server crashes: the watchers find their lamps right when it is back."""

    def lost(self, watching: Watching) -> bool:
        """What was begun just before a crash may not have been written down."""
        served = self.world.served
        assert served is not None
        known = {(one.dialog.call_id, one.dialog.local_tag) for one in served.server.notifier}
        if (watching.call_id, watching.remote_tag) in known:
            return False
        assert watching.asked is not None
        return any(0 <= crash - watching.asked < WRITTEN for crash in self.crashes)


def seen(name: str, body: bytes) -> str:
    """What a document says of something."""
    found = dialogs(body)
    words = [
        "held" if "local-held" in one else "confirmed" if one["state"] == "confirmed" else "open"
        for one in found
        if one["state"] != "terminated" and one["id"] not in ("do-not-disturb", "unregistered")
    ]
    if name == ORBIT or not words:
        return shown(body)
    return str(sorted(Counter(words).items()))


# ---- what happens besides -------------------------------------------------------


def code(scene: Play) -> None:
    """Dial something that features know: pick up, park, take, want no calls."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice([f"**{scene.random.choice(scene.names)}", ORBIT, ORBIT, "*78", "*79"]))


def _of_the_line(scene: Play) -> Phone | None:
    found = [phone for phone in scene.phones if phone.name == LINE and not phone.gone and len(phone.live) < 4]
    return scene.random.choice(found) if found else None


def take_at_line(scene: Play) -> None:
    """Press a key of the line: an appearance is dialled with, or taken from hold."""
    phone = _of_the_line(scene)
    if phone is not None:
        index = scene.random.randint(1, APPEARANCES)
        to = scene.random.choice([*scene.names, LINE, LINE])
        phone.dial(to, fields=[("Call-Info", f"{HOST};appearance-index={index}")])


def seize(scene: Play) -> None:
    """Have an appearance for oneself, and dial with it or not."""
    phone = _of_the_line(scene)
    if phone is not None:
        info = ("Call-Info", f"{HOST};appearance-index={scene.random.randint(1, APPEARANCES)}")
        watching = phone.watch(LINE, "line-seize", expires=15, fields=[info])
        watching.refreshes = False
        if scene.random.random() < 0.5:
            phone.later(0.5, lambda: phone.dial(scene.random.choice(scene.names), fields=[info]))


def hold_privately(scene: Play) -> None:
    """Hold so that no other phone of the line may take it."""
    session = scene.session("up")
    if session is not None and not session.busy:
        info = ("Call-Info", f"{HOST};appearance-index=1;appearance-state=held-private")
        session.reinvite("sendonly", fields=[info])


def look(scene: Any) -> None:
    """Whatever goes on: in a good network lamps show it at once."""
    crashed = isinstance(scene, CrashPlay) and scene.crashes
    if not scene.faults and not crashed and not any(phone.gone for phone in scene.phones):
        scene.look(SOON)


def watch_more(scene: Play) -> None:
    """Watch one more."""
    phone = scene.phone()
    if phone is not None and len(phone.subscriptions) < 12:
        phone.watch(scene.random.choice([*scene.names, ORBIT]), scene.random.choice(["dialog", "presence"]))


def unwatch(scene: Play) -> None:
    """Watch one less."""
    phone = scene.phone()
    if phone is not None and phone.subscriptions:
        scene.random.choice(phone.subscriptions).unsubscribe()


def reboot(scene: Play) -> None:
    """Know nothing any more of what was watched, and watch it anew."""
    phone = scene.phone()
    if phone is not None and phone.registered and scene.random.random() < 0.3:
        wanted = [one.to for one in phone.subscriptions if one.event == "dialog" and not one.fields]
        phone.forget_subscriptions()
        for to in wanted:
            phone.watch(to)


if __name__ == "__main__":
    crashed = {"crashed": CrashedLamps}
    sys.exit(main(kind=LampPlay, prog="python -m tests.simulation.lamps", others=crashed))
