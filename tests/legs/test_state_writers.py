"""Who may change what of a leg: a file of the room writes what is its own, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import b2bua.legs
from b2bua.legs.state import LegData

ROOM = Path(b2bua.legs.__file__).parent

WRITERS = {
    # Who it is, for good.
    "call": "",
    "context": "",
    "hear": "",
    "id": "snapshot",
    "identity": "",
    "incoming": "",
    "party": "",
    # The dialog and the way to the peer.
    "contact_user": "our_invite peer_invite snapshot",
    "contact_value": "sending",
    "device": "our_invite snapshot",
    "dialog": "early_dialogs our_invite peer_invite provisional snapshot",
    "early": "early_dialogs peer_invite provisional",
    "flow": "",
    "our_requests": "our_requests",
    "peer_allows": "our_change snapshot",
    "peer_supports": "snapshot",
    "sticky": "orphan our_invite peer_invite snapshot",
    # The session.
    "origin": "sending snapshot",
    "refresh_timer": "refresh session_expires",
    "remote_session": "early_dialogs our_change our_invite peer_invite peer_update provisional snapshot",
    "session_end": "session_expires",
    "timer": "session_expires snapshot",
    # How far it is, and what is open.
    "gone": "",
    "lingering": "",
    "our_bye": "bye",
    "our_change": "our_change",
    "our_invite": "leg our_invite",
    "peer_invite": "from_peer leg peer_invite",
    "peer_refers": "refer",
    "peer_requests": "relayed_requests",
    "peer_update": "from_peer peer_update provisional",
    "queued_change": "change change_queue our_change",
    "referred": "refer snapshot",
    "relayed_refer": "from_peer refer",
    "ringing": "our_invite provisional snapshot",
    "state": "our_invite peer_invite snapshot",
    "unasked": "from_call our_change",
    "withdrawn": "from_call peer_invite peer_update",
}
"""The files that write each part of a leg, besides C{state} itself."""

LEGS = frozenset(("leg", "_leg", "other", "follower"))
"""How verbs name a leg."""


def written(tree: ast.AST, methods: bool) -> Iterator[str]:
    """
    Find what a file writes of legs.

    @param methods: is C{self} a leg there?
    """
    names = LEGS | {"self"} if methods else LEGS
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if name in names:
                yield node.attr


class StateWritersTests(SynchronousTestCase):
    """L{LegData} and those who write it."""

    maxDiff = None

    def test_writers(self) -> None:
        """Each part is written by its own files only; a new writer is a decision."""
        found: dict[str, set[str]] = {slot: set() for slot in LegData.__slots__}
        for path in ROOM.glob("*.py"):
            if path.stem == "state":
                continue
            for slot in written(ast.parse(path.read_text(encoding="utf-8")), path.stem == "leg"):
                if slot in found:
                    found[slot].add(path.stem)
        self.assertEqual({slot: " ".join(sorted(files)) for slot, files in found.items()}, WRITERS)
