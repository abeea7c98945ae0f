"""
Which Python: what a call costs with each interpreter that there is.

The one of this environment, the system's, and those of pyenv, from 3.11 on;
each has an environment of its own in C{build/}, with the service in it.  They take
turns in the process itself (see L{bench.call}), since a machine is not the same
from minute to minute; how many functions are called, no machine disturbs::

    python -m bench.interpreters            # a minute for each the first time, then a quarter of that
    python -m bench.interpreters --write    # and keep the figures

The Python of another Debian takes part from a directory into which C{debootstrap}
has put it; that is root's to do::

    debootstrap --include=python3 trixie /srv/trixie
    python -m bench.interpreters --room /srv/trixie
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from bench import report
from bench.machine import line, machine

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
PLACES = ("/usr/bin/python3.*", "/usr/local/bin/python3.*", "~/.pyenv/versions/*/bin/python3")
HAS_VENV = "import ensurepip, venv"
SERVICE, NEEDED = "srv/b2bua-bench/service", "srv/b2bua-bench/needed"
"""Where a room has the service, and what it needs; both have something of C{twisted}."""
NAME = "from bench.machine import interpreter; print(interpreter())"


def version(python: Path) -> tuple[int, ...]:
    """The version of an interpreter; nothing for what is none, or has no virtual environments."""
    asked = f"{HAS_VENV}, sys; print(*sys.version_info[:3])"
    run = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
    return tuple(map(int, run.stdout.split())) if run.returncode == 0 else ()


def there() -> Iterator[Path]:
    """The interpreters of this machine, each version and place once."""
    seen = {Path(sys.executable).resolve()}
    yield Path(sys.executable)
    for pattern in PLACES:
        place = Path(pattern).expanduser()
        for found in sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor)))):
            if found.resolve() in seen or found.name.endswith("-config") or version(found) < OLDEST:
                continue
            seen.add(found.resolve())
            yield found


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One that takes part."""

    command: tuple[str | Path, ...]
    """How it is started."""
    where: str = ""
    """What is said of it besides its version."""

    def asked(self, *arguments: str) -> str:
        """What it says."""
        run = subprocess.run(
            [*self.command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()


def environment(python: Path) -> Interpreter:
    """The interpreter of an environment that has the service in it, made if there is none."""
    if python == Path(sys.executable):
        return Interpreter((python,))
    kind = "-".join(part for part in python.resolve().parts if part not in ("/", "bin"))
    room = ROOT / "build" / "interpreters" / kind
    inside = room / "bin" / "python"
    if not (room / "made").exists():
        subprocess.run([python, "-m", "venv", room], check=True)
        _pip(inside, "--editable", ROOT)
        (room / "made").touch()
    return Interpreter((inside,))


def furnished(room: Path) -> Interpreter:
    """The interpreter of another system in a directory, with the service as it is now, and what it needs."""
    if os.geteuid() or not (room / "usr/bin/python3").exists():
        raise SystemExit(
            f"{room}: root runs the Python of another Debian there, which"
            f" debootstrap --include=python3 trixie {room} puts there"
        )
    python = Interpreter(
        ("chroot", room, "/usr/bin/env", f"PYTHONPATH=/{SERVICE}:/{NEEDED}", "/usr/bin/python3"),
        _system(room),
    )
    wanted = python.asked("-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    here = Path(sys.executable)
    if not (room / NEEDED / "made").exists():
        into = ("--target", room / NEEDED, "--python-version", wanted, "--only-binary=:all:")
        _pip(here, *into, "--ignore-requires-python", *needed(wanted))  # ours is not meant
        (room / NEEDED / "made").touch()
    shutil.rmtree(room / SERVICE, ignore_errors=True)
    _pip(here, "--target", room / SERVICE, "--python-version", wanted, "--no-deps", ROOT)
    shutil.copytree(ROOT / "bench", room / SERVICE / "bench")
    return python


def needed(version: str) -> Iterator[str]:
    """What the service needs on a version of Python; pip itself would say what it needs on ours."""
    for text in requires("b2bua") or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"python_version": version, "extra": ""}):
            wanted.marker = None
            yield str(wanted)


def _pip(python: Path, *arguments: str | Path) -> None:
    """Install something."""
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)
    subprocess.run(pip, check=True)


def _system(room: Path) -> str:
    """Name the system in a directory, by os-release(5)."""
    release = (room / "etc/os-release").read_text().splitlines()
    named = dict(said.split("=", 1) for said in release if "=" in said)
    return named["PRETTY_NAME"].strip('"').replace(" GNU/Linux", "")


def measure(pythons: Iterable[Interpreter], calls: int, runs: int) -> list[tuple[str, list[float], float]]:
    """For each its name, microseconds a call of each turn, and functions a call; the fastest comes first."""
    rooms = {python: ", ".join(filter(None, (python.asked("-c", NAME), python.where))) for python in pythons}
    costs: dict[Interpreter, list[float]] = {python: [] for python in rooms}
    for _ in range(runs):
        for python in rooms:
            said = python.asked("-m", "bench.call", "--calls", str(calls), "--runs", "1")
            costs[python].append(float(said.split()[0]))
    functions = {python: float(python.asked("-m", "bench.count").split()[0]) for python in rooms}
    found = [(name, costs[python], functions[python]) for python, name in rooms.items()]
    return sorted(found, key=lambda one: statistics.median(one[1]))


def text(found: Sequence[tuple[str, list[float], float]], on: dict[str, str]) -> str:
    """The figures as a table."""
    lines = ["| interpreter | µs a call: median (least to most) | functions a call |", "|---|---|---|"]
    for name, costs, functions in found:
        spread = f"{statistics.median(costs):.0f} ({min(costs):.0f} to {max(costs):.0f})"
        lines.append(f"| {name} | {spread} | {functions:,.0f} |")
    said = {what: value for what, value in on.items() if what != "python"}
    turns = {"turns": str(max(len(costs) for _, costs, _ in found))}
    return "\n".join([*lines, "", line({**said, **turns})])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.interpreters", description=__doc__)
    parser.add_argument("pythons", nargs="*", type=Path, help="by default all that there are")
    parser.add_argument(
        "--room", type=Path, action="append", default=[], help="another Debian, by debootstrap"
    )
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    on = machine()
    calls, runs = (100, 1) if wanted.quick else (wanted.calls, wanted.runs)
    found_here = [Path(sys.executable)] if wanted.quick else wanted.pythons or there()
    pythons = [*map(environment, found_here), *map(furnished, wanted.room)]
    found = text(measure(pythons, calls, runs), on)
    print(found)
    if wanted.write:
        report.write("interpreters", found)


if __name__ == "__main__":
    main()
