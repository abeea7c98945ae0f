"""
What is shown at one node of calls that are at another one: lamps, and whatever else hears C{call_changed}.

Who watches somebody does so at the node that it is registered with, and cannot
know that a call was moved.  So its new owner tells of each change of it, until
it is over, and the features of the others hear that as they hear of their own
calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from b2bua.calls.records.view import CallState, PartyState, Phase
from b2bua.calls.state import state_of

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.cluster.peer import Peer
    from b2bua.handover.belonging import Word
    from b2bua.server import Server


class Showing:
    """Calls of ours that others show, and calls of others that are shown here."""

    def __init__(self, server: Server, peers: Mapping[str, Peer]) -> None:
        """Know of none."""
        self._server = server
        self._peers = peers
        self._ours: set[str] = set()
        """The calls of ours that another node may show."""
        self._shown: dict[str, tuple[str, CallState]] = {}
        """The calls of others that are shown here: whose they are, and how each was last."""

    def given(self, call: Call, node: str) -> None:
        """A call of ours is about to be another node's."""
        self._ours.discard(call.id)
        self._shown[call.id] = (node, state_of(call))

    def taken(self, call: Call) -> None:
        """A call of another node is ours."""
        self._shown.pop(call.id, None)
        self._ours.add(call.id)
        self._server.core.calls.look(self._tell)
        self._tell(state_of(call))

    def _tell(self, state: CallState) -> None:
        """A call of ours has changed."""
        if state.id not in self._ours:
            return
        if state.phase is Phase.ENDED:
            self._ours.discard(state.id)
        for peer in self._peers.values():
            self._say(peer, state)
        if not self._ours:
            self._server.core.calls.look_away(self._tell)

    def _say(self, peer: Peer, state: CallState) -> None:
        """Tell a node how a call is."""
        parties = [{**asdict(party), "phase": party.phase.value} for party in state.parties]
        plain = {**asdict(state), "phase": state.phase.value, "parties": parties}
        peer.say({"say": "state", "state": plain})

    def heard(self, node: str, word: Word) -> None:
        """A node tells how a call of its is."""
        state = _state(word["state"])
        if state.phase is Phase.ENDED:
            self._shown.pop(state.id, None)
        else:
            self._shown[state.id] = (node, state)
        self._show(state)

    def _show(self, state: CallState) -> None:
        """Have the features hear of it, unless the call is ours by now."""
        if state.id not in self._server.core.calls.going:
            self._server.core.calls.features.tell_call_changed(state)

    # ---- nodes that come and go -------------------------------------------

    def introduce(self, peer: Peer) -> None:
        """Ask a node for what is shown here of it: it may have been started anew since."""
        ids = [id for id, (node, _) in self._shown.items() if node == peer.node]
        if ids:
            peer.say({"say": "shows", "calls": ids})

    def asked(self, peer: Peer, word: Word) -> None:
        """A node asks for calls that it shows."""
        for id in word["calls"]:
            call = self._server.core.calls.going.get(id)
            if call is not None:
                self.taken(call)
            else:
                peer.say({"say": "over", "call": id})

    def over(self, node: str, id: str) -> None:
        """A node has not a call that is shown here."""
        owner, state = self._shown.get(id, ("", None))
        if state is not None and owner == node:
            del self._shown[id]
            self._show(replace(state, phase=Phase.ENDED, parties=()))

    def forget(self, node: str) -> None:
        """A node has ended for good."""
        for id, (owner, _) in list(self._shown.items()):
            if owner == node:
                self.over(node, id)


def _state(plain: dict[str, Any]) -> CallState:
    """How a call is, from plain values."""
    parties = tuple(PartyState(**{**one, "phase": Phase(one["phase"])}) for one in plain["parties"])
    return CallState(**{**plain, "phase": Phase(plain["phase"]), "parties": parties})
