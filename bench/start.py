"""
A start: how long until the service is ready, and what memory it has when nobody calls.

The service as C{twistd b2bua} starts it, once with the configuration that
C{b2bua init} writes, and once with very many extensions and phones in its
database.  Beside them, what the libraries take that it stands on: Twisted with
nothing in it, and one after the other those that every server needs::

    python -m bench.start               # half a minute
    python -m bench.start --write       # and keep the figures
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from b2bua.command.init import EXTENSIONS, written
from b2bua.plural import counted
from b2bua.store.ports import Batch, BindingRow
from b2bua.store.sql import SqlStore
from bench import report
from bench.machine import line, machine
from bench.registrar import AGENT, INSTANCE
from bench.servers import HOST, Server, free_port

FIRST = 10_000
"""The number of the first extension of a large house."""
AT_ONCE = 5000
"""So many bindings are written in a batch."""
LIBRARIES = (
    ("Python", "sys"),
    ("Twisted's reactor, without TLS", "twisted.application.app twisted.internet.reactor"),
    ("pydantic", "pydantic pydantic_core"),
    (
        "the others",
        "sqlite3 twisted.web.server twisted.web.template twisted.names.client pluggy",
    ),
    ("left out without TLS: OpenSSL and cryptography", "twisted.internet.ssl"),
)
STEPS = """
import sys
from importlib import import_module
def load(names):
    for name in names.split():
        import_module(name)
    with open("/proc/self/statm") as file:
        print(file.read().split()[1])
python, *needed, left_out = sys.argv[1:]
load(python)
from b2bua.net.without_tls import without_tls
with without_tls():
    for names in needed:
        load(names)
load(left_out)
"""


class Started(Server):
    """The service with a configuration that is there."""

    name = "b2bua"

    def __init__(self, directory: Path) -> None:
        """Start it, and wait until it says that it is ready."""
        self.began = time.monotonic()
        super().__init__(directory, None, 0)

    def command(self) -> list[str]:
        """How it is started."""
        return [str(Path(sys.executable).parent / "twistd"), "-n", "b2bua", "--config", "b2bua.toml"]

    def ready(self) -> bool:
        """Has it said so?"""
        if b" ready: " not in self.log.read_bytes():
            return False
        self.seconds = time.monotonic() - self.began
        return True

    def memory(self) -> list[float]:
        """MiB that it has, its share of them (what two have counts half for each), and what is no file's."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]
        fields = dict(line.split(":", 1) for line in lines)
        return [int(fields[name].split()[0]) / 1024 for name in ("Rss", "Pss", "Anonymous")]


def started(directory: Path, bindings: int) -> dict[str, float]:
    """Start it twice, since the first time is what an installation does once; then look at the second."""
    Started(directory).end()
    server = Started(directory)
    try:
        if f" had {counted(bindings, 'registration')}" not in (said := server.log.read_text()):
            raise RuntimeError(f"the registrations are not back:\n{said}")
        time.sleep(3)
        whole, share, own = server.memory()
        return {"seconds": server.seconds, "memory": whole, "share": share, "own": own}
    finally:
        server.end()


def libraries() -> dict[str, float]:
    """MiB of the libraries, each on top of those before it."""
    names = [modules for _, modules in LIBRARIES]
    run = subprocess.run([sys.executable, "-c", STEPS, *names], capture_output=True, text=True, check=True)
    sizes = [int(line) / 256 for line in run.stdout.split()]
    more = [now - before for before, now in pairwise([0.0, *sizes])]
    return dict(zip((what for what, _ in LIBRARIES), more, strict=True))


def configure(directory: Path, port: int, extensions: int) -> None:
    """Write what C{b2bua init} writes, and more extensions."""
    text = [written("b2bua.toml", HOST, port, dict.fromkeys(EXTENSIONS, "a-secret"))]
    text += [f'[extensions.{FIRST + n}]\npassword = "secret-{n}"\n' for n in range(extensions)]
    (directory / "b2bua.toml").write_text("\n".join(text))


def row(number: int, port: int, extensions: int) -> BindingRow:
    """A binding as the service would have written it an hour ago."""
    user = str(FIRST + number % extensions)
    host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    now = time.time()
    return BindingRow(
        aor=f"{user}@{HOST}",
        contact=f"sip:{user}@{host}:5062",
        reg_id=0,
        instance=f"{INSTANCE}{number:012x}",
        expires=now + 3600,
        since=now - 3600,
        q=1000,
        call_id=f"0_{number}@{host}",
        cseq=number + 1,
        transport="UDP",
        local=f"{HOST} {port}",
        remote=f"{host} 5062",
        path="",
        params="",
        user_agent=AGENT,
        extra="",
    )


async def fill(reactor: Any, directory: Path, port: int, extensions: int, bindings: int) -> None:
    """Write the database of a house with so many phones."""
    phones: dict[str, list[BindingRow]] = {}
    for one in (row(number, port, extensions) for number in range(bindings)):
        phones.setdefault(one.aor, []).append(one)
    store = SqlStore(f"sqlite:///{directory / 'b2bua.db'}", reactor)
    await store.open()
    users = list(phones)
    for first in range(0, len(users), AT_ONCE):
        rows = tuple((aor, tuple(phones[aor])) for aor in users[first : first + AT_ONCE])
        await store.write(Batch(bindings=rows))
    await store.close()


async def measure(reactor: Any, extensions: int, bindings: int) -> dict[str, Any]:
    """Start a small house and a large one."""
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        for directory, more in ((small, 0), (large, extensions)):
            directory.mkdir()
            port = free_port()
            configure(directory, port, more)
        await fill(reactor, large, port, extensions, bindings)
        return {
            "libraries": libraries(),
            "small": started(small, 0),
            "large": started(large, bindings),
            "extensions": extensions,
            "bindings": bindings,
            "machine": machine(),
        }


def text(found: dict[str, Any]) -> str:
    """The figures for people."""
    small, large = found["small"], found["large"]
    lines = [
        "| | seconds to ready | memory, MiB | its share (PSS) | of no file |", "|---|---|---|---|---|",
        f"| as `b2bua init` configures it | {_row(small)} |",
        f"| {found['extensions']:,} extensions, {found['bindings']:,} bindings | {_row(large)} |",
        "", "| of the memory at rest | MiB |", "|---|---|",
    ]  # fmt: skip
    *sizes, (left_out, without) = found["libraries"].items()
    ours = small["memory"] - sum(size for _, size in sizes)
    sizes += [("our own, all plugins, the tables of the database", ours), (left_out, without)]
    lines += [f"| {what} | {size:.1f} |" for what, size in sizes]
    return "\n".join([*lines, "", line(found["machine"])])


def _row(one: dict[str, float]) -> str:
    return f"{one['seconds']:.1f} | {one['memory']:.0f} | {one['share']:.0f} | {one['own']:.0f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--extensions", type=int, default=10_000)
    parser.add_argument("--bindings", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    extensions, bindings = (10, 100) if wanted.quick else (wanted.extensions, wanted.bindings)

    async def run(reactor: Any) -> None:
        found = text(await measure(reactor, extensions, bindings))
        print(found)
        if wanted.write:
            report.write("start", found)

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main()
