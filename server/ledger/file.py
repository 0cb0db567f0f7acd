"""The file of a SQLite ledger: for its user alone, and watched while it is open.

What is written to a file that was deleted, moved or replaced is seen by no other process. So before and after each
transaction its path has to lead to the file that was opened first, and the path of its log to the log that is open.
"""

import os
import sqlite3
import stat
import threading
from contextlib import suppress
from pathlib import Path

from server.ledger.errors import LedgerUnavailable

_LEAST = 512  # bytes of a database; its first page is in the file itself from the beginning
_IN_USE = 128  # the byte of the -shm file that each process with the database open holds a lock on
_OTHERS = 0o077  # the rights of everybody but the user


class LedgerFile:
    """A file, which is made when it is first opened; afterwards only the same one will do."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self._known: tuple[int, int] | None = None  # device and inode
        self._log: tuple[int, int] | None = None  # those of its -wal, while connections are open
        self._connections = 0
        self._counting = threading.Lock()

    def connect(self, patience: float) -> sqlite3.Connection:
        """A connection; `opened` is to be called when it has read, `closed` when it is closed."""
        if self._known is None:
            _make(self._path)
        if not stat.S_ISREG(_status(self._path).st_mode):
            raise LedgerUnavailable("its path leads to something that is no file")
        if self._connections == 0:
            self._look_for_writers_without_log()
        for file in (self._path, self._beside("-wal"), self._beside("-shm")):
            _keep_to_the_user(file)
        connection = sqlite3.connect(self._path, timeout=patience, isolation_level=None, check_same_thread=False)
        with self._counting:
            self._connections += 1
        return connection

    def opened(self) -> None:
        """Take the file and its log for those that a connection has open, unless others are known already."""
        with self._counting:
            if self._known is None:
                self._known = _identity(_status(self._path))
            if self._log is None:
                self._log = _identity_of(self._beside("-wal"))
        self.check()

    def closed(self) -> None:
        """A connection was closed; with the last one SQLite deletes the log."""
        with self._counting:
            self._connections -= 1
            if self._connections == 0:
                self._log = None

    def check(self) -> None:
        """Raise LedgerUnavailable if others cannot see what is written by the connections that are open."""
        if self._known is None:
            return
        known = _status(self._path)
        if _identity(known) != self._known:
            raise LedgerUnavailable("its file was replaced while this server had it open: put it back, or restart")
        if known.st_nlink > 1 or os.path.ismount(self._path):
            # SQLite finds its log by the name, so that each name would have a log of its own.
            raise LedgerUnavailable("its file has a second name, by a hard link or a mount: link or mount its folder")
        if known.st_size < _LEAST:
            raise LedgerUnavailable("its file was emptied while this server had it open")
        if not known.st_mode & 0o222 or not os.access(self._path, os.W_OK):
            raise LedgerUnavailable("its file may not be written to")
        if self._connections and self._log != _identity_of(self._beside("-wal")):
            raise LedgerUnavailable("its -wal file was deleted or replaced while this server had it open")

    def _beside(self, suffix: str) -> Path:
        return Path(f"{os.path.realpath(self._path)}{suffix}")

    def _look_for_writers_without_log(self) -> None:
        """Raise LedgerUnavailable if a process goes on with a log that was deleted: what it wrote cannot be seen."""
        shared = self._beside("-shm")
        if not shared.exists() or self._beside("-wal").exists():
            return
        try:
            import fcntl
        except ImportError:  # Windows, where a file that is open cannot be deleted
            return
        with shared.open("rb+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _IN_USE)
            except OSError:
                raise LedgerUnavailable(
                    "its -wal file was deleted, and another process still writes to it: end that process first"
                ) from None


def _make(path: Path) -> None:
    """Make a file, and the folders it is in, unless they are there. A link that leads nowhere is not followed."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # Never opened if it is there: closing it would take the locks of all connections in this process away.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        gone = "its path is a link to a file that is not there" if path.is_symlink() else "its file is gone"
        raise LedgerUnavailable(gone) from None


def _identity(known: os.stat_result) -> tuple[int, int]:
    return known.st_dev, known.st_ino


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        return _identity(path.stat())
    except FileNotFoundError:
        return None


def _keep_to_the_user(path: Path) -> None:
    """Take the rights of others away, if that can be done."""
    with suppress(OSError):
        rights = stat.S_IMODE(path.stat().st_mode)
        if rights & _OTHERS:
            path.chmod(rights & ~_OTHERS)
