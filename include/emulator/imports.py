"""Annotation imports: a file that takes the place of all annotations of a task or a job. Their source is then "file".

The emulator reads "COCO 1.0" and "CVAT 1.1". Imports in the other formats that CVAT lists are accepted and then fail,
with a message that says so.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from include.emulator import annotations
from include.emulator.annotations import Item, Kind, Target
from include.emulator.answers import Refusal
from include.emulator.formats import coco_reading, cvat_reading
from include.emulator.naming import Names
from include.emulator.requests import RequestFailure
from include.emulator.state import State
from include.emulator.validation import checked

_READERS: dict[str, Callable[[Path, Names], dict[Kind, list[Item]]]] = {
    "COCO 1.0": coco_reading.read,
    "CVAT 1.1": cvat_reading.read,
}


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A file's name among those that came in, and its format."""

    file: str
    format: str

    def dump(self) -> bytes:
        return _ADAPTER.dump_json(self)


_ADAPTER = TypeAdapter(ImportRequest)


def work(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], None]:
    """Reads the file; then its annotations replace what is there."""
    wanted = _ADAPTER.validate_json(request["parameters"])
    if wanted.format not in _READERS:
        raise RequestFailure(f"NotImplementedError: the emulator does not read {wanted.format}\n")
    with state.read() as connection:
        names = Names.of(connection, _target(connection, request))
    try:
        found = _READERS[wanted.format](state.incoming / wanted.file, names)
        sent = checked({str(kind): items for kind, items in found.items()}, new=True)
    except Refusal as refusal:
        raise RequestFailure(f"rest_framework.exceptions.ValidationError: {refusal.body}\n") from refusal

    def finish(connection: sqlite3.Connection) -> None:
        annotations.replace(connection, _target(connection, request), sent, state.now())

    return finish


def _target(connection: sqlite3.Connection, request: sqlite3.Row) -> Target:
    kind = request["target"]
    row = connection.execute(f"SELECT * FROM {kind}s WHERE id = ?", (request[f"{kind}_id"],)).fetchone()
    if row is None:
        name = kind.capitalize()
        raise RequestFailure(f"cvat.apps.engine.models.{name}.DoesNotExist: {name} matching query does not exist.\n")
    return Target.of_task(connection, row) if kind == "task" else Target.of_job(connection, row)
