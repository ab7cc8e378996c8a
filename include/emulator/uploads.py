"""Files that clients send for a task: kept under their base names, one of each name."""

import shutil
import sqlite3
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from include.emulator.answers import Refusal, server_error
from include.emulator.reading import DEFAULT_CHUNK_SIZE
from include.emulator.state import State


def base_name(name: str) -> str:
    """What CVAT keeps of a client's file name."""
    return PurePosixPath(name.replace("\\", "/")).name


def ensure_data(connection: sqlite3.Connection, task_id: int, now: str) -> None:
    """Gives the task its row of data, empty, unless it has one."""
    connection.execute(
        "INSERT OR IGNORE INTO data"
        " (task_id, size, chunk_size, image_quality, storage, deleted_frames, chunks_updated_date)"
        " VALUES (?, 0, ?, 0, 'local', '[]', ?)",
        (task_id, DEFAULT_CHUNK_SIZE, now),
    )


def keep(state: State, task_id: int, files: Iterable[tuple[str, BinaryIO]]) -> None:
    """Stores files for a task, all or none.

    Raises:
        Refusal: 500 when two have one base name, or the task has a file of that name already; as CVAT does.
    """
    named = [(base_name(name), source) for name, source in files]
    if len({name for name, _ in named}) != len(named):
        raise server_error()
    folder = state.uploads(task_id)
    parts = [(name, written(folder, source)) for name, source in named]
    claim(state, task_id, parts)


def written(folder: Path, source: BinaryIO) -> Path:
    """A new file in the folder with all of the source; a killed server's are swept away."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{uuid.uuid4().hex}.part"
    with part.open("wb") as target:
        shutil.copyfileobj(source, target)
    return part


def claim(state: State, task_id: int, parts: list[tuple[str, Path]]) -> None:
    """Makes whole files those of a task, all or none. Raises a 500 refusal when it has one of such a name."""
    try:
        with state.write() as connection:
            ensure_data(connection, task_id, state.now())
            connection.executemany(
                "INSERT INTO uploads (task_id, name) VALUES (?, ?)", [(task_id, name) for name, _ in parts]
            )
            for name, part in parts:  # before the commit: a name in the table has its file
                part.replace(state.uploads(task_id) / name)
    except sqlite3.IntegrityError:
        raise server_error() from None
    finally:
        for _, part in parts:
            part.unlink(missing_ok=True)


def sweep(state: State) -> None:
    """Removes the pieces of uploads that a killed server was still writing. Resumable ones can go on."""
    for part in (*(state.folder / "uploads").glob("*/.*.part"), *state.incoming.glob(".*.part")):
        part.unlink()


class ResumableUpload:
    """A file that arrives in pieces (TUS). Its length and name ride in the names of two files until it is whole."""

    def __init__(self, folder: Path, file_id: str) -> None:
        self._part = folder / f".{file_id}.tus"
        self._note = folder / f".{file_id}.note"

    @classmethod
    def begin(cls, folder: Path, user_id: int, name: str, length: int) -> str:
        """Returns the upload's id."""
        file_id = f"{user_id}_{uuid.uuid4()}"
        upload = cls(folder, file_id)
        folder.mkdir(parents=True, exist_ok=True)
        upload._part.touch()
        upload._note.write_text(f"{length} {base_name(name)}")
        return file_id

    def _about(self) -> tuple[int, str]:
        if not self._note.is_file() or not self._part.is_file():
            raise Refusal(404, {"detail": "Not found."})
        length, _, name = self._note.read_text().partition(" ")
        return int(length), name

    @property
    def offset(self) -> int:
        self._about()
        return self._part.stat().st_size

    @property
    def length(self) -> int:
        return self._about()[0]

    @property
    def name(self) -> str:
        return self._about()[1]

    @property
    def part(self) -> Path:
        """Where the pieces are. Once the file is whole it may be moved; then `forget` the upload."""
        return self._part

    def append(self, offset: int, piece: bytes) -> int:
        """Adds a piece at the end. Returns the new offset.

        Raises:
            Refusal: 409 when the piece does not start where the file ends, 413 when it goes past its length.
        """
        if offset != self.offset:
            raise Refusal(409, "", headers={"upload-offset": str(self.offset)})
        if offset + len(piece) > self.length:
            raise Refusal(413, "")
        with self._part.open("ab") as target:
            target.write(piece)
        return offset + len(piece)

    def forget(self) -> None:
        self._note.unlink()
