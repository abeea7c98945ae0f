"""
Random worlds in which phones watch each other (see L{b2bua.testing.chance}).

When all is calm every lamp shows the truth: what the server knows of calls.
That no version and no CSeq number goes back is seen by the phones themselves.

    python -m tests.simulation.lamps --seeds 1000
"""

from __future__ import annotations

import sys
from collections import Counter

from b2bua.testing.chance import Play, main
from b2bua.testing.watching import Watching
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.busy_lamps import BusyLamps
from b2bua_plugins.replaces import Replaces
from tests.ladders.lamps import dialogs, shown

FEATURES = (BusyLamps, AttendedTransfer, BlindTransfer, Replaces)
PATIENCE = 200.0
"""Seconds within which a phone is told again that did not answer: 32 for the last attempt, 60 of pause."""


class LampPlay(Play):
    """A world whose phones watch each other."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw the world, and who watches whom."""
        super().__init__(seed, FEATURES)
        for phone in self.phones:
            for name in self.names:
                if name != phone.name and self.random.random() < 0.7:
                    phone.watch(name)

    def agree(self) -> None:
        """Insist that the lamps show the truth, when all is calm."""
        super().agree()
        watched = [
            subscription
            for phone in self.phones
            if not phone.gone and phone.registered
            for subscription in phone.subscriptions
            if subscription.live
        ]
        if not self.world.clock.run_until(lambda: not any(map(self.wrong, watched)), PATIENCE):
            found = next(filter(None, map(self.wrong, watched)))
            raise self.world.failure(found)

    def wrong(self, watching: Watching) -> str:
        """What is wrong with a lamp; empty if it is right."""
        if not watching.live:
            return ""
        name = watching.to.partition(":")[2].partition("@")[0]
        served = self.world.served
        assert served is not None
        legs = [
            leg
            for call in served.server.core.calls.going.values()
            for leg in call.legs
            if leg.party.name == name
        ]
        found = dialogs(watching.body) if watching.body else []
        if not legs:
            bound = served.server.directory.is_registered(name)
            wanted, seen = ("idle" if bound else "unregistered"), shown(watching.body)
        else:
            wanted = str(Counter("confirmed" if leg.answered else "open" for leg in legs))
            seen = str(Counter("confirmed" if one["state"] == "confirmed" else "open" for one in found))
        return "" if wanted == seen else f"{watching.phone.name} sees {name} as {seen}, not {wanted}"


if __name__ == "__main__":
    sys.exit(main(kind=LampPlay, prog="python -m tests.simulation.lamps"))
