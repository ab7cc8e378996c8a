"""The emulator's memory: one SQLite file and one folder of uploads below a data folder.

Every change is one transaction of SQLite in WAL mode, and an upload takes its name only when it is whole, so a
server that is killed at any point leaves a folder that the next one goes on with.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LOCK_TIMEOUT_S = 30.0
_VERSION = 3  # of the tables; one more whenever a column is added


class Clock:
    """Wall time plus an offset, so that a test need not wait for things to expire."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset


def stamp(moment: datetime) -> str:
    """A time as CVAT writes it, e.g. `2026-11-20T21:41:48.556661Z`; as text it sorts like time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class OldFolderError(Exception):
    """The data folder has tables of another version of the emulator."""


class State:
    """Opens the data folder, making it when it is missing. Safe to use from many threads.

    Raises:
        OldFolderError: it was written by another version of the emulator.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._database = folder / "cvat.sqlite"
        self._writing = threading.Lock()
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            self._check_version(connection)
            connection.executescript(Path(__file__).with_name("tables.sql").read_text())

    def _check_version(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and version != _VERSION:
            raise OldFolderError(
                f"{self.folder} was written by another version of the emulator (tables {version}, not {_VERSION})."
                " Start on another folder, or remove this one."
            )
        connection.execute(f"PRAGMA user_version = {_VERSION}")

    def now(self) -> str:
        return stamp(self.clock.now())

    def uploads(self, task_id: int) -> Path:
        """The folder of a task's uploaded files. It need not exist."""
        return self.folder / "uploads" / str(task_id)

    @property
    def incoming(self) -> Path:
        """The folder of files to be imported. It need not exist."""
        return self.folder / "incoming"

    def export(self, request_number: int) -> Path:
        """The file of a finished export. Its folder need not exist."""
        return self.folder / "exports" / f"{request_number}.zip"

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view of everything."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the block, undone if it raises. One at a time."""
        with self._writing, closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, timeout=_LOCK_TIMEOUT_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
