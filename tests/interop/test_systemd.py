"""What systemd is told, over a socket as it makes one (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from tempfile import TemporaryDirectory

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.service import systemd


class NotifyTests(SynchronousTestCase):
    """L{systemd.notify} and L{systemd.Watchdog}."""

    def setUp(self) -> None:
        """Systemd listens."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        place = f"{directory.name}/notify"
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.listening.close)
        self.listening.bind(place)
        self.listening.setblocking(False)
        self.patch(os, "environ", {"NOTIFY_SOCKET": place})

    def told(self) -> list[str]:
        """What has been said."""
        said = []
        while True:
            try:
                said.append(self.listening.recv(1000).decode())
            except BlockingIOError:
                return said

    def test_ready(self) -> None:
        """It is told that we are ready."""
        systemd.notify("READY=1")
        self.assertEqual(self.told(), ["READY=1"])

    def test_reloading(self) -> None:
        """A reload is told with its time, as Type=notify-reload wants it (systemd.service(5))."""
        systemd.notify("RELOADING=1")
        [said] = self.told()
        self.assertRegex(said, r"\ARELOADING=1\nMONOTONIC_USEC=\d+\Z")

    def test_nobody(self) -> None:
        """Without systemd nothing is told, and where nobody listens nothing is harmed."""
        systemd.notify("READY=1")
        os.environ["NOTIFY_SOCKET"] += "-gone"
        systemd.notify("STOPPING=1")
        del os.environ["NOTIFY_SOCKET"]
        systemd.notify("STOPPING=1")
        self.assertEqual(self.told(), ["READY=1"])

    def test_watchdog(self) -> None:
        """We say that we are alive twice in the time for which silence is borne (sd_watchdog_enabled(3))."""
        os.environ[systemd.WATCHED] = "20000000"
        clock, watchdog = Clock(), systemd.Watchdog()
        watchdog.start(clock)
        clock.pump([1.0] * 20)
        self.assertEqual(self.told(), ["WATCHDOG=1"] * 3)
        watchdog.stop()
        clock.advance(60)
        self.assertEqual(self.told(), [])

    def test_not_watched(self) -> None:
        """Where nobody watches us, there is nothing to say, or to stop."""
        clock, watchdog = Clock(), systemd.Watchdog()
        watchdog.start(clock)
        clock.advance(60)
        watchdog.stop()
        self.assertEqual(self.told(), [])
