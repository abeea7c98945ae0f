"""
Calls under which a service is restarted or killed: SIPp on both sides, and phones that register.

All of it is made of processes and threads, so that it is no part of what it
measures.
"""

from __future__ import annotations

import atexit
import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from b2bua.command._asking import ask_at
from b2bua.settings import SettingsError, control_of
from b2bua.wire.digest import Challenge, answer_challenge
from b2bua.wire.message import Response
from b2bua.wire.parser import parse
from bench.servers import is_open
from tests.interop.kept import until, until_kept
from tests.interop.processes import free_port
from tests.interop.service import PATIENT

HOST = "127.0.0.1"
CALLEE = "200"
PHONES = tuple(str(number) for number in range(300, 320))
SCENARIOS = Path(__file__).with_name("scenarios")
BENCH = Path(__file__).parent.parent.parent / "bench" / "scenarios"
STARTS = 60.0
"""Seconds that anything may take to start, or a request to be answered."""


SETTLES = 30.0
"""Seconds that calls may still go on when SIPp is done with them; not needed unless something is wrong."""


class Killable:
    """The service, and whichever process it is by now."""

    def __init__(self, directory: Path, more: str = "", database: str = "") -> None:
        """Write its configuration and start it."""
        self.directory = directory
        self.port = free_port()
        self.config = directory / "b2bua.toml"
        extensions = "".join(f'[extensions.{n}]\npassword = "{password(n)}"\n' for n in (CALLEE, *PHONES))
        self.config.write_text(
            f'[server]\ndomain = "{HOST}"\nlisten = ["sip:{HOST}:{self.port};transport=udp"]\n{database}\n'
            '[web]\nlisten = ""\n[auth]\nalgorithms = ["MD5"]\n'
            f'[trunks.load]\nuri = "sip:{HOST}:9"\naccept_from = ["{HOST}"]\noptions_seconds = 0\n'
            + PATIENT
            + extensions
            + more
        )
        self.log = directory / "b2bua.log"
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self, sockets: Sequence[int] = ()) -> None:
        """
        Start it, and wait until it serves.

        @param sockets: descriptors that it gets as from systemd; they are closed here.
        """
        self.begin(sockets)
        self.wait_until_it_serves()

    def begin(self, sockets: Sequence[int] = ()) -> None:
        """Start it; see L{start}."""
        twistd = Path(sys.executable).parent / "twistd"
        command = [str(twistd), "-n", "--pidfile=", "b2bua", "--config", str(self.config)]
        if sockets:  # sd_listen_fds(3): from number 3 on, and for the process of that number
            moves = " ".join(f"{3 + n}<&{number}" for n, number in enumerate(sockets))
            said = f"LISTEN_FDS={len(sockets)} LISTEN_PID=$$"
            command = ["bash", "-c", f'exec {moves}; {said} exec "$@"', "bash", *command]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                pass_fds=sockets,
            )  # fmt: skip
        for number in sockets:
            os.close(number)
        atexit.register(self._process.kill)  # if a test ends before it does
        self.pid = self._process.pid

    def wait_until_it_serves(self) -> None:
        """Wait until it has started."""
        assert self._process is not None
        until = time.monotonic() + STARTS
        while not self.serves():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self._end_of_log())
            time.sleep(0.05)

    def serves(self) -> bool:
        """Does it answer?"""
        with suppress(SettingsError):
            return bool(self.ask("/status"))
        return False

    def ask(self, path: str, method: str = "GET", **values: Any) -> Any:
        """Ask it something."""
        return ask_at(control_of(self.config), method, path, **values)

    def kept(self, count: int) -> None:
        """Wait until so many calls are answered and in the database, as they are: they outlive a kill."""

        def answered() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.ask("/calls", limit=10 * count)
            return [row for row in found if row["answered"] is not None]

        if not until(lambda: len(answered()) >= count):
            raise RuntimeError(f"{len(answered())} of {count} calls are answered\n{self._end_of_log()}")
        server = tomllib.loads(self.config.read_text())["server"]
        until_kept(server.get("database", f"sqlite:///{self.directory}/b2bua.db"), answered)

    def _end_of_log(self) -> str:
        """What it said last."""
        return self.log.read_text(errors="replace")[-3000:]

    def restart(self) -> dict[str, Any]:
        """Restart it without loss."""
        found: dict[str, Any] = self.ask("/restart", "POST")
        if found["pid"] is not None:
            self.pid = found["pid"]
        return found

    def settled(self) -> tuple[int, int]:
        """Wait until no call goes on and no record is open; gives how many are so in the end."""

        def left() -> tuple[int, int]:
            records = self.ask("/calls/past", limit=10_000)
            return self.ask("/status")["calls"], sum(row["ended"] is None for row in records)

        def nothing_left() -> bool:
            with suppress(SettingsError):  # its database may be slow for a moment
                return left() == (0, 0)
            return False

        until(nothing_left, SETTLES)
        return left()

    def wait(self) -> int:
        """Wait until it has ended by itself; its status."""
        assert self._process is not None
        return self._process.wait(STARTS)

    def kill(self) -> None:
        """End it with -9."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def end(self) -> None:
        """End the process that it is by now, and those before it; nothing of it is left."""
        self.kill()
        Path(control_of(self.config)).unlink(missing_ok=True)


def password(user: str) -> str:
    """The password of an extension."""
    return f"secret-of-{user}-here"


class Phone:
    """A phone that does nothing but register, again and again."""

    def __init__(self, user: str, server: int, port: int = 0, host: str = HOST) -> None:
        """Have a port."""
        self.user = user
        self.host = host
        self._server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self.port = self._socket.getsockname()[1]
        self._mark = f"{time.time_ns():x}{user}"
        self._cseq = 0

    def register(self) -> int:
        """Register as phones do, with what is sent again; the status, or 0 without an answer."""
        credentials, code = "", 0
        for _ in range(3):
            self._cseq += 1
            code, challenge = self._ask(credentials)
            if code != 401 or challenge is None:
                return code
            value = answer_challenge(
                challenge, self.user, password(self.user), "REGISTER", f"sip:{HOST}", b"", "cnonce", 1
            )
            credentials = f"Authorization: {value}\r\n"
        return code

    def _ask(self, credentials: str) -> tuple[int, Challenge | None]:
        """Send a REGISTER, again after 0.5, 1, 2 and 4 s (RFC 3261 section 17.1.2.1)."""
        here, me = f"{self.host}:{self.port}", f"sip:{self.user}@{HOST}"
        text = (
            f"REGISTER sip:{HOST} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{self._mark}{self._cseq}\r\n"
            f"From: <{me}>;tag=1\r\nTo: <{me}>\r\nCall-ID: {self._mark}@{HOST}\r\n"
            f"CSeq: {self._cseq} REGISTER\r\nContact: <sip:{self.user}@{here}>\r\nMax-Forwards: 70\r\n"
            f"Expires: 3600\r\n{credentials}Content-Length: 0\r\n\r\n"
        )
        for seconds in (0.5, 1.0, 2.0, 4.0, 4.0, 4.0):
            self._socket.sendto(text.encode(), (HOST, self._server))
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                try:
                    response = parse(self._socket.recv(65536))
                except (TimeoutError, ConnectionRefusedError):
                    continue
                if isinstance(response, Response) and response.cseq.number == self._cseq:
                    challenges = response.challenges
                    return response.code, challenges[0] if challenges else None
        return 0, None

    def close(self) -> None:
        """Have no port any more."""
        self._socket.close()


class Registering(threading.Thread):
    """Phones that register one after the other, some in each second."""

    def __init__(self, server: int, pause: float = 0.1) -> None:
        """Have all registered once."""
        super().__init__(daemon=True)
        self._phones = [Phone(user, server) for user in PHONES]
        self._pause = pause
        self.going = True
        self.done = 0
        self.failed: list[tuple[str, int]] = []
        """Who was not registered in the end, and what it heard last."""
        for phone in self._phones:
            self._register(phone)

    def _register(self, phone: Phone) -> None:
        code = phone.register()
        self.done += 1
        if code != 200:
            self.failed.append((phone.user, code))

    def run(self) -> None:
        """Register again and again."""
        while self.going:
            for phone in self._phones:
                if not self.going:
                    break
                self._register(phone)
                time.sleep(self._pause)

    def end(self) -> None:
        """Let it end."""
        self.going = False
        self.join()
        for phone in self._phones:
            phone.close()


class Asking(threading.Thread):
    """Asks every few milliseconds whether somebody answers, and knows the longest silence."""

    def __init__(self, server: int) -> None:
        """Begin with nothing heard."""
        super().__init__(daemon=True)
        self._server = server
        self.going = True
        self.silences: list[float] = []
        """How long nothing was answered, where that was long enough to be seen."""

    def run(self) -> None:
        """Send OPTIONS, and hear the answers."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as us:
            us.bind((HOST, 0))
            us.settimeout(0.005)
            here = f"{HOST}:{us.getsockname()[1]}"
            number, heard = 0, time.monotonic()
            while self.going:
                number += 1
                us.sendto(
                    (
                        f"OPTIONS sip:{HOST}:{self._server} SIP/2.0\r\n"
                        f"Via: SIP/2.0/UDP {here};branch=z9hG4bKask{number}\r\n"
                        f"From: <sip:ask@{here}>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: ask{number}\r\n"
                        f"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
                    ).encode(),
                    (HOST, self._server),
                )
                with suppress(TimeoutError, ConnectionRefusedError):
                    while True:
                        us.recv(65536)
                        now = time.monotonic()
                        if now - heard > 0.05:
                            self.silences.append(now - heard)
                        heard = now
                time.sleep(0.01)

    def end(self) -> None:
        """Let it end."""
        self.going = False
        self.join()


