"""Phones from afar: check-sync, talk and hold, keys."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Manners, World
from b2bua.wire.message import Request


class ControlTests(LadderTestCase):
    """The commands."""

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed")

    def setUp(self) -> None:
        """Three phones of two makes."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.carol.user_agent = "Cisco/SPA504G-7.6.2"
        self.carol.register()
        self.world.run(1)

    def run_command(self, name: str, **arguments: Any) -> Any:
        """Run a command to its end."""
        answer = self.world.command(name, **arguments)
        self.world.run(1)
        return self.successResultOf(answer)

    def told(self, phone: Any) -> list[str]:
        """The events of the NOTIFYs that it got."""
        requests = [got.message for got in phone.inbox if isinstance(got.message, Request)]
        return [request.get("Event") or "" for request in requests if request.method == "NOTIFY"]

    def test_one(self) -> None:
        """The phones of one extension are told, and what they answer is shown."""
        [row] = self.run_command("check-sync", extension="alice")
        self.assertEqual((row["extension"], row["answer"]), ("alice", 200))
        self.assertEqual(self.told(self.alice), ["check-sync;reboot=false"])
        self.assertEqual(self.told(self.bob), [])
        self.quiet()

    def test_words(self) -> None:
        """Each make is told in its own words."""
        self.run_command("check-sync", reboot=True)
        self.assertEqual(self.told(self.alice), ["check-sync;reboot=true"])
        self.assertEqual(self.told(self.carol), ["reboot_now"])
        self.quiet()

    def test_model(self) -> None:
        """All phones of one model."""
        rows = self.run_command("check-sync", model="yealink")
        self.assertEqual([row["extension"] for row in rows], ["alice", "bob"])

    def test_over_time(self) -> None:
        """Many are told one after the other, so that the provisioning server lives."""
        said = self.run_command("check-sync", over=90.0)
        self.assertEqual(said, "phones: 3, the last one within 90 s")
        self.assertEqual([len(self.told(one)) for one in (self.alice, self.bob, self.carol)], [1, 0, 0])
        self.world.run(60)
        self.assertEqual([len(self.told(one)) for one in (self.alice, self.bob, self.carol)], [1, 1, 1])
        self.quiet()

    def test_no_answer(self) -> None:
        """A phone that does not answer is shown as such."""
        self.alice.vanish()
        answer = self.world.command("check-sync", extension="alice")
        self.world.run(40)
        [row] = self.successResultOf(answer)
        self.assertEqual(row["answer"], "none")

    def test_press(self) -> None:
        """
        Talk is pressed at who rings, hold at who talks, by a NOTIFY within the dialog.

        These phones do not know it, and what they answer is shown.
        """
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(1)
        [row] = self.run_command("talk", extension="bob")
        self.assertEqual(row["answer"], 489)
        self.bob.answer()
        self.world.run(1)
        [row] = self.run_command("hold", extension="bob")
        self.assertEqual(row["answer"], 489)
        notifies = [p for p in self.world.network.log if b"Event: hold" in p.data or b"Event: talk" in p.data]
        self.assertEqual(len(notifies), 2)
        self.alice.hang_up()
        self.quiet()

    def test_key(self) -> None:
        """A Yealink's key is pressed by ACTION-URI."""
        self.run_command("press-key", extension="alice", key="OK")
        self.assertEqual(self.told(self.alice), ["ACTION-URI"])
        [body] = [
            got.message.body for got in self.alice.inbox if getattr(got.message, "method", "") == "NOTIFY"
        ]
        self.assertEqual(body, b"key=OK")
        self.quiet()

    def test_bad(self) -> None:
        """Nonsense is one line for people."""
        for name, arguments in (
            ("check-sync", {"extension": "nobody"}),
            ("check-sync", {"over": -1.0}),
            ("check-sync", {"over": 1e9}),
            ("talk", {"extension": "alice"}),
            ("hold", {"extension": "nobody"}),
            ("press-key", {"extension": "alice", "key": "OK\r\nX"}),
        ):
            with self.subTest(f"{name} {arguments}"):
                self.failureResultOf(self.world.command(name, **arguments), ValueError)  # type: ignore[arg-type]
