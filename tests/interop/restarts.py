"""
Restarts without loss, under calls: none fails, no registration is lost, and the silence is short.

Calls ring for a second and are talked in for some; phones register all the
while, and somebody asks every 10 ms whether there is an answer::

    python -m tests.interop.restarts                        # twenty, under 30 calls/s; "make restarts"
    python -m tests.interop.restarts --restarts 3 --rate 10
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.interop.load import (
    BENCH,
    CALLEE,
    HOST,
    PHONES,
    Asking,
    Killable,
    Registering,
    Sipp,
    callee,
    caller,
    ended,
)

RINGS, TALKS = 1000, 4000
"""Milliseconds."""
UNSETTLED = 30
"""So often it is tried to restart, once a second, while calls of the process before are not settled."""
SHOWN = 5
"""Of so many calls that failed all messages are shown."""
SILENCE = 0.3
"""So many seconds there may be no answers."""


class Outcome(NamedTuple):
    """What came of it."""

    calls: int
    failed: int
    unhappy: str
    """What SIPp says of calls that failed, and all messages of the first of them."""
    registered: int
    """So many REGISTERs were answered."""
    lost: list[str]
    """Who was not registered any more, or could not register."""
    silences: list[float]
    """The longest silence of each restart, in seconds."""
    told: list[int]
    """The same as the service has it, in milliseconds."""

    def __str__(self) -> str:
        """For people."""
        longest = 1000 * max(self.silences, default=0.0)
        return (
            f"{self.calls} calls, {self.failed} failed; {self.registered} REGISTERs, {len(self.lost)} lost; "
            f"{len(self.told)} restarts, at most {longest:.0f} ms without answers "
            f"(as the service has it, {max(self.told, default=0)} ms)"
        )


def play(directory: Path, restarts: int, rate: int, pause: float = 4.0) -> Outcome:
    """
    Restart a service so many times.

    @param rate: calls a second.
    @param pause: seconds between two restarts.
    """
    service = Killable(directory)
    registering, asking = Registering(service.port), Asking(service.port)
    uas, _ = callee(directory, service.port, ringing((BENCH / "uas.xml").read_text()))
    count = int(rate * (restarts * (pause + 3.0) + 4.0))
    uac = caller(
        directory, service.port, (BENCH / "uac.xml").read_text(), CALLEE,
        "-r", str(rate), "-m", str(count), "-d", str(TALKS), "-l", str(count), "-recv_timeout", "32000",
    )  # fmt: skip
    told: list[int] = []
    silences: list[float] = []
    begun: list[str] = []
    with ended(uac, uas, service):
        registering.start()
        asking.start()
        for _ in range(restarts):
            time.sleep(pause)
            asking.silences.clear()
            begun.append(datetime.now().strftime("%H:%M:%S.%f"))  # as SIPp has it
            found = _restart(service)
            if found["problem"]:
                raise RuntimeError(f"{found['problem']}\n{service.log.read_text(errors='replace')[-3000:]}")
            told.append(found["silent_ms"])
            time.sleep(0.5)
            silences.append(max(asking.silences, default=0.0))
        uac.process.wait(count / rate + 60)
        asking.end()
        registering.end()
        there = {row["extension"] for row in service.ask("/registrations")}
        lost = [user for user in PHONES if user not in there] + [user for user, _ in registering.failed]
        failed = count - uac.count("SuccessfulCall(C)")
        unhappy = uac.said() + uas.said() + exchanged(uac, uas, begun) if failed else ""
        return Outcome(count, failed, unhappy, registering.done, lost, silences, told)


def exchanged(uac: Sipp, uas: Sipp, restarts: list[str]) -> str:
    """
    What was said in calls that came to no end, at the caller and at who was called next.

    @param restarts: when the restarts were asked for.
    """
    called = uas.exchanged()
    text = [f"\nrestarts asked for at {' '.join(restarts)}"]
    unfinished = [(id, lines) for id, lines in uac.exchanged().items() if "BYE  SIP/2.0 200" not in lines[-1]]
    for id, lines in unfinished[:SHOWN]:
        later = [(one[0], other) for other, one in called.items() if one[0] >= lines[0]]
        _, next_ = min(later, default=("", ""))
        text += [f"call {id}, that came to no end:", *lines]
        text += [f"perhaps the same at the callee, {next_}:", *called.get(next_, ())]
    return "\n".join(text)


def _restart(service: Killable) -> dict[str, Any]:
    """Restart; as an operator does, once more where the process before is not done with its calls yet."""
    for _ in range(UNSETTLED):
        found: dict[str, Any] = service.restart()
        if not found["problem"].startswith("the process before still has calls"):
            break
        time.sleep(1)
    return found


def ringing(scenario: str) -> str:
    """The callee, that rings before it answers."""
    pause = f'<pause milliseconds="{RINGS}"/>'
    return scenario.replace('<send retrans="500">', f'{pause}\n  <send retrans="500">', 1)


def main() -> int:
    """Restart from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.restarts")
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--rate", type=int, default=30)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = play(Path(directory), wanted.restarts, wanted.rate)
    print(f"{HOST}: {found}")  # noqa: T201
    if found.unhappy:
        print(found.unhappy)  # noqa: T201
    return bool(found.failed or found.lost or max(found.silences) > SILENCE)


if __name__ == "__main__":
    sys.exit(main())
