"""Backups of tasks and projects, and what is made of them: a new task without a project, or a new project.

A backup is a ZIP: `project.json` and a folder a task, or a task's files alone: `task.json`, `annotations.json` (a list,
an entry a job) and its images below `data/`, unless they are in a bucket and the backup is a lightweight one. They have
the names that CVAT gives them, but their fine print is the emulator's: neither restores the other's backups.
"""

import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter, ValidationError

from include.emulator import annotations, exports, jobs, labels
from include.emulator.annotations import KINDS, Target
from include.emulator.contents import Contents
from include.emulator.labelling import Labelling
from include.emulator.media import Frame
from include.emulator.requests import RequestFailure
from include.emulator.state import State

_VERSION: Literal["1.0"] = "1.0"


@dataclass(frozen=True, slots=True)
class _Data:
    chunk_size: int
    image_quality: int
    storage: Literal["local", "cloud_storage"]
    deleted_frames: list[int]
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class _Job:
    start_frame: int
    stop_frame: int
    status: str


@dataclass(frozen=True, slots=True)
class _Task:
    """`task.json`. A project's task has no labels of its own."""

    version: Literal["1.0"]
    name: str
    bug_tracker: str
    subset: str
    overlap: int | None
    segment_size: int
    labels: list[dict[str, Any]]
    data: _Data
    jobs: list[_Job]


@dataclass(frozen=True, slots=True)
class _Project:
    """`project.json`."""

    version: Literal["1.0"]
    name: str
    bug_tracker: str
    labels: list[dict[str, Any]]


_TASK, _PROJECT = TypeAdapter(_Task), TypeAdapter(_Project)


@dataclass(frozen=True, slots=True)
class _Packed:
    """A task's part of a backup. `media` is where its images are to be had, if they belong into it."""

    about: _Task
    annotations: list[Any]  # an object a job
    media: Contents | None

    def write(self, archive: zipfile.ZipFile, folder: str) -> None:
        if self.media is not None:
            for frame in self.about.data.frames:
                image = exports.content(self.media, frame.name, self.about.subset)
                archive.writestr(f"{folder}data/{frame.name}", image)
        archive.writestr(f"{folder}task.json", _TASK.dump_json(self.about))
        archive.writestr(f"{folder}annotations.json", orjson.dumps(self.annotations))


def export(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], None]:
    """Writes a backup; then it can be downloaded, or lies in its bucket."""
    lightweight = exports.ExportRequest.load(request["parameters"]).lightweight
    with state.read() as connection:
        project, tasks = _gathered(state, connection, request, lightweight)
    with exports.exported(state, request) as part, zipfile.ZipFile(part, "w") as archive:
        if project is not None:
            archive.writestr("project.json", _PROJECT.dump_json(project))
        for number, task in enumerate(tasks):
            task.write(archive, "" if project is None else f"task_{number}/")
    return exports.put_in_place(state, request, part)


def _gathered(
    state: State, connection: sqlite3.Connection, request: sqlite3.Row, lightweight: bool
) -> tuple[_Project | None, list[_Packed]]:
    if request["target"] == "task":
        row = connection.execute("SELECT * FROM tasks WHERE id = ?", (request["task_id"],)).fetchone()
        if row is None:
            raise RequestFailure("Task.DoesNotExist: Task matching query does not exist.\n")
        return None, [_packed(state, connection, row, Labelling.specs(connection, labels.owner_of(row)), lightweight)]
    row = connection.execute("SELECT * FROM projects WHERE id = ?", (request["project_id"],)).fetchone()
    if row is None:
        raise RequestFailure("Project.DoesNotExist: Project matching query does not exist.\n")
    tasks = connection.execute(
        "SELECT tasks.* FROM tasks JOIN data ON data.task_id = tasks.id AND size > 0 WHERE project_id = ? ORDER BY id",
        (row["id"],),
    ).fetchall()
    specs = Labelling.specs(connection, ("project_id", row["id"]))
    project = _Project(_VERSION, row["name"], row["bug_tracker"], specs)
    return project, [_packed(state, connection, task, [], lightweight) for task in tasks]


def _packed(
    state: State, connection: sqlite3.Connection, task: sqlite3.Row, specs: list[dict[str, Any]], lightweight: bool
) -> _Packed:
    data = connection.execute("SELECT * FROM data WHERE task_id = ?", (task["id"],)).fetchone()
    frames = connection.execute(
        "SELECT name, width, height FROM frames WHERE data_id = ? ORDER BY number", (data["id"],)
    )
    linked = data["storage"] == "cloud_storage" and lightweight
    target, naming = Target.of_task(connection, task), Labelling.of(connection, labels.owner_of(task))
    about = _Task(
        _VERSION,
        task["name"],
        task["bug_tracker"],
        task["subset"],
        task["overlap"],
        task["segment_size"],
        specs,
        _Data(
            data["chunk_size"],
            data["image_quality"],
            "cloud_storage" if linked else "local",
            orjson.loads(data["deleted_frames"]),
            [Frame(*frame) for frame in frames],
        ),
        [_Job(job["start_frame"], job["stop_frame"], job["status"]) for job in target.jobs],
    )
    held = [annotations.read(connection, Target(task, (job,), by_frame=False)) for job in target.jobs]
    named = [{kind: [naming.named(item) for item in of_job[kind]] for kind in KINDS} for of_job in held]
    return _Packed(about, named, None if linked else Contents.of(state, connection, data))


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """A task out of a backup, with a folder that its images lie in."""

    about: _Task
    annotations: list[Any]  # an object a job
    media: Path


