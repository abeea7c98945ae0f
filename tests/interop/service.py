"""The service itself, started by C{twistd}."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from b2bua.command._asking import ask_at
from b2bua.settings import SettingsError, control_of
from tests.interop.kept import until_kept
from tests.interop.processes import LIMIT, Program, free_port
from tests.interop.warm_start import WarmProcess

PATIENT = "[limits]\nlag = 30.0\n"
"""Other work of the machine is no reason to turn anybody away."""
PASSWORDS = {number: f"secret-of-{number}" for number in ("101", "102", "103")}


class Service:
    """A service with extensions 101, 102 and 103 on free ports of the loopback."""

    def __init__(
        self,
        directory: str,
        more: str = "",
        *,
        server: str = "",
        extensions: Mapping[str, str] = PASSWORDS,
        keys: Mapping[str, str] = MappingProxyType({}),
        algorithms: Sequence[str] = ("MD5",),
        tls: bool = False,
        ws: bool = False,
        web: bool = False,
        six: bool = False,
        python: str = sys.executable,
        anew: bool = False,
    ) -> None:
        """
        Write the configuration; nothing runs yet.

        @param more: more tables for the configuration.
        @param server: more keys of its table C{[server]}.
        @param extensions: passwords by number.
        @param keys: more keys of extensions, by number.
        @param algorithms: for digest; baresip 1.x gives up when another one
            than MD5 is offered, even beside it.
        @param tls: with a TLS socket, whose certificate is in C{directory}.
        @param ws: with a WebSocket, for browsers.
        @param web: with the page, on a port of its own.
        @param six: with a socket at the loopback of IPv6, of the same port.
        @param python: the interpreter of the environment it is installed in.
        @param anew: started as anybody would start it, by a Python that loads all of it; otherwise by
            one that has loaded it, unless that is another one, or has no TLS. "make deep" starts all anew.
        """
        self.directory = Path(directory).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = free_port()
        self.tls_port = free_port() if tls else 0
        self.ws_port = free_port() if ws else 0
        self.config = self.directory / "b2bua.toml"
        self.program = Program("b2bua")
        self._python = python
        self._anew = anew or tls or python != sys.executable or "B2BUA_DEEP" in os.environ
        self._control: Path | None = None
        self.web_port = free_port() if web else 0
        self._six = six
        self.config.write_text(self._text(more, server, extensions, keys, algorithms))

    def _text(
        self,
        more: str,
        server: str,
        extensions: Mapping[str, str],
        keys: Mapping[str, str],
        algorithms: Sequence[str],
    ) -> str:
        """The configuration."""
        listen = [f"sip:{self.host}:{self.port};transport={name}" for name in ("udp", "tcp")]
        if self._six:
            listen.append(f"sip:[::1]:{self.port};transport=udp")
        if self.tls_port:
            listen.append(f"sips:{self.host}:{self.tls_port}")
        if self.ws_port:
            listen.append(f"sip:{self.host}:{self.ws_port};transport=ws")
        web = f"{self.host}:{self.web_port}" if self.web_port else ""
        text = f'[server]\ndomain = "{self.host}"\nlisten = {listen!r}\n{server}\n'
        text += f'[web]\nlisten = "{web}"\n'
        if "[limits]" not in more:
            text += PATIENT
        text += f"[auth]\nalgorithms = {list(algorithms)!r}\n"
        if self.tls_port:
            text += '[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n'
        for number, password in extensions.items():
            text += f'[extensions.{number}]\nname = "Phone {number}"\npassword = "{password}"\n'
            text += f"{keys.get(number, '')}\n"
        return text + more

    @property
    def uri(self) -> str:
        """Where phones register, as C{host:port}."""
        return f"{self.host}:{self.port}"

    @property
    def uri6(self) -> str:
        """The same for phones at IPv6."""
        return f"[::1]:{self.port}"

    @property
    def control(self) -> Path:
        """The control socket of the configuration with which it was started."""
        assert self._control is not None
        return self._control

    @property
    def database(self) -> Path:
        """The file that keeps its state."""
        return self.directory / "b2bua.db"

    def start(self, *options: str) -> Deferred[str]:
        """Start it in the foreground; fires when it takes calls."""
        self.run(*options)
        return self.program.says("ready")

    def run(self, *options: str) -> None:
        """Start it without waiting."""
        with suppress(SettingsError):  # which the service itself will complain of
            self._control = Path(control_of(self.config))
        twistd = str(Path(self._python).parent / "twistd")
        command = [twistd, "-n", *options, "b2bua", "--config", str(self.config)]
        # Outside of the checkout, and with nothing of it in the path.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        if self._anew:
            self.program.start(command, str(self.directory), environment)
        else:
            WarmProcess(self.program, command, str(self.directory), environment)

    def ask(self, path: str, method: str = "GET", **values: Any) -> Deferred[Any]:
        """Ask it something on its control socket, C{/calls} say."""
        return deferToThread(ask_at, str(self.control), method, path, **values)

    def kept(self) -> Deferred[None]:
        """Wait until its calls are in the database, as they are: then they outlive kill -9."""
        calls = partial(ask_at, str(self.control), "GET", "/calls")
        return deferToThread(until_kept, f"sqlite:///{self.database}", calls)

    def stop(self, limit: float = LIMIT) -> Deferred[int]:
        """Ask it to end, within so many seconds; gives the exit status, which is that of the signal."""
        if self.program.status is None:
            self.program.signal("TERM")
        return self.program.ended(limit)

    def kill(self) -> Deferred[int]:
        """End it at once, for the end of a test."""
        return self.program.kill().addCallback(self._tidied)

    def _tidied(self, status: int) -> int:
        """Remove the control socket, which one that was killed leaves behind."""
        if self._control is not None:
            self._control.unlink(missing_ok=True)
        return status
