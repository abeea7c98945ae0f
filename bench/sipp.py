"""SIPp as caller and callee, and what it counted."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.servers import CALLEE, HOST, NotHere, Server, free_port, is_open

SCENARIOS = Path(__file__).resolve().parent / "scenarios"
MARGIN = 45.0
"""Seconds that calls may take to end after the last one began, before SIPp is stopped."""
LOOK = 0.2
"""Seconds between two looks whether it is over."""
WRITTEN = 1.2
"""Seconds after which SIPp has written what it counted (C{-fd 1})."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What SIPp says of a run."""

    wanted: int
    done: int
    failed: int
    again: int
    """Messages that SIPp sent again, as the caller or as the callee."""
    seconds: float
    """From the first call to the last answer."""

    @property
    def clean(self) -> bool:
        """Did every call succeed at the first try?"""
        return self.done == self.wanted and not self.failed and not self.again


class Sipp:
    """One SIPp."""

    def __init__(
        self,
        scenario: str,
        directory: Path,
        arguments: list[str],
        core: int | None,
        contact: str = "",
        name: str = "",
    ) -> None:
        """
        Start it.

        @param contact: what stands in the Request-URI of later requests.
        @param name: of its files, if there is another one with that scenario.
        """
        binary = shutil.which("sipp")
        if binary is None:
            raise NotHere("sipp (Debian's sip-tester)")
        self.name = name or scenario
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        file = directory / f"{self.name}.xml"
        file.write_text(text.replace("[next_url]", contact) if contact else text)
        self.stat = directory / f"{self.name}.csv"
        self.stat.unlink(missing_ok=True)
        command = [
            binary, "-sf", str(file), "-i", HOST, "-mi", HOST, "-nostdin",
            "-trace_stat", "-stf", str(self.stat), "-fd", "1", "-buff_size", "4194304", *arguments,
        ]  # fmt: skip
        with open(directory / f"{self.name}.out", "wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TERM": "dumb"},
                preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
            )

    def counts(self) -> dict[str, str]:
        """The last line of its statistics; one that it is writing just now does not count yet."""
        if not self.stat.exists():
            return {}
        return last_row(self.stat.read_text())

    def again(self) -> int:
        """How many messages it has sent again by now."""
        return int(self.counts().get("Retransmissions(C)", 0))

    def spoilt(self) -> bool:
        """Has a call failed by now, or was a message sent again?"""
        found = self.counts()
        return any(int(found.get(what, 0)) for what in ("FailedCall(C)", "Retransmissions(C)"))

    def end(self) -> None:
        """End it at once."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def last_row(text: str) -> dict[str, str]:
    """Give the last whole line of statistics by the names in the first one; nothing if there is none yet."""
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.DictReader(whole.splitlines(), delimiter=";"))
    return {key: value for key, value in rows[-1].items() if key} if rows else {}


def callee(port: int, directory: Path, core: int | None) -> Sipp:
    """Start the callee, which goes on until it is ended."""
    sipp = Sipp("uas", directory, ["-p", str(port)], core)
    until = time.monotonic() + 10
    while not is_open(port):
        if sipp.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError((directory / "uas.out").read_text(errors="replace")[-1000:])
        time.sleep(0.02)
    return sipp


def caller(
    server: Server,
    core: int | None,
    *,
    rate: int,
    count: int,
    hold: float = 0.0,
    scenario: str = "uac",
    name: str = "",
) -> Sipp:
    """Start the caller of C{count} calls."""
    arguments = [
        f"{HOST}:{server.port}", "-p", str(free_port()), "-s", CALLEE, "-r", str(rate), "-m", str(count),
        "-d", str(int(hold * 1000)),
        "-l", str(count), "-timeout", f"{int(count / rate + hold + MARGIN)}s", "-recv_timeout", "32000",
    ]  # fmt: skip
    return Sipp(scenario, server.directory, arguments, core, server.contact, name)


def calls(
    server: Server,
    core: int | None,
    *,
    rate: int,
    count: int,
    hold: float = 0.0,
    callee: Sipp | None = None,
    clean: bool = False,
) -> Counted:
    """
    Make calls, and wait until they are over.

    @param clean: end them as soon as they are not clean, for then nothing else is asked for.
    @param callee: who is called, if what it sends again counts as well: a 200 whose ACK does not come.
    """
    before = 0
    if callee is not None:
        time.sleep(WRITTEN)
        before = callee.again()
    began = time.monotonic()
    sipp = caller(server, core, rate=rate, count=count, hold=hold)
    until = began + count / rate + hold + MARGIN + 10
    try:
        while sipp.process.poll() is None and time.monotonic() < until:
            if clean and sipp.spoilt():
                break
            time.sleep(LOOK)
    finally:
        sipp.end()
    seconds = time.monotonic() - began
    found = counted(sipp, count, seconds)
    if callee is None:
        return found
    time.sleep(WRITTEN)
    return replace(found, again=found.again + callee.again() - before)


def counted(sipp: Sipp, wanted: int, seconds: float) -> Counted:
    """Read what SIPp counted."""
    found = sipp.counts()
    return Counted(
        wanted,
        int(found.get("SuccessfulCall(C)", 0)),
        int(found.get("FailedCall(C)", 0)),
        int(found.get("Retransmissions(C)", 0)),
        seconds,
    )