def restore(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], int]:
    """Unpacks a backup; then there is a new task or project, whose id is the request's result."""
    file = state.incoming / orjson.loads(request["parameters"])["file"]
    staging = state.folder / "uploads" / f".restoring-{request['number']}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with zipfile.ZipFile(file) as archive:
            project = _PROJECT.validate_json(archive.read("project.json")) if request["target"] == "project" else None
            folders = [name[: -len("task.json")] for name in archive.namelist() if name.endswith("task.json")]
            tasks = [_unpacked(archive, folder, staging / str(i)) for i, folder in enumerate(sorted(folders))]
    except zipfile.BadZipFile as error:
        raise RequestFailure(f"zipfile.BadZipFile: {error}\n") from error
    except (KeyError, ValidationError, orjson.JSONDecodeError) as error:
        raise RequestFailure(f"ValueError: this is no backup of a {request['target']}: {error}\n") from error
    if project is None and len(tasks) != 1:
        raise RequestFailure("ValueError: this is no backup of a task\n")

    def finish(connection: sqlite3.Connection) -> int:
        project_id = None if project is None else _add_project(connection, request, project, state.now())
        task_ids = [_add_task(state, connection, request, task, project_id) for task in tasks]
        shutil.rmtree(staging, ignore_errors=True)
        return task_ids[0] if project_id is None else project_id

    return finish


def _unpacked(archive: zipfile.ZipFile, folder: str, media: Path) -> _Unpacked:
    about = _TASK.validate_json(archive.read(f"{folder}task.json"))
    media.mkdir(parents=True)
    for frame in about.data.frames if about.data.storage == "local" else ():
        if ".." in PurePosixPath(frame.name).parts or PurePosixPath(frame.name).is_absolute():
            raise RequestFailure(f"ValueError: {frame.name} is no name of a frame\n")
        target = media / frame.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.read(f"{folder}data/{frame.name}"))
    return _Unpacked(about, orjson.loads(archive.read(f"{folder}annotations.json")), media)


def _add_project(connection: sqlite3.Connection, request: sqlite3.Row, about: _Project, now: str) -> int:
    row = connection.execute(
        "INSERT INTO projects (name, owner_id, bug_tracker, created_date, updated_date)"
        " VALUES (?, ?, ?, ?, ?) RETURNING id",
        (about.name, request["owner_id"], about.bug_tracker, now, now),
    ).fetchone()
    for spec in about.labels:
        labels.add(connection, ("project_id", row["id"]), spec)
    return int(row["id"])


def _add_task(
    state: State, connection: sqlite3.Connection, request: sqlite3.Row, task: _Unpacked, project_id: int | None
) -> int:
    about, now = task.about, state.now()
    row = connection.execute(
        "INSERT INTO tasks (name, project_id, owner_id, bug_tracker, subset, overlap, segment_size, created_date,"
        " updated_date) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (
            about.name,
            project_id,
            request["owner_id"],
            about.bug_tracker,
            about.subset,
            about.overlap,
            about.segment_size,
            now,
            now,
        ),
    ).fetchone()
    for spec in about.labels if project_id is None else ():
        labels.add(connection, ("task_id", row["id"]), spec)
    _add_data(connection, row["id"], about.data, now)
    connection.executemany(
        "INSERT INTO jobs (task_id, start_frame, stop_frame, status, created_date, updated_date)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(row["id"], job.start_frame, job.stop_frame, job.status, now, now) for job in about.jobs],
    )
    _add_annotations(connection, row, task.annotations, now)
    jobs.touch_task(connection, row["id"], now)
    folder = state.uploads(row["id"])
    shutil.rmtree(folder, ignore_errors=True)  # a killed server may have left one
    task.media.rename(folder)
    return int(row["id"])


def _add_data(connection: sqlite3.Connection, task_id: int, data: _Data, now: str) -> None:
    row = connection.execute(
        "INSERT INTO data (task_id, size, chunk_size, image_quality, storage, deleted_frames, chunks_updated_date)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            task_id,
            len(data.frames),
            data.chunk_size,
            data.image_quality,
            data.storage,
            orjson.dumps(data.deleted_frames),
            now,
        ),
    ).fetchone()
    connection.executemany(
        "INSERT INTO frames (data_id, number, name, width, height) VALUES (?, ?, ?, ?, ?)",
        [(row["id"], number, f.name, f.width, f.height) for number, f in enumerate(data.frames)],
    )


def _add_annotations(connection: sqlite3.Connection, task: sqlite3.Row, held: list[Any], now: str) -> None:
    naming = Labelling.of(connection, labels.owner_of(task))
    target = Target.of_task(connection, task)
    for job, of_job in zip(target.jobs, held, strict=True):
        sent = {kind: [naming.numbered(item) for item in of_job[kind]] for kind in KINDS}
        annotations.create(connection, Target(task, (job,), by_frame=False), sent, now)


def sweep(state: State) -> None:
    """Removes what a killed server had unpacked."""
    for folder in (state.folder / "uploads").glob(".restoring-*"):
        shutil.rmtree(folder)