class Sipp:
    """One SIPp."""

    def __init__(self, name: str, text: str, directory: Path, *arguments: str) -> None:
        """
        Start it.

        @param text: its scenario.
        """
        binary = shutil.which("sipp")
        assert binary is not None
        file = directory / f"{name}.xml"
        file.write_text(text)
        self._stat = directory / f"{name}.csv"
        self._errors = directory / f"{name}.errors"
        self._messages = directory / f"{name}.messages"
        command = [
            binary, "-sf", str(file), "-i", HOST, "-mi", HOST, "-nostdin", "-trace_stat", "-stf",
            str(self._stat), "-fd", "1", "-trace_err", "-error_file", str(self._errors),
            "-trace_shortmsg", "-shortmessage_file", str(self._messages), *arguments,
        ]  # fmt: skip
        self._out = open(directory / f"{name}.out", "wb")  # noqa: SIM115  # as long as the process
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=self._out, stderr=subprocess.STDOUT,
            env={**os.environ, "TERM": "dumb"},
        )  # fmt: skip
        atexit.register(self.process.kill)

    def counts(self) -> dict[str, str]:
        """The last line of its statistics."""
        if not self._stat.exists():
            return {}
        whole, _, _ = self._stat.read_text().rpartition("\n")  # the rest is still being written
        rows = list(csv.DictReader(whole.splitlines(), delimiter=";"))
        return {key: value for key, value in rows[-1].items() if key} if rows else {}

    def count(self, what: str) -> int:
        """One of its figures."""
        return int(self.counts().get(what, 0))

    def said(self) -> str:
        """What went wrong, as it has it."""
        if not self._errors.exists():
            return ""
        lines = self._errors.read_text(errors="replace").splitlines()
        # A response that is sent again to a call that is over harms nobody.
        return "\n".join(line for line in lines if line[:5].strip("'").isdigit() and "Dead call" not in line)[
            :3000
        ]

    def exchanged(self) -> dict[str, list[str]]:
        """By their Call-IDs, the messages of its calls: when, S or R, CSeq, and the first line."""
        found: dict[str, list[str]] = {}
        if self._messages.exists():
            for line in self._messages.read_text(errors="replace").splitlines():
                date, when, way, call, *rest = [*line.split("\t")[1:], "", "", ""]
                if date and when:
                    found.setdefault(call, []).append("  ".join((date, way, *rest)).rstrip())
        return found

    def end(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._out.close()


def registered(server: int, user: str) -> int:
    """Register a phone, and give its port, which it has yet to open."""
    phone = Phone(user, server, free_port())
    code = phone.register()
    phone.close()
    if code != 200:
        raise RuntimeError(f"{user} is not registered: {code}")
    return phone.port


@contextmanager
def ended(*things: Any) -> Iterator[None]:
    """End all of them, whatever happens."""
    try:
        yield
    finally:
        for thing in things:
            thing.end()


def callee(directory: Path, server: int, text: str, user: str = CALLEE, *arguments: str) -> tuple[Sipp, int]:
    """
    Start a callee, and register it.

    SIPp is not to give up when a request comes once more before it has answered
    the first one: it does not always know it again on a busy machine.
    """
    port = registered(server, user)
    patient = ("-default_behaviors", "all,-abortunexp")
    sipp = Sipp("uas", text, directory, "-p", str(port), *patient, *arguments)
    until = time.monotonic() + STARTS
    while not is_open(port):
        if sipp.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("SIPp does not start")
        time.sleep(0.02)
    return sipp, port


def caller(directory: Path, server: int, text: str, number: str, *arguments: str) -> Sipp:
    """Start a caller of a number."""
    return Sipp("uac", text, directory, f"{HOST}:{server}", "-p", str(free_port()), "-s", number, *arguments)
