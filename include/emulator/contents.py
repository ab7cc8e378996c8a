"""Where the bytes of a task's frames are: in its folder of uploads, or in a bucket."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from include.emulator.answers import no_such
from include.emulator.bucket import Bucket
from include.emulator.state import State


@dataclass(frozen=True, slots=True)
class Contents:
    """The bytes of one task's frames, by name."""

    folder: Path
    bucket: Bucket | None
    is_local: bool

    @classmethod
    def of(cls, state: State, connection: sqlite3.Connection, data: sqlite3.Row) -> "Contents":
        storage = connection.execute(
            "SELECT * FROM cloud_storages WHERE id = ?", (data["cloud_storage_id"],)
        ).fetchone()
        return cls(state.uploads(data["task_id"]), storage and Bucket(storage), data["storage"] == "local")

    def read(self, name: str) -> bytes:
        """A frame as it was sent, read where it is now.

        Raises:
            ObjectNotFoundError: its object is gone.
            Refusal: 404 when its cloud storage is gone.
        """
        if self.is_local:
            return (self.folder / name).read_bytes()
        if self.bucket is None:
            raise no_such("CloudStorage")
        return self.bucket.read(name)
