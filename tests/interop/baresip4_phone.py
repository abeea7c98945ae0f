"""
The baresip of today (C{baresip-python}), driven by lines of JSON.

L{tests.interop.baresip4} drives it; the commands are the methods of L{Phone}.
What it tells has baresip's own names.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from typing import Any

from baresip import (
    Account,
    AudioNotActive,
    AudioRestarted,
    BaresipError,
    Config,
    Event,
    Runtime,
    StackEvent,
    UserAgent,
)
from baresip._native import lib

from tests.interop.hearing import Mouth, Writer
from tests.interop.lines import Command, say, tell

CONFIG = """\
sip_listen 127.0.0.1:0
rtp_ports {rtp}-{rtp_end}
sip_cafile {authority}
"""
TOLD = (Event.CALL_RINGING, Event.CALL_ESTABLISHED, Event.CALL_CLOSED)


class Wire(logging.Handler):
    """Shows each message that is sent or received."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        say(record.getMessage() + "\nEND SIP\n")


class Phone:
    """What can be asked of the phone; each method is a command."""

    def __init__(self, user: str, password: str, server: str, transport: str) -> None:
        """Prepare."""
        self.runtime = Runtime()
        self.account = Account(user, server, password, transport=transport)  # type: ignore[arg-type]
        self.calls: list[Any] = []
        self._target = f"{server};transport={transport}"
        self._hearing: asyncio.Task[None] | None = None

    async def begin(self, authority: str, rtp: int) -> None:
        """Start the library."""
        text = CONFIG.format(rtp=rtp, rtp_end=rtp + 40, authority=authority)
        config = Config(
            net_interface="127.0.0.1", sip_trace=True, max_concurrent_calls=8, extra_config_text=text
        )
        await self.runtime.start(config)
        self.agent = await UserAgent.create(self.runtime, self.account)
        self.agent.on_incoming(self._incoming)
        self.runtime.subscribe(self._happened)

    def _incoming(self, call: Any) -> None:
        self.calls.append(call)
        tell("CALL_INCOMING")

    def _happened(self, event: StackEvent) -> None:
        if event.event is Event.CALL_CLOSED:
            self.calls = [call for call in self.calls if call.handle != event.call]
        if event.event is Event.CALL_TRANSFER_FAILED:
            tell("TRANSFER", param=(event.text or "")[:3])
        elif event.event in TOLD:
            tell(event.event.name, param=event.text or "")

    def _uri(self, to: str) -> str:
        return f"sip:{to}@{self._target}"

    async def register(self) -> None:
        """Register."""
        await self.agent.register()
        tell("REGISTER_OK")

    async def dial(self, to: str) -> None:
        """Call somebody."""
        tell("CALL_OUTGOING")
        self.calls.append(await self.agent.dial(self._uri(to)))

    async def answer(self) -> None:
        """Answer the latest call."""
        await self.calls[-1].answer()

    async def hang_up(self) -> None:
        """End or refuse the latest call."""
        await self.calls[-1].hangup()

    async def sound(self, frequency: str, path: str) -> None:
        """Say a tone in the latest call, and write what is heard there to a WAV file."""
        self._hearing = asyncio.create_task(self._talk(float(frequency), path))

    async def _talk(self, frequency: float, path: str) -> None:
        """Give the latest call a tone, and take what it hears, a packet at a time."""
        mouth, ear = Mouth(frequency), Writer(path)
        while True:
            await asyncio.sleep(0.01)
            if not self.calls:
                continue
            audio = self.calls[-1].audio
            with suppress(AudioNotActive, AudioRestarted):
                info = audio.info()
                if info.tx_ready and info.tx_buffered < info.tx_sample_rate * info.tx_channels // 5:
                    audio.write(mouth.say(info.tx_sample_rate, info.tx_channels))
                if info.rx_ready:
                    ear.write(audio.read(info.rx_capacity), info.rx_sample_rate, info.rx_channels)

    async def press(self, keys: str) -> None:
        """Press keys in the latest call."""
        await self.calls[-1].send_dtmf(keys)

    async def hold(self, number: int = -1) -> None:
        """Hold a call."""
        await self._do(lib.BP_CMD_CALL_HOLD, self.calls[number].handle, 1)

    async def resume(self) -> None:
        """Take the latest call back."""
        await self._do(lib.BP_CMD_CALL_HOLD, self.calls[-1].handle, 0)

    async def transfer(self, to: str) -> None:
        """Transfer the latest call blind."""
        await self._do(lib.BP_CMD_CALL_TRANSFER, self.calls[-1].handle, self._uri(to))

    async def attend(self) -> None:
        """Transfer the first call to the party of the latest."""
        await self._do(lib.BP_CMD_CALL_REPLACE_TRANSFER, self.calls[0].handle, self.calls[-1].handle)

    async def _do(self, command: int, *arguments: object) -> None:
        """
        Have the library do something, with nothing in between.

        The binding's own words take a hold back that the library could not send
        at once, although it would have sent it a moment later.
        """
        await self.runtime.cmd(command, args=" ".join(map(str, arguments)))


async def main() -> None:
    """Take commands until there are no more."""
    user, password, server, transport, authority, rtp = sys.argv[1:]
    wire = logging.getLogger("baresip.native.sip")
    wire.setLevel(logging.DEBUG)
    wire.addHandler(Wire())
    phone = Phone(user, password, server, transport)
    await phone.begin(authority, int(rtp))
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin.buffer
    )
    tell("READY")
    while line := await stdin.readline():
        command = Command.of(line.decode())
        try:
            await getattr(phone, command.name)(*command.arguments)
        except (BaresipError, LookupError) as error:
            command.answer(error)
        else:
            command.answer()
    await phone.runtime.close()


if __name__ == "__main__":
    asyncio.run(main())
