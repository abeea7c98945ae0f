"""
Every bench, one after the other: C{make bench}, or C{python -m bench NAME...}.

C{--quick} only looks whether they run; C{--write} keeps the figures.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One bench."""

    what: str
    quick: tuple[str, ...] = ("--quick",)
    """What makes it quick."""
    write: tuple[str, ...] = ()
    """What makes it keep its figures."""


BENCHES = {
    "wire": Entry("reading and writing messages, beside Sippy", ("--seconds", "0.005")),
    "transactions": Entry(
        "the transaction layer alone, as a stateful relay of messages", ("--runs", "1", "--calls", "200")
    ),
    "registrar": Entry("registrations", ("--bindings", "1000", "--refreshes", "500", "--phones", "100")),
    "start": Entry("until the service is ready, and its memory at rest", write=("--write",)),
    "storm": Entry("10,000 phones that register at once after a power cut", write=("--write",)),
    "growth": Entry("a call's cost with many calls, many phones, each plugin", write=("--write",)),
    "subscriptions": Entry("a NOTIFY's cost and a subscription's bytes", write=("--write",)),
    "voices": Entry("200 players of one worker: how many packets are late?", write=("--write",)),
    "relayed": Entry("100 calls through one worker's relay, recorded and not", write=("--write",)),
    "rtpengine": Entry("100 calls through an rtpengine in user space, recorded and not", write=("--write",)),
    "overload": Entry("three times as much as can be done", write=("--write",)),
    "switching": Entry("other switch intervals than Python's own", write=("--write",)),
    "soak": Entry("very many calls through all features: does memory grow?", write=("--write",)),
    "interpreters": Entry("a call's cost with each Python that there is", write=("--write",)),
    "load": Entry("basic calls from SIPp, beside the floor, Sippy and Kamailio", write=("--write",)),
}


def main() -> None:
    """Run those that are named, or all."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    flags = {argument for argument in sys.argv[1:] if argument.startswith("-")}
    unknown = [name for name in names if name not in BENCHES]
    if unknown or not flags <= {"--quick", "--write"}:
        listed = "\n".join(f"  {name:<13} {entry.what}" for name, entry in BENCHES.items())
        raise SystemExit(f"{__doc__.strip()}\n\n{listed}")
    failed = []
    for name in names or BENCHES:
        entry = BENCHES[name]
        more = (entry.quick if "--quick" in flags else ()) + (entry.write if "--write" in flags else ())
        print(f"\n{name}: {entry.what}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}", *more], check=False).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
