"""The ledgers of the matrix, and how they are taken away and given back behind the servers' backs."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
_AGED = 300  # seconds
_COLUMNS = "state, fingerprint, message_ids, cost, marks, request, action"


class Place(Protocol):
    """Where the ledger of one run is."""

    url: str

    def take_away(self) -> None:
        """Make it unusable to everybody."""

    def replace(self) -> None:
        """Put another ledger, which is empty, in its place."""

    def give_back(self) -> None:
        """Make it usable again, with what was in it."""

    def age(self) -> None:
        """Let the sends that are still open look abandoned: started some minutes ago."""

    def rows(self) -> list[dict[str, Any]]:
        """All rows of sends, in order of time."""

    def remove(self) -> None:
        """Leave nothing behind."""


def _statements(refuse: bool) -> list[str]:
    """Refuses every write to the ledger, or takes that back."""
    if refuse:
        return [
            f"CREATE TRIGGER gone_{verb} BEFORE {verb} ON sends BEGIN SELECT RAISE(ABORT, 'gone'); END"
            for verb in ("insert", "update")
        ]
    return [f"DROP TRIGGER IF EXISTS gone_{verb}" for verb in ("insert", "update")]


class SqliteFile:
    """A file in a directory of its own; it is taken away by moving the directory, or by a trigger that refuses."""

    def __init__(self, folder: Path, number: int, variant: int) -> None:
        self._folder = folder / f"run-{number}"
        self._moved = folder / f"run-{number}-moved"
        self._file = self._folder / "ledger.sqlite3"
        self._variant = variant
        self.url = str(self._file)

    def take_away(self) -> None:
        if self._variant and self._file.exists():
            self._run(*_statements(refuse=True))
            return
        if self._folder.exists():
            self._folder.rename(self._moved)
        self._folder.write_text("in the way")

    def replace(self) -> None:
        self._folder.rename(self._moved)
        self._folder.mkdir(mode=0o700)
        with closing(sqlite3.connect(self._file)) as link:
            link.execute("PRAGMA journal_mode=WAL")

    def give_back(self) -> None:
        if self._folder.is_file():
            self._folder.unlink()
        if self._moved.exists():
            self.remove()
            self._moved.rename(self._folder)
        if self._file.exists():
            self._run(*_statements(refuse=False))

    def age(self) -> None:
        if self._rows("SELECT name FROM sqlite_master WHERE name = 'sends'"):
            self._run(f"UPDATE sends SET at = at - {_AGED} WHERE state = 'started'")

    def rows(self) -> list[dict[str, Any]]:
        if not self._rows("SELECT name FROM sqlite_master WHERE name = 'sends'"):
            return []
        names = _COLUMNS.split(", ")
        return [dict(zip(names, row, strict=True)) for row in self._rows(f"SELECT {_COLUMNS} FROM sends ORDER BY at")]

    def remove(self) -> None:
        for file in self._folder.glob("*"):
            file.unlink()
        if self._folder.exists():
            self._folder.rmdir()

    def _rows(self, query: str) -> list[Any]:
        if not self._file.exists():
            return []
        with closing(sqlite3.connect(self._file, timeout=10)) as link:
            return link.execute(query).fetchall()

    def _run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._file, timeout=10)) as link, link:
            for statement in statements:
                link.execute(statement)


class PostgresSchema:
    """A schema of its own; it is taken away by renaming it and ending all its connections, or by only one of both."""

    def __init__(self, unique: str, number: int, variant: int) -> None:
        self._name = f"faults_{unique}_{number}"
        self._variant = variant
        self.url = f"{POSTGRES}?options=-csearch_path%3D{self._name}&application_name={self._name}"
        with self._link() as link:
            link.execute(f"CREATE SCHEMA {self._name}")

    def take_away(self) -> None:
        with self._link() as link:
            if self._variant:
                link.execute(f"ALTER SCHEMA {self._name} RENAME TO {self._name}_moved")
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            link.execute(query, (self._name,))

    def replace(self) -> None:
        with self._link() as link:
            link.execute(f"ALTER SCHEMA {self._name} RENAME TO {self._name}_moved")
            link.execute(f"CREATE SCHEMA {self._name}")

    def give_back(self) -> None:
        with self._link() as link:
            moved = f"{self._name}_moved"
            if link.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (moved,)).fetchone():
                link.execute(f"DROP SCHEMA IF EXISTS {self._name} CASCADE")
                link.execute(f"ALTER SCHEMA {moved} RENAME TO {self._name}")

    def age(self) -> None:
        with self._link() as link:
            if self._has_sends(link):
                link.execute(f"UPDATE {self._name}.sends SET at = at - {_AGED} WHERE state = 'started'")

    def rows(self) -> list[dict[str, Any]]:
        with self._link() as link:
            if not self._has_sends(link):
                return []
            names = _COLUMNS.split(", ")
            found = link.execute(f"SELECT {_COLUMNS} FROM {self._name}.sends ORDER BY at").fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def remove(self) -> None:
        with self._link() as link:
            link.execute(f"DROP SCHEMA IF EXISTS {self._name} CASCADE")
            link.execute(f"DROP SCHEMA IF EXISTS {self._name}_moved CASCADE")

    def _has_sends(self, link: Any) -> bool:
        return link.execute("SELECT to_regclass(%s)", (f"{self._name}.sends",)).fetchone()[0] is not None

    @contextmanager
    def _link(self) -> Iterator[Any]:
        import psycopg

        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=10) as link:
            yield link


def postgres_problem() -> str | None:
    """Why PostgreSQL cannot be used; None if it can."""
    try:
        import psycopg

        psycopg.connect(POSTGRES, connect_timeout=30).close()
    except Exception as fault:
        return f"no PostgreSQL at {POSTGRES}: {type(fault).__name__}"
    return None


def unique() -> str:
    """A name for this program's schemas that no other program has taken."""
    return f"{time.time_ns() // 1_000_000:x}"
