"""The file of a SQLite ledger: private to its user, and watched while it is open.

No other process sees what is written to a file that was deleted, moved or replaced. So before and after each
transaction, the path must still lead to the file opened first, and the path of its WAL to the WAL that is open.
"""

import os
import sqlite3
import stat
import threading
from contextlib import suppress
from pathlib import Path

from server.ledger.errors import LedgerUnavailable

_MIN_SIZE = 512  # bytes; a database has its first page in the file itself from the beginning
# The byte of the -shm file that every process with the database open holds a lock on: SQLite's "dead man switch".
# Relies on UNIX_SHM_DMS in SQLite's os_unix.c; a test checks it with another process.
_IN_USE_BYTE = 128
_OTHERS = 0o077  # permissions of everybody but the user


class LedgerFile:
    """A file, created at its first use; afterwards only the same file is accepted. Threads may share it."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self._identity: tuple[int, int] | None = None  # device and inode
        self._wal: tuple[int, int] | None = None  # the same of its -wal file, while connections are open
        self._connections = 0
        self._counting = threading.Lock()

    def connect(self, patience: float) -> sqlite3.Connection:
        """A new connection that waits `patience` seconds for locks.

        Call `opened` after its first read, `closed` after closing it. Raises LedgerUnavailable, OSError, sqlite3.Error.
        """
        if self._identity is None:
            _create(self._path)
        if not stat.S_ISREG(_status(self._path).st_mode):
            raise LedgerUnavailable("its path leads to something that is no file")
        if self._connections == 0:
            self._check_for_writers_without_wal()
        for file in (self._path, self._sibling("-wal"), self._sibling("-shm")):
            _make_private(file)
        connection = sqlite3.connect(self._path, timeout=patience, isolation_level=None, check_same_thread=False)
        with self._counting:
            self._connections += 1
        return connection

    def opened(self) -> None:
        """Remember the file and its WAL, which a connection has open, unless they are remembered already."""
        with self._counting:
            if self._identity is None:
                self._identity = _identity(_status(self._path))
            if self._wal is None:
                self._wal = _identity_of(self._sibling("-wal"))
        self.check()

    def closed(self) -> None:
        """A connection was closed; with the last one SQLite deletes the WAL."""
        with self._counting:
            self._connections -= 1
            if self._connections == 0:
                self._wal = None

    def check(self) -> None:
        """Raise LedgerUnavailable if other processes do not see what the open connections write."""
        if self._identity is None:
            return
        status = _status(self._path)
        if _identity(status) != self._identity:
            raise LedgerUnavailable("its file was replaced while this server had it open: put it back, or restart")
        if status.st_nlink > 1 or os.path.ismount(self._path):
            # SQLite names the WAL after the path, so each name would have a WAL of its own.
            raise LedgerUnavailable("its file has a second name, by a hard link or a mount: link or mount its folder")
        if status.st_size < _MIN_SIZE:
            raise LedgerUnavailable("its file was emptied while this server had it open")
        if not status.st_mode & 0o222 or not os.access(self._path, os.W_OK):
            raise LedgerUnavailable("its file may not be written to")
        if self._connections and self._wal != _identity_of(self._sibling("-wal")):
            raise LedgerUnavailable("its -wal file was deleted or replaced while this server had it open")

    def _sibling(self, suffix: str) -> Path:
        return Path(f"{os.path.realpath(self._path)}{suffix}")

    def _check_for_writers_without_wal(self) -> None:
        """Raise LedgerUnavailable if another process still writes to a deleted WAL, which nobody else can read."""
        shared_memory = self._sibling("-shm")
        if not shared_memory.exists() or self._sibling("-wal").exists():
            return
        try:
            import fcntl
        except ImportError:  # Windows does not delete open files
            return
        with shared_memory.open("rb+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE_BYTE)
            except OSError:
                raise LedgerUnavailable(
                    "its -wal file was deleted, and another process still writes to it: end that process first"
                ) from None


def _create(path: Path) -> None:
    """Create a file and its folders unless they exist. A dangling link is not followed."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # An existing file is not opened: closing it would release the locks of all connections in this process.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        gone = "its path is a link to a file that is not there" if path.is_symlink() else "its file is gone"
        raise LedgerUnavailable(gone) from None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        return _identity(path.stat())
    except FileNotFoundError:
        return None


def _make_private(path: Path) -> None:
    """Remove other users' permissions, if possible."""
    with suppress(OSError):
        permissions = stat.S_IMODE(path.stat().st_mode)
        if permissions & _OTHERS:
            path.chmod(permissions & ~_OTHERS)
