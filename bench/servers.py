"""
The servers that are compared, each as processes of its own on one core.

All of them pass calls from whoever calls to one callee on the loopback
interface.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOST = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")
CALLEE = "bob"
PASSWORD = "bob-knows"
PATIENCE = 20.0
"""Seconds that a server has to start."""
LOG_TAIL = 2000
LISTENS = {"udp": "07", "tcp": "0A"}
"""How the system's tables of sockets say that one is open, and that one listens (proc(5))."""
# A socket of Kamailio and Sippy would lose bursts by the kernel's default that ours would not.
KAMAILIO = """\
debug=0
log_stderror=yes
children=1
fork=yes
auto_aliases=no
disable_tcp=yes
udp4_raw=0
listen=udp:{host}:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "textops.so"
loadmodule "rr.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "siputils.so"
request_route {{
    if (is_method("INVITE")) {{
        record_route();
        $du = "sip:{host}:{callee}";
        t_relay();
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    sl_send_reply("404", "Not Found");
}}
"""


class NotHere(Exception):
    """A server that is compared is not installed; the text says what is missing."""


class Server:
    """A server, from its start to its end."""

    name = ""
    note = ""
    contact = "[next_url]"
    """What SIPp shall put into the Request-URI of ACK and BYE."""

    def __init__(self, directory: Path, core: int | None, callee: int) -> None:
        """
        Start it.

        @param core: the core it is pinned to; None for any.
        @param callee: the port of the callee.
        """
        self.directory = directory
        self.callee = callee
        self.port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / f"{self.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=directory,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment()},
                start_new_session=True,
                preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
            )
        try:
            self.wait()
        except BaseException:
            self.end()
            raise

    @classmethod
    def look(cls) -> None:
        """
        See whether it is installed.

        @raise NotHere: if it is not.
        """

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What is added to its environment."""
        return {}

    def ready(self) -> bool:
        """Does it take calls?"""
        return is_open(self.port)

    def wait(self) -> None:
        """Wait until it takes calls."""
        until = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} did not start:\n{self.said()}")
            time.sleep(0.05)

    def said(self) -> str:
        """The end of what it said."""
        return self.log.read_bytes()[-LOG_TAIL:].decode(errors="replace")

    def pids(self) -> list[int]:
        """Its processes."""
        found = [self.process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            if children.exists():
                found += [int(child) for child in children.read_text().split()]
        return found

    def cpu(self) -> float:
        """Seconds of CPU time that it has used, as the system counts them."""
        spent = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            spent += int(fields[11]) + int(fields[12])
        return spent / TICKS

    def rss(self) -> int:
        """Bytes of memory that it has; what processes share is counted once."""
        most = 0
        for pid in self.pids():
            most = max(most, int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE)
        return most

    def end(self) -> None:
        """End it at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Floor(Server):
    """Twisted and nothing else."""

    name = "floor"
    note = "Twisted passes the datagrams, no SIP"

    def command(self) -> list[str]:
        """How it is started."""
        return [sys.executable, "-m", "bench.floor", HOST, str(self.port), str(self.callee)]

    def environment(self) -> dict[str, str]:
        """It is run from the checkout."""
        return {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


class Ours(Server):
    """The service as C{twistd b2bua} starts it, with its default plugins."""

    name = "b2bua"
    note = "back-to-back user agent, all default plugins, records in SQLite"
    plugins = ""
    """More of the configuration, to see what plugins cost."""
    callers = ""
    """The addresses that call without a password."""

    def command(self) -> list[str]:
        """Write the configuration, and say how it is started."""
        config = self.directory / "b2bua.toml"
        config.write_text(
            f'[server]\ndomain = "{HOST}"\nlisten = ["sip:{HOST}:{self.port};transport=udp"]\n'
            + self.configured()
            + self.plugins
        )
        twistd = Path(sys.executable).parent / "twistd"
        return [str(twistd), "-n", "b2bua", "--config", str(config)]

    def configured(self) -> str:
        """Whom they call: the caller is a trunk, who answers has registered, with MD5."""
        return (
            f'[auth]\nalgorithms = ["MD5"]\n'
            f'[extensions.{CALLEE}]\nname = "Bob"\npassword = "{PASSWORD}"\n'
            f'[trunks.load]\nuri = "sip:{HOST}:9"\naccept_from = ["{HOST}"]\noptions_seconds = 0\n'
        )

    def wait(self) -> None:
        """Wait until it takes calls, and register the callee."""
        super().wait()
        from bench.register import register

        register(HOST, self.port, self.callee, CALLEE, PASSWORD)


class Trunks(Ours):
    """The same, and who is called is another trunk."""

    name = "trunks"
    note = "b2bua, and calls go from trunk to trunk"

    def configured(self) -> str:
        """Whom they call: who answers is no phone that has registered, but a server."""
        return (
            f'[trunks.load]\nuri = "sip:{HOST}:9"\naccept_from = ["{HOST}"]\noptions_seconds = 0\n'
            f'may_dial = ["trunks"]\n[trunks.far]\nuri = "sip:{HOST}:{self.callee}"\noptions_seconds = 0\n'
            f'[[routes]]\nmatch = "{CALLEE}"\ntrunk = "far"\ncallers = ["trunks"]\n'
        )

    def wait(self) -> None:
        """Wait until it takes calls; nobody registers."""
        Server.wait(self)


class Sippy(Server):
    """The other back-to-back user agent in Python."""

    name = "sippy"
    note = "b2bua_simple, back-to-back user agent in Python, no logging"
    # SIPp takes the display name of its Contact for a part of the URI.
    contact = "sip:[service]@[remote_ip]:[remote_port]"

    script = Path(sys.executable).parent / "b2bua_simple"

    @classmethod
    def look(cls) -> None:
        """See whether it is installed."""
        if not cls.script.exists():
            raise NotHere("sippy (pip install '.[bench]')")

    def command(self) -> list[str]:
        """How it is started."""
        return [
            str(self.script), "-f", "-l", HOST, "-p", str(self.port), "-n", f"{HOST}:{self.callee}",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """It does not write logs."""
        return {"SIPLOG_BEND": "none"}


class Kamailio(Server):
    """A relay in C: transactions, but no dialogs; a lower class of work."""

    name = "kamailio"
    note = "record-routing relay in C with transactions, no calls"

    binary = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin") or ""

    @classmethod
    def look(cls) -> None:
        """See whether it is installed."""
        if not cls.binary:
            raise NotHere("kamailio (Debian)")

    def command(self) -> list[str]:
        """Write the configuration, and say how it is started."""
        config = self.directory / "kamailio.cfg"
        config.write_text(KAMAILIO.format(host=HOST, port=self.port, callee=self.callee))
        run = self.directory / "run"
        run.mkdir(exist_ok=True)
        return [self.binary, "-DD", "-E", "-f", str(config), "-m", "512", "-Y", str(run)]


ALL: tuple[type[Server], ...] = (Floor, Ours, Trunks, Sippy, Kamailio)


def free_port() -> int:
    """A UDP port that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def is_open(port: int, transport: str = "udp") -> bool:
    """
    Has somebody opened the port, to listen there?

    The system's table is looked at: who tries to open it has it for a moment, in which
    the one whom it is for may fail.

    @param transport: C{udp} or C{tcp}.
    """
    rows = [line.split() for line in Path(f"/proc/net/{transport}").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == LISTENS[transport] for row in rows)
