"""
Which Python: what a call costs with each interpreter that there is.

The one of this environment, the system's, and those of pyenv, from 3.11 on;
each has an environment of its own in C{build/}, with the service in it.  They take
turns in the process itself (see L{bench.call}), since a machine is not the same
from minute to minute; how many functions are called, no machine disturbs::

    python -m bench.interpreters            # a minute for each the first time, then a quarter of that
    python -m bench.interpreters --write    # and keep the figures
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench import report
from bench.load import machine

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
PLACES = ("/usr/bin/python3.*", "/usr/local/bin/python3.*", "~/.pyenv/versions/*/bin/python3")
HAS_VENV = "import ensurepip, venv"
NAME = "from bench.load import interpreter; print(interpreter())"


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


def environment(python: Path) -> Path:
    """The interpreter of an environment that has the service in it, made if there is none."""
    if python == Path(sys.executable):
        return python
    kind = "-".join(part for part in python.resolve().parts if part not in ("/", "bin"))
    room = ROOT / "build" / "interpreters" / kind
    inside = room / "bin" / "python"
    if not (room / "made").exists():
        subprocess.run([python, "-m", "venv", room], check=True)
        pip = (inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", ROOT)
        subprocess.run(pip, check=True)
        (room / "made").touch()
    return inside


def asked(python: Path, *arguments: str) -> str:
    """What it says."""
    run = subprocess.run([python, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def measure(pythons: Iterable[Path], calls: int, runs: int) -> list[tuple[str, list[float], float]]:
    """For each its name, microseconds a call of each turn, and functions a call; the fastest comes first."""
    rooms = {asked(python, "-c", NAME): python for python in map(environment, pythons)}
    costs: dict[str, list[float]] = {name: [] for name in rooms}
    for _ in range(runs):
        for name, python in rooms.items():
            said = asked(python, "-m", "bench.call", "--calls", str(calls), "--runs", "1")
            costs[name].append(float(said.split()[0]))
    functions = {name: float(asked(python, "-m", "bench.count").split()[0]) for name, python in rooms.items()}
    found = [(name, costs[name], functions[name]) for name in rooms]
    return sorted(found, key=lambda one: statistics.median(one[1]))


def text(found: Sequence[tuple[str, list[float], float]], on: dict[str, str]) -> str:
    """The figures as a table."""
    lines = ["| interpreter | µs a call: median (least to most) | functions a call |", "|---|---|---|"]
    for name, costs, functions in found:
        spread = f"{statistics.median(costs):.0f} ({min(costs):.0f} to {max(costs):.0f})"
        lines.append(f"| {name} | {spread} | {functions:,.0f} |")
    said = (f"{what}: {value}" for what, value in on.items() if what != "python")
    return "\n".join([*lines, "", ", ".join(said)])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.interpreters", description=__doc__)
    parser.add_argument("pythons", nargs="*", type=Path, help="by default all that there are")
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    pythons = wanted.pythons or there()
    calls, runs = (100, 1) if wanted.quick else (wanted.calls, wanted.runs)
    on = machine()
    found = text(measure([Path(sys.executable)] if wanted.quick else pythons, calls, runs), on)
    print(found)
    if wanted.write:
        report.write("interpreters", found)


if __name__ == "__main__":
    main()
