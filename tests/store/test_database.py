"""What the URL of a database says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.store import postgresql
from b2bua.store.database import marks, sqlite_file
from b2bua.store.ports import StoreError


class SqliteFileTests(SynchronousTestCase):
    """The file of an SQLite database."""

    def test_file(self) -> None:
        """It is below the working directory, or from the root; what is escaped is meant (RFC 3986 2.4)."""
        for url, file in (
            ("sqlite:///b2bua.db", "b2bua.db"),
            ("sqlite:////var/lib/b2bua/b2bua.db", "/var/lib/b2bua/b2bua.db"),
            ("sqlite+pysqlite:///b2bua.db", "b2bua.db"),
            ("sqlite:////srv/the%20office/b%C3%BCro.db", "/srv/the office/büro.db"),
            ("sqlite:////srv/the office/büro.db", "/srv/the office/büro.db"),
            ("sqlite:///100%25.db", "100%.db"),
            ("sqlite:///what%3F.db", "what?.db"),
        ):
            self.assertEqual(sqlite_file(url), file, url)

    def test_none(self) -> None:
        """One in memory has no file, and another database is none of SQLite."""
        for url in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
            self.assertEqual(sqlite_file(url), "", url)
        for url in ("postgresql+psycopg://pbx@db/pbx", "b2bua.db", ""):
            self.assertIsNone(sqlite_file(url), url)

    def test_more(self) -> None:
        """Anything else in it is refused, so that nothing is meant that is not done."""
        for url in (
            "sqlite://host/b2bua.db",
            "sqlite:///b2bua.db?timeout=9",
            "sqlite+aiosqlite:///b2bua.db",
            "sqlite:///a\0",
        ):
            with self.assertRaisesRegex(StoreError, "sqlite:///FILE"):
                sqlite_file(url)


class TextTests(SynchronousTestCase):
    """Statements as PostgreSQL's driver takes them."""

    def test_marks(self) -> None:
        """Its marks are others, and what it has for one is doubled."""
        self.assertEqual(
            postgresql._translated("SELECT id FROM records WHERE id LIKE '%' AND name = ?"),
            "SELECT id FROM records WHERE id LIKE '%%' AND name = %s",
        )

    def test_bounded(self) -> None:
        """Searches for ever more states at once do not fill the memory."""
        for number in range(2 * postgresql.TEXTS):
            postgresql._translated(f"SELECT id FROM records WHERE status IN ({marks(range(number))})")
        self.assertLessEqual(postgresql._translated.cache_info().currsize, postgresql.TEXTS)
