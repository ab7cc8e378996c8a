"""What a request to create a task's data asks for, and the frames that it comes to."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter

from include.emulator import fields, jobs, replication
from include.emulator.answers import invalid, server_error
from include.emulator.bucket import Bucket, ObjectNotFoundError, no_intersection
from include.emulator.media import SORTING_METHODS, Frame, MediaError, in_order, is_image, read_header
from include.emulator.state import State

DEFAULT_CHUNK_SIZE = 72
_UNSUPPORTED = (
    *("remote_files", "filename_pattern", "job_file_mapping", "validation_params"),
    *("start_frame", "stop_frame", "frame_filter"),
)


@dataclass(frozen=True, slots=True)
class DataRequest:
    """The parameters of `POST /api/tasks/{id}/data` that the emulator acts on."""

    image_quality: int
    chunk_size: int
    sorting_method: str
    server_files: tuple[str, ...]
    server_files_exclude: tuple[str, ...]
    upload_file_order: tuple[str, ...]
    cloud_storage_id: int | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "DataRequest":
        """From a JSON body or a form.

        Raises:
            Refusal: 400 for values out of range and for what the emulator cannot do, 500 for a file named twice.
        """
        quality = fields.whole_number(body, "image_quality", None, least=1, most=100)
        if quality is None:
            raise invalid({"image_quality": [fields.REQUIRED]})
        for name in _UNSUPPORTED:
            if body.get(name):
                raise invalid({name: ["The emulator does not support this field."]})
        files = tuple(body.get("server_files") or ())
        if len(set(files)) != len(files):
            raise server_error()
        return cls(
            image_quality=quality,
            chunk_size=fields.whole_number(body, "chunk_size", None, least=1) or DEFAULT_CHUNK_SIZE,
            sorting_method=fields.choice(body, "sorting_method", SORTING_METHODS, "lexicographical"),
            server_files=files,
            server_files_exclude=tuple(body.get("server_files_exclude") or ()),
            upload_file_order=tuple(body.get("upload_file_order") or ()),
            cloud_storage_id=fields.whole_number(body, "cloud_storage_id", None, least=0),
        )

    def dump(self) -> bytes:
        return _ADAPTER.dump_json(self)

    @classmethod
    def load(cls, text: str) -> "DataRequest":
        return _ADAPTER.validate_json(text)


_ADAPTER = TypeAdapter(DataRequest)


def work(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], None]:
    """Reads the data that a request asks for; then the task gets it, and its jobs."""
    task_id, wanted = request["task_id"], DataRequest.load(request["parameters"])
    frames = read_frames(state, task_id, wanted)
    return lambda connection: _fill(connection, task_id, wanted, frames, state.now())


def _fill(connection: sqlite3.Connection, task_id: int, wanted: DataRequest, frames: list[Frame], now: str) -> None:
    task = connection.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if task is None:
        raise MediaError("cvat.apps.engine.models.Task.DoesNotExist: Task matching query does not exist.\n")
    size = len(frames)
    segment_size = min(task["segment_size"] or size, size)
    overlap = min(task["overlap"] or 0, segment_size // 2)
    data = connection.execute(
        "UPDATE data SET size = ?, chunk_size = ?, image_quality = ?, chunks_updated_date = ? WHERE task_id = ?"
        " RETURNING id",
        (size, wanted.chunk_size, wanted.image_quality, now, task_id),
    ).fetchone()
    connection.executemany(
        "INSERT INTO frames (data_id, number, name, width, height) VALUES (?, ?, ?, ?, ?)",
        [(data["id"], number, f.name, f.width, f.height) for number, f in enumerate(frames)],
    )
    for start, stop in jobs.cut(size, segment_size, overlap):
        replication.add_job(connection, task, start, stop, now)
    connection.execute("UPDATE tasks SET segment_size = ?, overlap = ? WHERE id = ?", (segment_size, overlap, task_id))
    jobs.touch_task(connection, task_id, now)


def read_frames(state: State, task_id: int, request: DataRequest) -> list[Frame]:
    """The frames of a task, in order. May take long; changes nothing.

    Raises:
        MediaError: there is nothing to read, or something in it cannot be read.
    """
    if request.cloud_storage_id is None:
        frames = _uploaded(state, task_id, request)
    else:
        with state.read() as connection:
            storage = connection.execute(
                "SELECT * FROM cloud_storages WHERE id = ?", (request.cloud_storage_id,)
            ).fetchone()
        frames = _linked(storage, request)
    if not frames:
        raise MediaError("ValueError: No media data found\n")
    return frames


def _uploaded(state: State, task_id: int, request: DataRequest) -> list[Frame]:
    if request.server_files:
        missing = f"/share/{request.server_files[0]}"
        raise MediaError(f"FileNotFoundError: [Errno 2] No such file or directory: '{missing}'\n")
    with state.read() as connection:
        rows = connection.execute("SELECT name FROM uploads WHERE task_id = ? ORDER BY position", (task_id,)).fetchall()
    names = [row["name"] for row in rows if is_image(row["name"])]
    if request.sorting_method == "predefined":
        wanted = {name: position for position, name in enumerate(request.upload_file_order)}
        names.sort(key=lambda name: wanted.get(name, len(wanted)))
    frames = []
    for name in in_order(names, request.sorting_method):
        path = state.uploads(task_id) / name
        with path.open("rb") as file:
            frames.append(read_header(name, file, str(path)))
    return frames


def _linked(storage: sqlite3.Row | None, request: DataRequest) -> list[Frame]:
    if storage is None:
        raise MediaError("cvat.apps.engine.models.CloudStorage.DoesNotExist: it was deleted meanwhile\n")
    bucket = Bucket(storage)
    manifests = [name for name in request.server_files if name.endswith(".jsonl")]
    try:
        if manifests:
            return _from_manifest(bucket, manifests, request)
        names = [name for name in _expanded(bucket, request) if is_image(name)]
        return [bucket.header(name) for name in in_order(names, request.sorting_method)]
    except ObjectNotFoundError as error:
        raise MediaError(f"rest_framework.exceptions.NotFound: {error}\n") from error
    except (BotoCoreError, ClientError) as error:
        raise MediaError(f"{type(error).__module__}.{type(error).__name__}: {error}\n") from error


def _from_manifest(bucket: Bucket, manifests: list[str], request: DataRequest) -> list[Frame]:
    """Frames by the manifest's word alone. A file that it does not name fails the request rather than vanish."""
    if len(manifests) > 1:
        raise MediaError("rest_framework.exceptions.ValidationError: Only one manifest file can be attached\n")
    known = {frame.name: frame for frame in bucket.manifest(manifests[0])}
    asked = [name for name in request.server_files if name not in manifests]
    names = _below(asked, known) if asked else list(known)
    names = [name for name in names if not _is_excluded(name, request)]
    if any(name not in known for name in names):
        raise no_intersection()
    return [known[name] for name in in_order(names, request.sorting_method)]


def _expanded(bucket: Bucket, request: DataRequest) -> list[str]:
    """The asked files, with folders (names that end in `/`) replaced by what lies below them."""
    names: list[str] = []
    for name in request.server_files:
        names += bucket.keys(name) if name.endswith("/") else [name]
    return [name for name in names if not _is_excluded(name, request)]


def _below(asked: list[str], known: Mapping[str, Frame]) -> list[str]:
    names: list[str] = []
    for name in asked:
        names += [key for key in known if key.startswith(name)] if name.endswith("/") else [name]
    return names


def _is_excluded(name: str, request: DataRequest) -> bool:
    return any(
        name == excluded or (excluded.endswith("/") and name.startswith(excluded))
        for excluded in request.server_files_exclude
    )
