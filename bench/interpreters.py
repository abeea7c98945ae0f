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

Where that is 3.14, C{--cinderx} has it run once more with the compiler of Meta.
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
SERVICE, NEEDED, COMPILER = (f"srv/b2bua-bench/{what}" for what in ("service", "needed", "compiler"))
"""Where a room has the service, what it needs (both have something of C{twisted}), and CinderX."""
COMPILES = (3, 14)
"""The version that there is a compiler for."""
COMPILING = """from cinderx import jit

jit.compile_after_n_calls(1000)
jit.enable()
"""
"""What Python runs when it starts, to have it compile what is called often."""
WARM = 8000
"""So many calls are made before any is measured: by then what is called often is compiled."""
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
    python = _inside(room, _system(room), SERVICE, NEEDED)
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


def compiling(room: Path) -> Interpreter:
    """The one of L{furnished} with CinderX, the compiler of Meta."""
    python = _inside(room, f"{_system(room)}, CinderX", COMPILER, SERVICE, NEEDED)
    wanted = ".".join(map(str, COMPILES))
    place = room / COMPILER
    if not (place / "made").exists():
        into = ("--target", place, "--python-version", wanted, "--only-binary=:all:", "--no-deps")
        _pip(Path(sys.executable), *into, "--ignore-requires-python", "cinderx")
        (place / "sitecustomize.py").write_text(COMPILING)
        (place / "made").touch()
    return python


def _inside(room: Path, where: str, *places: str) -> Interpreter:
    """The interpreter of a room, with what stands at some places of it."""
    path = "PYTHONPATH=" + ":".join(f"/{place}" for place in places)
    return Interpreter(("chroot", room, "/usr/bin/env", path, "/usr/bin/python3"), where)


def compiles(python: Interpreter) -> bool:
    """Is there a compiler for it?"""
    return python.asked("-c", f"import sys; print(sys.version_info[:2] == {COMPILES})") == "True"


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


def measure(
    pythons: Iterable[Interpreter], calls: int, runs: int, warm: int
) -> list[tuple[str, list[float], float]]:
    """For each its name, microseconds a call of each turn, and functions a call; the fastest comes first."""
    rooms = {python: ", ".join(filter(None, (python.asked("-c", NAME), python.where))) for python in pythons}
    costs: dict[Interpreter, list[float]] = {python: [] for python in rooms}
    for _ in range(runs):
        for python in rooms:
            said = python.asked("-m", "bench.call", "--calls", str(calls), "--runs", "1", "--warm", str(warm))
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
    parser.add_argument("--cinderx", action="store_true", help="and those of 3.14 with the compiler of Meta")
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    on = machine()
    calls, runs, warm = (100, 1, 100) if wanted.quick else (wanted.calls, wanted.runs, WARM)
    found_here = [Path(sys.executable)] if wanted.quick else wanted.pythons or there()
    pythons = [*map(environment, found_here)]
    for room in wanted.room:
        pythons.append(furnished(room))
        if wanted.cinderx and compiles(pythons[-1]):
            pythons.append(compiling(room))
    found = text(measure(pythons, calls, runs, warm), on)
    print(found)
    if wanted.write:
        report.write("interpreters", found)


if __name__ == "__main__":
    main()
