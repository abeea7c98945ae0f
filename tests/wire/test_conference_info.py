"""Documents that tell of conferences (RFC 4575 section 4)."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire.conference_info import NAMESPACE, Conference, Endpoint, document
from b2bua.wire.xml import read

ALICE = Endpoint("sip:alice@example.com", "sip:alice@example.com;leg=1", "Alice", "dialed-in", "moderator")
BOB = Endpoint("sip:bob@example.com", "sip:bob@example.com;leg=2", "Bob <b>", "dialed-out")
ROOM = Conference("sip:800@example.com", "Monday", 10, False, (ALICE, BOB))


class DocumentTests(SynchronousTestCase):
    """L{document}."""

    def test_full(self) -> None:
        """All is there, in the order of the schema."""
        root = read(document(ROOM, 3))
        self.assertEqual(root.name, "conference-info")
        self.assertEqual(root.attributes, {"entity": ROOM.uri, "state": "full", "version": "3"})
        self.assertEqual(
            [one.name for one in root.children], ["conference-description", "conference-state", "users"]
        )
        state = root.child("conference-state")
        assert state is not None
        self.assertEqual(
            [(one.name, one.text) for one in state.children],
            [("user-count", "2"), ("active", "true"), ("locked", "false")],
        )
        users = root.child("users")
        assert users is not None
        self.assertEqual([one.attributes["entity"] for one in users.children], [ALICE.user, BOB.user])
        alice, bob = users.children
        self.assertEqual([one.name for one in alice.children], ["display-text", "roles", "endpoint"])
        self.assertEqual([one.name for one in bob.children], ["display-text", "endpoint"])
        endpoint = bob.child("endpoint")
        assert endpoint is not None
        self.assertEqual(
            (endpoint.text_of("status"), endpoint.text_of("joining-method")), ("connected", "dialed-out")
        )

    def test_namespace(self) -> None:
        """Every element is of its namespace (section 4.1)."""
        names = {one.tag for one in ElementTree.fromstring(document(ROOM, 0)).iter()}  # our own
        self.assertEqual({name.partition("}")[0] for name in names}, {"{" + NAMESPACE})

    def test_muted(self) -> None:
        """Whom the focus has muted only hears (section 5.7.2)."""
        written = document(ROOM._replace(endpoints=(ALICE._replace(heard=False),)), 0)
        self.assertIn(b"<status>muted-via-focus</status>", written)
        self.assertIn(b"<status>recvonly</status>", written)

    def test_two_phones(self) -> None:
        """Two phones of somebody are two endpoints of one user."""
        second = ALICE._replace(id="sip:alice@example.com;leg=9")
        root = read(document(ROOM._replace(endpoints=(ALICE, BOB, second)), 0))
        users = root.child("users")
        assert users is not None
        self.assertEqual([len(list(one.all("endpoint"))) for one in users.children], [2, 1])

    def test_partial(self) -> None:
        """Who has come is there in full, who has left is deleted, and nothing is said of the others (4.6)."""
        carol = ALICE._replace(user="sip:carol@example.com", id="c")
        root = read(document(ROOM._replace(endpoints=(BOB, carol)), 4, ROOM))
        users = root.child("users")
        assert users is not None
        self.assertEqual((root.attributes["state"], users.attributes["state"]), ("partial", "partial"))
        self.assertEqual(
            [(one.attributes["entity"], one.attributes["state"]) for one in users.children],
            [(carol.user, "full"), (ALICE.user, "deleted")],
        )

    def test_empty(self) -> None:
        """Nobody is there: it is not active."""
        self.assertIn(b"<active>false</active>", document(ROOM._replace(endpoints=()), 0))
