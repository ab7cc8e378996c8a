"""Dataset and annotation exports: a ZIP file in one of CVAT's formats, kept for a day.

The emulator writes "COCO 1.0", "CVAT for images 1.1" and "Ultralytics YOLO Detection 1.0". Exports in the other formats
that CVAT lists are accepted and then fail, with a message that says so; so do exports of tracks.
"""

import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from include.emulator import dataset
from include.emulator.answers import Refusal
from include.emulator.bucket import Bucket, ObjectNotFoundError
from include.emulator.contents import Contents
from include.emulator.dataset import Dataset, Picture
from include.emulator.formats import coco, cvat_xml, yolo
from include.emulator.requests import RequestFailure
from include.emulator.state import State


@dataclass(frozen=True, slots=True)
class _Writer:
    write: Callable[[zipfile.ZipFile, Dataset], None]
    image_path: Callable[[Picture], str]


_WRITERS = {
    "COCO 1.0": _Writer(coco.write, coco.image_path),
    "CVAT for images 1.1": _Writer(cvat_xml.write, cvat_xml.image_path),
    "Ultralytics YOLO Detection 1.0": _Writer(yolo.write, yolo.image_path),
}


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Where a finished export goes: into a bucket under this key, or nowhere but its download.

    A `lightweight` backup is without the images that are in a bucket.
    """

    cloud_storage_id: int | None
    key: str
    lightweight: bool

    def dump(self) -> bytes:
        return _ADAPTER.dump_json(self)

    @classmethod
    def load(cls, text: str) -> "ExportRequest":
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(ExportRequest)


def work(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], None]:
    """Writes the file of a dataset export; then it can be downloaded, or lies in its bucket."""
    writer = _WRITERS.get(request["format"])
    if writer is None:
        raise RequestFailure(f"NotImplementedError: the emulator does not write {request['format']}\n")
    target = request["target"]
    with state.read() as connection:
        found = dataset.read(state, connection, target, request[f"{target}_id"])
    with exported(state, request) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        writer.write(archive, found)
        if request["type"] == "export:dataset":
            for picture in found.pictures:
                image = content(picture.contents, picture.name, picture.subset)
                archive.writestr(writer.image_path(picture), image, zipfile.ZIP_STORED)
    return put_in_place(state, request, part)


def content(contents: Contents, name: str, subset: str) -> bytes:
    """A frame's bytes. Raises `RequestFailure` when they are not to be had."""
    try:
        return contents.read(name)
    except (ObjectNotFoundError, Refusal) as error:
        item = (name.rpartition(".")[0], subset or "default")
        message = f"datumaro.components.errors.ItemExportError: Failed to export item {item}\n"
        raise RequestFailure(message) from error


@contextmanager
def exported(state: State, request: sqlite3.Row) -> Iterator[Path]:
    """A file to write an export into; it is removed if that does not come to an end."""
    part = state.export(request["number"]).with_suffix(".part")
    part.parent.mkdir(exist_ok=True)
    try:
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def put_in_place(state: State, request: sqlite3.Row, part: Path) -> Callable[[sqlite3.Connection], None]:
    """The last step of an export: its file takes its name, or goes into the bucket that was asked for."""
    destination = ExportRequest.load(request["parameters"])

    def finish(connection: sqlite3.Connection) -> None:
        storage = connection.execute(
            "SELECT * FROM cloud_storages WHERE id = ?", (destination.cloud_storage_id,)
        ).fetchone()
        if storage is not None:
            Bucket(storage).write(destination.key, part)
            part.unlink()
        else:
            part.replace(state.export(request["number"]))

    return finish


def sweep(state: State) -> None:
    """Removes files of exports that nobody can ask for any more, and those that a killed server was writing."""
    with state.read() as connection:
        rows = connection.execute(
            "SELECT number FROM requests WHERE expiry_date IS NULL OR expiry_date > ?", (state.now(),)
        ).fetchall()
    kept = {state.export(row["number"]) for row in rows}
    for path in (state.folder / "exports").glob("*"):
        if path not in kept:
            path.unlink()
