"""A task's data on its way out: frames, chunks, previews, and what is known about the frames."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Response

from include.emulator import access, jobs, media
from include.emulator.answers import CvatJson, Refusal, invalid
from include.emulator.bucket import ObjectNotFoundError
from include.emulator.call import Somebody, UserCall
from include.emulator.contents import Contents
from include.emulator.state import State

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Range:
    """The frames that an address stands for: a task's, or one of its jobs'. Both ends belong to it. Of a ground truth's
    only some are included; people get placeholders in place of the others."""

    task_id: int
    start: int
    stop: int
    data: sqlite3.Row | None
    included: tuple[int, ...] | None = None

    def shows(self, number: int) -> bool:
        return self.included is None or number in self.included


def _of_task(call: UserCall, connection: sqlite3.Connection, task_id: int) -> _Range:
    access.task(connection, call.user, task_id)
    data = connection.execute("SELECT * FROM data WHERE task_id = ? AND size > 0", (task_id,)).fetchone()
    return _Range(task_id, 0, data["size"] - 1 if data else -1, data)


def _of_job(call: UserCall, connection: sqlite3.Connection, job_id: int) -> _Range:
    job = access.job(connection, call.user, job_id)
    data = connection.execute("SELECT * FROM data WHERE task_id = ?", (job["task_id"],)).fetchone()
    included = tuple(orjson.loads(job["included_frames"])) if job["included_frames"] else None
    return _Range(job["task_id"], job["start_frame"], job["stop_frame"], data, included)


@router.get("/api/tasks/{number}/data/meta")
def task_meta(call: Somebody, number: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_meta(connection, _of_task(call, connection, number)))


@router.get("/api/jobs/{number}/data/meta")
def job_meta(call: Somebody, number: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_meta(connection, _of_job(call, connection, number)))


@router.patch("/api/tasks/{number}/data/meta")
def patch_task_meta(call: Somebody, number: int) -> Response:
    with call.state.write() as connection:
        frames = _of_task(call, connection, number)
        _delete_frames(call, connection, frames)
        return CvatJson(_meta(connection, _of_task(call, connection, number)))


@router.patch("/api/jobs/{number}/data/meta")
def patch_job_meta(call: Somebody, number: int) -> Response:
    with call.state.write() as connection:
        frames = _of_job(call, connection, number)
        _delete_frames(call, connection, frames)
        return CvatJson(_meta(connection, _of_job(call, connection, number)))


def _delete_frames(call: UserCall, connection: sqlite3.Connection, frames: _Range) -> None:
    """Sets which of these frames are taken out; a job leaves the others' alone. Annotations stay."""
    body = call.json()
    if frames.data is None:
        raise invalid(["Data is not uploaded for the task yet"])
    if "deleted_frames" not in body:
        return
    wanted = sorted(set(body["deleted_frames"]))
    unknown = [number for number in wanted if not frames.start <= number <= frames.stop]
    if unknown:
        text = f"Unknown frames {', '.join(map(str, unknown))} requested for removal"
        raise invalid({"deleted_frames": [text]})
    others = [n for n in orjson.loads(frames.data["deleted_frames"]) if not frames.start <= n <= frames.stop]
    connection.execute(
        "UPDATE data SET deleted_frames = ? WHERE id = ?", (orjson.dumps(sorted(others + wanted)), frames.data["id"])
    )
    jobs.touch_task(connection, frames.task_id, call.state.now())


def _meta(connection: sqlite3.Connection, frames: _Range) -> dict[str, Any]:
    data = frames.data
    if data is None:
        raise invalid(["Data is not uploaded for the task yet"])
    rows = connection.execute(
        "SELECT number, name, width, height FROM frames WHERE data_id = ? AND number BETWEEN ? AND ? ORDER BY number",
        (data["id"], frames.start, frames.stop),
    )
    deleted = [n for n in orjson.loads(data["deleted_frames"]) if frames.start <= n <= frames.stop]
    return {
        "chapters": None,
        "chunks_updated_date": data["chunks_updated_date"],
        "chunk_size": data["chunk_size"],
        "size": frames.stop - frames.start + 1 if frames.included is None else len(frames.included),
        "image_quality": data["image_quality"],
        "start_frame": frames.start,
        "stop_frame": frames.stop,
        "frame_filter": "",
        "frames": [
            {
                "width": row["width"],
                "height": row["height"],
                "name": row["name"] if frames.shows(row["number"]) else "placeholder.jpg",
                "related_files": 0,
                "has_related_context": False,
            }
            for row in rows
        ],
        "deleted_frames": deleted,
        "included_frames": None if frames.included is None else list(frames.included),
        "storage": data["storage"],
        "cloud_storage_id": data["cloud_storage_id"],
    }


