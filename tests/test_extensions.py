"""Extensions that are added while the service runs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication.accounts import accounts_of
from b2bua.extensions import TABLE, AddedExtensions
from b2bua.settings import read
from b2bua.store.journal import Journal
from b2bua.store.memory import MemoryStore
from b2bua.wire.digest import ha1
from tests.registrar.support import DOMAIN, FakeClock

SETTINGS = read({"server": {"domain": DOMAIN}, "extensions": {"101": {"password": "x", "name": "Reception"}}})


class ExtensionsTests(SynchronousTestCase):
    """L{AddedExtensions}."""

    def setUp(self) -> None:
        """One is added."""
        self.store = MemoryStore()
        self.journal = Journal(self.store, FakeClock())
        self.extensions = AddedExtensions(self.journal)
        self.extensions.put("200", "Büro", DOMAIN, "secret")

    def restarted(self) -> AddedExtensions:
        """What there is after a restart."""
        self.successResultOf(self.journal.flush())
        after = AddedExtensions(self.journal)
        after.restore(self.successResultOf(self.store.load_settings()))
        return after

    def test_merged(self) -> None:
        """It stands beside those of the configuration, and can log in."""
        settings = self.restarted().merged(SETTINGS)
        self.assertEqual(sorted(settings.extensions), ["101", "200"])
        self.assertEqual(settings.extensions["200"].name, "Büro")
        account = {account.user: account for account in accounts_of(settings)}["200"]
        self.assertEqual(account.hashes["SHA-256"], ha1("SHA-256", "200", DOMAIN, "secret"))

    def test_no_password_is_stored(self) -> None:
        """Only hashes are."""
        self.successResultOf(self.journal.flush())
        (row,) = self.successResultOf(self.store.load_settings())
        self.assertEqual((row.owner, row.table), ("200", TABLE))
        self.assertNotIn("secret", repr(row))

    def test_removed(self) -> None:
        """Removed, it is gone from the store as well."""
        self.extensions.remove("200")
        after = self.restarted()
        self.assertNotIn("200", after)
        self.assertIs(after.merged(SETTINGS), SETTINGS)

    def test_configuration_wins(self) -> None:
        """What the file says of an extension counts."""
        self.extensions.put("101", "Other", DOMAIN, "secret")
        self.assertEqual(self.extensions.merged(SETTINGS).extensions["101"].name, "Reception")

    def test_another_domain(self) -> None:
        """Hashes are of a domain; after it has changed the password must be given again."""
        self.extensions.put("201", "Other", "old.example.com", "secret")
        self.assertEqual(sorted(self.extensions.merged(SETTINGS).extensions), ["101", "200"])
