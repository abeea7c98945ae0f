"""How the new process is started."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.handover.spawning import PREDECESSOR, command_line, predecessor


class CommandTests(SynchronousTestCase):
    """The command of the new process is that of the old one."""

    def test_stays(self) -> None:
        """It does not leave the terminal a second time, nor write over the file with the old number."""
        ours = ["python", "/usr/bin/twistd", "--pidfile=x.pid", "--syslog", "b2bua", "--config", "b2bua.toml"]
        wanted = [*ours[:4], "--nodaemon", "--pidfile=", *ours[4:]]
        self.assertEqual(command_line(ours), wanted)

    def test_again(self) -> None:
        """After many restarts it is as long as after one."""
        once = command_line(["python", "/opt/b2bua/bin/twistd", "-n", "b2bua", "-c", "b2bua"])
        self.assertEqual(command_line(once), once)

    def test_no_predecessor(self) -> None:
        """Who is started by hand, or with nonsense in the environment, takes the place of nobody."""
        for environ in ({}, {PREDECESSOR: "x"}, {PREDECESSOR: ""}):
            self.assertIsNone(predecessor(None, environ))