@router.get("/api/tasks/{number}/data")
@router.get("/api/tasks/{number}/data/")
def task_data(call: Somebody, number: int) -> Response:
    with call.state.read() as connection:
        frames = _of_task(call, connection, number)
    return _data(call, frames)


@router.get("/api/jobs/{number}/data")
@router.get("/api/jobs/{number}/data/")
def job_data(call: Somebody, number: int) -> Response:
    with call.state.read() as connection:
        frames = _of_job(call, connection, number)
    return _data(call, frames)


def _data(call: UserCall, frames: _Range) -> Response:
    query = call.query
    if query.get("type") not in ("frame", "chunk"):
        raise invalid(["Data type not specified or has wrong value"])
    if frames.data is None:
        raise Refusal(404, "Task has no media")
    quality = query.get("quality", "compressed")
    if quality not in ("compressed", "original"):
        raise invalid(["Wrong quality value"])
    if query["type"] == "chunk":
        return _chunk(call, frames, frames.data, None if quality == "original" else frames.data["image_quality"])
    number = _number(query, "number")
    if not frames.start <= number <= frames.stop:
        reach = f"[{frames.start}, {frames.stop + 1}]"
        raise Refusal(400, f"Invalid frame '{number}'. The frame number should be in the {reach} range")
    [(_, content)] = _contents(call.state, frames, number, number)
    if quality == "compressed":
        return Response(media.compressed(content, frames.data["image_quality"]), media_type="image/jpeg")
    return Response(content, media_type=media.media_type(content))


def _chunk(call: UserCall, frames: _Range, data: sqlite3.Row, quality: int | None) -> Response:
    """A chunk by its `number` in the task, or by its `index` in the job."""
    by_index = "index" in call.query
    start = _number(call.query, "index" if by_index else "number") * data["chunk_size"]
    start += frames.start if by_index else 0
    first, last = max(start, frames.start), min(start + data["chunk_size"] - 1, frames.stop)
    if first > last:
        raise Refusal(404, "The chunk is out of range")
    content = media.chunk(_contents(call.state, frames, first, last), quality)
    return Response(content, media_type="application/zip")


def _number(query: dict[str, str], name: str) -> int:
    if not query.get(name, "").isdecimal():
        raise invalid(["Number is not specified"])
    return int(query[name])


@router.get("/api/tasks/{number}/preview")
def task_preview(call: Somebody, number: int) -> Response:
    with call.state.read() as connection:
        frames = _of_task(call, connection, number)
    return _preview(call, frames)


@router.get("/api/jobs/{number}/preview")
def job_preview(call: Somebody, number: int) -> Response:
    with call.state.read() as connection:
        frames = _of_job(call, connection, number)
    return _preview(call, frames)


def _preview(call: UserCall, frames: _Range) -> Response:
    if frames.data is None:
        raise Refusal(404, "Task has no media")
    [(_, content)] = _contents(call.state, frames, frames.start, frames.start)
    return Response(media.preview(content), media_type="image/jpeg")


def _contents(state: State, frames: _Range, first: int, last: int) -> list[tuple[str, bytes]]:
    """Names and bytes of frames, read where they are now. A frame whose object is gone is a 404."""
    data = frames.data
    assert data is not None
    with state.read() as connection:
        rows = connection.execute(
            "SELECT * FROM frames WHERE data_id = ? AND number BETWEEN ? AND ? ORDER BY number",
            (data["id"], first, last),
        ).fetchall()
        contents = Contents.of(state, connection, data)
    try:
        return [
            (row["name"], contents.read(row["name"]))
            if frames.shows(row["number"])
            else ("placeholder.jpg", media.placeholder(row["width"], row["height"]))
            for row in rows
        ]
    except ObjectNotFoundError as error:
        raise Refusal(404, str(error)) from error
