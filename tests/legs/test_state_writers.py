"""Who may change what of a leg: a file of the room writes what is its own, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import b2bua.legs
from b2bua.dialogs.channel import Channel
from b2bua.legs.state import LegData, Seldom
from b2bua.legs.words import Changed

ROOM = Path(b2bua.legs.__file__).parent

WRITERS = {
    # Who it is, for good.
    "call": "",
    "call_id": "leg orphan snapshot",
    "channel": "further",
    "context": "",
    "hear": "",
    "held": "",
    "id": "snapshot",
    "identity": "",
    "incoming": "",
    "party": "",
    # The dialog, and what the peer can do.
    "dialog": "early_dialogs peer_invite provisional snapshot",
    "early": "early_dialogs peer_invite provisional",
    "peer_allows": "our_change snapshot",
    "peer_supports": "snapshot",
    # The session.
    "agreed": "session_expires snapshot",
    "expires_at": "session_expires",
    "glared": "",
    "inherited": "snapshot",
    "origin": "snapshot",
    "timer": "leg session_expires",
    "remote_session": "early_dialogs our_change our_invite peer_invite peer_update provisional snapshot",
    # How far it is, and what is open.
    "lingering": "",
    "listener": "",
    "music": "",
    "our_bye": "bye",
    "our_change": "our_change",
    "owed_bye": "bye",
    "our_invite": "leg orphan our_invite",
    "peer_invite": "from_peer leg peer_invite",
    "peer_requests": "relayed_requests",
    "peer_update": "from_peer peer_update provisional",
    "referred": "refer snapshot",
    "refers": "refer",
    "relayed_refer": "from_peer refer",
    "queued_change": "change change_queue our_change",
    "ringing": "our_invite provisional snapshot",
    "seldom": "",
    "state": "our_invite peer_invite snapshot",
    "unasked": "from_call leg our_change",
    "when_stable": "",
    "withdrawn": "from_call peer_invite peer_update",
}
"""The files that write each part of a leg, besides C{state} itself."""

OF_CHANNEL = {
    "closed": "",
    "contact_user": "invite_request peer_invite snapshot",
    "device": "orphan snapshot",
    "flow": "",
    "requests": "",
    "secure": "invite_request peer_invite snapshot",
    "sticky": "invite_request orphan peer_invite snapshot",
    "surroundings": "",
    "usage": "our_requests",
    "written": "",
}
"""The files that write each part of the way to its peer, besides C{LegChannel}."""

LEGS = frozenset(("leg", "_leg", "other", "follower"))
"""How verbs name a leg."""


def written(tree: ast.AST, names: frozenset[str]) -> Iterator[str]:
    """
    Find what a file writes of legs.

    @param names: how they are named there.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if name in names:
                yield node.attr


class StateWritersTests(SynchronousTestCase):
    """L{LegData} and those who write it."""

    maxDiff = None

    def writers(self, slots: Iterable[str], names: frozenset[str]) -> dict[str, str]:
        """The files that write each of the slots."""
        found: dict[str, set[str]] = {slot: set() for slot in slots}
        for path in ROOM.glob("*.py"):
            if path.stem == "state":
                continue
            own = names | {"self"} if path.stem == "leg" else names
            for slot in written(ast.parse(path.read_text(encoding="utf-8")), own):
                if slot in found:
                    found[slot].add(path.stem)
        return {slot: " ".join(sorted(files)) for slot, files in found.items()}

    def test_writers(self) -> None:
        """Each part is written by its own files only; a new writer is a decision."""
        seldom = [name for name, part in vars(LegData).items() if isinstance(part, Seldom)]
        self.assertEqual(self.writers((*LegData.__slots__, *seldom), LEGS), WRITERS)

    def test_channel(self) -> None:
        """So is each part of the way to the peer."""
        self.assertEqual(self.writers(Channel.__slots__, frozenset(("channel",))), OF_CHANNEL)


class SeldomTests(SynchronousTestCase):
    """What few legs ever have."""

    def test_nothing(self) -> None:
        """There is a table for as long as there is something in it."""
        leg = LegData.__new__(LegData)
        leg.seldom = None
        leg.withdrawn, leg.refers, leg.unasked = None, (), False
        self.assertIsNone(leg.seldom)
        self.assertEqual((leg.withdrawn, leg.refers, leg.unasked), (None, (), False))
        leg.withdrawn, leg.unasked = Changed(), True
        self.assertEqual((leg.withdrawn, leg.refers, leg.unasked), (Changed(), (), True))
        leg.withdrawn = None
        self.assertEqual((leg.withdrawn, leg.unasked), (None, True))
        leg.unasked = False
        self.assertIsNone(leg.seldom)
