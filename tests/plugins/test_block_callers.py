"""Who is blocked, by whom, and what they hear."""

from __future__ import annotations

from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua_plugins.block_callers import BlockCallers
from b2bua_plugins.forward import CallForward

SETTINGS: dict[str, Any] = {
    "trunks": {
        "carrier": {
            "uri": "sip:198.51.100.7",
            "accept_from": ["198.51.100.7"],
            "trusted": True,
            "numbers_in": [{"match": r"\+4930(\d+)", "replace": r"\1"}],
        }
    },
    "block_callers": {"blocked": ["+49900*"], "allowed": ["+499001*"]},
}


class BlockTests(LadderTestCase):
    """Calls from a carrier to Bob."""

    def make_world(self) -> World:
        """A world with a carrier."""
        return World(features=[BlockCallers, CallForward], settings=SETTINGS)

    def setUp(self) -> None:
        """Phones, and the far end of the trunk."""
        super().setUp()
        self.bob, self.carol = self.world.phones("bob", "carol", manners=Manners(answers_after=None))
        self.carrier = self.world.trunk("carrier", host="198.51.100.7")

    def call(self, number: str, to: str = "bob") -> int:
        """Call from a number, give up if it rings; the status."""
        asserted = (("P-Asserted-Identity", f"<sip:{number}@198.51.100.7>"),) if number else ()
        session = self.carrier.dial(to, fields=asserted)
        self.world.run(1)
        if session.state != "over":
            session.hang_up()
            self.world.run(1)
        return session.code

    def command(self, name: str, **arguments: str) -> Any:
        """Run a command."""
        return self.successResultOf(self.world.command(name, **arguments))

    def test_for_all(self) -> None:
        """A number that matches is refused with 603, one that is allowed comes through."""
        self.assertEqual([self.call(n) for n in ("+49900555", "+499001", "+49301")], [603, 487, 487])
        self.quiet()

    def test_anonymous(self) -> None:
        """Who hides the number hears 433 where that is not wanted (RFC 5079)."""
        self.carrier.anonymous = True
        self.assertEqual(self.call(""), 487)
        self.bob.dial("*77")
        self.world.run(6)
        self.assertEqual([self.call(""), self.call("", "carol")], [433, 487])
        self.bob.dial("*87")
        self.world.run(6)
        self.assertEqual(self.call(""), 487)
        self.quiet()

    def test_private(self) -> None:
        """A number that a carrier tells us but not who is called is hidden too (RFC 3325 section 9.3)."""
        self.bob.dial("*77")
        self.world.run(6)
        fields = (("P-Asserted-Identity", "<sip:+49301@198.51.100.7>"), ("Privacy", "id"))
        session = self.carrier.dial("bob", fields=fields)
        self.world.run(1)
        self.assertEqual(session.code, 433)
        self.quiet()

    def test_last_caller(self) -> None:
        """*60 blocks who has called last, for this extension only, and after a reload too."""
        self.assertEqual(self.bob.dial("*60").code, 0)
        self.world.run(6)
        self.assertEqual(self.bob.sessions[-1].code, 404)
        self.call("+49301")
        self.world.reload()
        self.bob.dial("*60")
        self.world.run(6)
        self.assertEqual([self.call("+49301"), self.call("+49301", "carol")], [603, 487])
        self.quiet()

    def test_commands(self) -> None:
        """Blocked, shown, and let in again."""
        self.command("block", extension="bob", number="+4930*")
        self.assertEqual(self.call("+49301"), 603)
        rows = self.command("blocked", extension="bob")
        self.assertEqual(
            [(row["number"], row["by"]) for row in rows],
            [("+4930*", "bob"), ("+49900*", "all"), ("allowed +499001*", "all")],
        )
        self.command("unblock", extension="bob", number="+4930*")
        self.assertEqual(self.call("+49301"), 487)
        for name, arguments, text in (
            ("unblock", {"extension": "bob", "number": "1"}, "bob does not block 1; it blocks nobody"),
            ("block", {"extension": "nobody", "number": "1"}, "there is no extension nobody"),
            ("block", {"extension": "bob", "number": "a b"}, "must match"),
        ):
            with self.subTest(name, **arguments):
                failure = self.failureResultOf(self.world.command(name, **arguments), ValueError)
                self.assertIn(text, failure.getErrorMessage())
        self.quiet()

    def test_allowed(self) -> None:
        """Who is allowed by command comes through whatever is blocked, until that ends."""
        self.command("block", extension="bob", number="+4930*")
        for number in ("+49301", "+499005"):
            self.command("allow", extension="bob", number=number)
        rows = self.command("blocked", extension="bob")
        self.assertEqual(
            [row["number"] for row in rows if row["by"] == "bob"],
            ["+4930*", "allowed +49301", "allowed +499005"],
        )
        self.assertEqual([self.call(n) for n in ("+49301", "+49302", "+499005")], [487, 603, 487])
        self.command("disallow", extension="bob", number="+49301")
        self.assertEqual(self.call("+49301"), 603)
        for name, arguments, text in (
            ("disallow", {"extension": "bob", "number": "1"}, "bob does not allow 1; it allows +499005"),
            ("allow", {"extension": "nobody", "number": "1"}, "there is no extension nobody"),
            ("allow", {"extension": "bob", "number": "a b"}, "must match"),
        ):
            with self.subTest(name, **arguments):
                failure = self.failureResultOf(self.world.command(name, **arguments), ValueError)
                self.assertIn(text, failure.getErrorMessage())
        self.quiet()

    def test_extensions(self) -> None:
        """Calls between extensions are never blocked."""
        self.command("block", extension="bob", number="carol")
        self.carol.dial("bob")
        self.world.run(1)
        self.assertEqual(len(self.bob.live), 1)
        self.carol.hang_up()
        self.world.run(1)
        self.quiet()

    def test_forward(self) -> None:
        """Block callers × forward: who is blocked is not forwarded; whom a forward leads to blocks too."""
        self.bob.dial("*72carol")
        self.world.run(6)
        self.command("block", extension="carol", number="+49301")
        self.assertEqual([self.call("+49900555"), self.call("+49301")], [603, 603])
        self.quiet()

    def test_bad_patterns(self) -> None:
        """What cannot be a number is refused at start, by its key."""
        with self.assertRaises(FeaturesRefused) as caught:
            Features.of(BlockCallers, document={"block_callers": {"blocked": ["+49 30"]}})
        self.assertIn("block_callers.blocked[0]", str(caught.exception))
