"""What the tests of forwards share: a world whose extensions forward."""

from __future__ import annotations

from typing import Any

from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import by_hand
from b2bua.testing.phone import Phone
from b2bua.testing.world import World
from b2bua.wire.message import Message, Response
from b2bua_plugins.forward import CallForward
from b2bua_plugins.redirects import Redirects

CARRIER = {
    "trunks": {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}},
    "routes": [{"match": r"\+\d+", "trunk": "carrier"}],
}


class ForwardCase(LadderTestCase):
    """A world whose extensions forward."""

    def start(self, forwards: dict[str, dict[str, Any]], **tables: Any) -> None:
        """Begin the world with the forwards of each extension."""
        extensions: dict[str, Any] = {name: {"forward": table} for name, table in forwards.items()}
        for name, table in tables.pop("extensions", {}).items():
            extensions.setdefault(name, {}).update(table)
        settings = {"extensions": extensions, **tables}
        self.world = World(settings=settings, features=[CallForward, Redirects])

    def refused(self, caller: Phone, to: str, code: int) -> None:
        """A call that comes to nothing, whatever is heard before."""
        caller.sends("INVITE", to=to)
        self.world.run(1)
        answers = [got.message.code for got in caller.inbox if isinstance(got.message, Response)]
        self.assertEqual([answer for answer in answers if answer not in (100, 181, 401)], [code])
        caller.inbox.clear()
        self.quiet()

    def carrier(self) -> Phone:
        """The far end of the trunk."""
        return self.world.trunk("carrier", by_hand(), host="198.51.100.7")

    def gets_forwarded(self, caller: Phone, phone: Phone) -> Message:
        """The caller hears that the call is sent on, and the phone is invited."""
        caller.gets(181)
        return phone.gets("INVITE")

    def talks(self, caller: Phone, phone: Phone) -> None:
        """The phone answers, they talk, they hang up, and nothing is left."""
        phone.answers(180)
        caller.gets(180)
        phone.answers(200)
        caller.gets(200)
        caller.sends("ACK")
        phone.gets("ACK")
        self.assertTalking((caller.name, phone.name))
        self.disconnect(caller, phone)
        self.quiet()
