"""
baresip as a phone, driven by its control interface (the module C{ctrl_tcp}).

Nothing here waits for time to pass: a test waits for what the phone tells,
with a limit that is reached only when the test fails.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.protocols.basic import NetstringReceiver
from twisted.python.failure import Failure

from tests.interop.processes import LIMIT, Program, free_port, reactor
from tests.interop.programs import need
from tests.interop.teller import Event, Teller

CONFIG = """\
poll_method epoll
sip_listen {listen}:0
net_interface {interface}
rtp_ports {rtp}-{rtp_end}
call_local_timeout 120
call_max_calls 4
audio_player aubridge,player
audio_source aubridge,player
audio_alert aubridge,alert
module_path {modules}
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
{more}
"""
_MODULES = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules")


class Control(NetstringReceiver):
    """The connection to one phone."""

    MAX_LENGTH = 1_000_000

    def __init__(self, phone: Baresip) -> None:
        """Tell everything to C{phone}."""
        self.phone = phone

    def stringReceived(self, string: bytes) -> None:
        """Take an answer or an event."""
        told = json.loads(string)
        if told.get("event"):
            self.phone.heard(told)
        else:
            self.phone.answered(told)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The phone is gone."""
        self.phone.lost()


class Baresip(Teller):
    """One phone with one account."""

    noise = re.compile(r"aubridge: thread[^\n]*\n")
    name = "baresip"
    attends = attends_early = redirects = False
    holds_by_itself = leaves_failed = True
    trace = re.compile(
        r"^(?:UDP|TCP|TLS) \S+ -> (?P<to>\S+?)\n(?P<message>.*?)\x1b\[;m", re.MULTILINE | re.DOTALL
    )

    def __init__(
        self,
        directory: str,
        user: str,
        password: str,
        server: str,
        transport: str = "udp",
        *,
        account: str = "",
        config: str = "",
        contacts: str = "",
        authority: Path | None = None,
    ) -> None:
        """
        Write its configuration; nothing runs yet.

        @param server: C{host:port} to register at; the host is the domain as well.
        @param account: more parameters of the account, such as C{;answermode=auto}.
        @param config: more lines of its configuration.
        @param contacts: the lines of its phone book.
        @param authority: the file with the certificate authority.
        """
        super().__init__(Program(f"baresip {user}"), user, server)
        self.aor = f"sip:{user}@{server}"
        self._directory = Path(directory).resolve() / f"baresip-{user}"
        self._directory.mkdir(parents=True)
        self._password = password
        self._transport = transport
        self._account = account
        self._contacts = contacts
        self._more = f"{config}\nsip_cafile {authority}" if authority else config
        self._control: Control | None = None

    @classmethod
    def needed(cls) -> None:
        """See that it is there."""
        need("baresip")

    # ---- life -----------------------------------------------------------

    @inlineCallbacks
    def start(self) -> Any:
        """Start it and connect to it; fires when it listens to us."""
        binary = need("baresip")
        port, rtp = free_port(), free_port(42)
        six = self.server.startswith("[")
        (self._directory / "config").write_text(
            CONFIG.format(
                host="127.0.0.1",
                listen="[::1]" if six else "127.0.0.1",
                interface="::1" if six else "127.0.0.1",
                rtp=rtp,
                rtp_end=rtp + 40,
                modules=next(path for path in _MODULES if Path(path).is_dir()),
                control=port,
                more=self._more,
            )
        )
        # Its account is made when it is told to register, so that no event is missed.
        for name, text in (("accounts", ""), ("contacts", self._contacts)):
            (self._directory / name).write_text(text)
        self.program.start([binary, "-s", "-f", str(self._directory)], str(self._directory))
        yield self.program.says("baresip is ready")
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._control = yield connectProtocol(endpoint, Control(self))
        return self

    def stop(self) -> Deferred[Any]:
        """End it, whatever it does."""
        if self._control is not None and self._control.transport is not None:
            self._control.transport.abortConnection()
        return self.program.kill() if self.program.transport is not None else succeed(None)

    def heard(self, event: Event) -> None:
        """It tells something; it ends a call whose transfer has failed, without a word about the end."""
        super().heard(event)
        if event["type"] == "TRANSFER_FAILED":
            super().heard({"type": "CALL_CLOSED", "param": event.get("param", "")})

    # ---- what it is told ------------------------------------------------

    def command(self, name: str, params: str = "", limit: float = LIMIT) -> Deferred[str]:
        """Give it any command of its menu; gives what it prints."""
        assert self._control is not None
        token, deferred = self.asked()
        self._control.sendString(json.dumps({"command": name, "params": params, "token": token}).encode())
        return deferred.addTimeout(limit, reactor)

    @inlineCallbacks
    def register(self) -> Any:
        """Register with digest, and wait until it is."""
        yield self.add_account(3600)
        return (yield self.tells("REGISTER_OK"))

    def add_account(self, register_seconds: int = 0) -> Deferred[str]:
        """Have an account, and register it for so long if it is not 0."""
        return self.command(
            "uanew",
            f"<{self.aor};transport={self._transport}>;auth_user={self.user};auth_pass={self._password}"
            f";regint={register_seconds}{self._account}",
        )

    def dial(self, number: str) -> Deferred[str]:
        """Call a number at the server."""
        self.heard({"type": "CALL_OUTGOING"})
        return self.command("dial", number if ":" in number else f"sip:{number}@{self.server}")

    def answer(self) -> Deferred[str]:
        """Accept the call that comes in."""
        return self.command("accept")

    def hang_up(self) -> Deferred[str]:
        """End or refuse the present call."""
        return self.command("hangup")

    def hold(self) -> Deferred[str]:
        """Put the present call on hold."""
        return self.command("hold")

    def resume(self) -> Deferred[str]:
        """Take it off hold."""
        return self.command("resume")

    def transfer(self, number: str) -> Deferred[str]:
        """Transfer the present call blind."""
        return self.command("transfer", number if ":" in number else f"sip:{number}@{self.server}")
