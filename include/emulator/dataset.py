"""What a dataset export holds: the frames of a project, a task or a job, with their annotations and labels."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import orjson

from include.emulator import annotations, labels
from include.emulator.contents import Contents
from include.emulator.requests import RequestFailure
from include.emulator.state import State

Item = dict[str, Any]
NO_DATA = "AttributeError: 'NoneType' object has no attribute 'validation_mode'\n"  # CVAT's words


@dataclass(frozen=True, slots=True)
class Label:
    """A label as files name it; a sublabel has its skeleton's name as its parent."""

    id: int
    name: str
    type: str
    color: str
    parent: str
    attributes: tuple[sqlite3.Row, ...]

    def named_values(self, item: Item) -> list[tuple[str, str]]:
        """An item's attributes by name instead of id."""
        names = {row["id"]: row["name"] for row in self.attributes}
        return [(names[value["spec_id"]], value["value"]) for value in item["attributes"]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame with what is on it. `path` is its name, unique within its subset."""

    number: int
    task_id: int
    subset: str
    name: str
    path: str
    width: int
    height: int
    contents: Contents
    shapes: list[Item] = field(default_factory=list)
    tags: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Frames that are deleted are no part of it."""

    target: str
    row: sqlite3.Row
    jobs: tuple[sqlite3.Row, ...]
    labels: tuple[Label, ...]
    pictures: tuple[Picture, ...]

    def label(self, item: Item) -> Label:
        return next(label for label in self.labels if label.id == item["label_id"])

    def subsets(self) -> dict[str, list[Picture]]:
        """The pictures by subset; those without one are in `default`."""
        subsets: defaultdict[str, list[Picture]] = defaultdict(list)
        for picture in self.pictures:
            subsets[picture.subset or "default"].append(picture)
        return dict(subsets)


def read(state: State, connection: sqlite3.Connection, target: str, key: int) -> Dataset:
    """The dataset of a project, task or job.

    Raises:
        RequestFailure: a task has no data, or has what the emulator cannot write: tracks.
    """
    row = connection.execute(f"SELECT * FROM {target}s WHERE id = ?", (key,)).fetchone()
    if row is None:
        raise RequestFailure(
            f"{target.capitalize()}.DoesNotExist: {target.capitalize()} matching query does not exist.\n"
        )
    ordinary = "jobs.type = 'annotation' AND"
    wanted = {"project": f"{ordinary} tasks.project_id", "task": f"{ordinary} tasks.id", "job": "jobs.id"}
    jobs = connection.execute(
        f"SELECT jobs.* FROM jobs JOIN tasks ON tasks.id = jobs.task_id WHERE {wanted[target]} = ?"
        " ORDER BY tasks.id, jobs.start_frame",
        (key,),
    ).fetchall()
    if not jobs and target == "task":
        raise RequestFailure(NO_DATA)
    pictures = _unique(picture for task_jobs in _by_task(jobs) for picture in _pictures(state, connection, task_jobs))
    return Dataset(target, row, tuple(jobs), tuple(_labels(connection, target, row)), tuple(pictures))


def _by_task(jobs: list[sqlite3.Row]) -> list[list[sqlite3.Row]]:
    tasks: defaultdict[int, list[sqlite3.Row]] = defaultdict(list)
    for job in jobs:
        tasks[job["task_id"]].append(job)
    return list(tasks.values())


def _pictures(state: State, connection: sqlite3.Connection, jobs: list[sqlite3.Row]) -> Iterator[Picture]:
    task = connection.execute("SELECT * FROM tasks WHERE id = ?", (jobs[0]["task_id"],)).fetchone()
    data = connection.execute("SELECT * FROM data WHERE task_id = ?", (task["id"],)).fetchone()
    contents = Contents.of(state, connection, data)
    included = frozenset(orjson.loads(jobs[0]["included_frames"])) if jobs[0]["included_frames"] else None
    left_out = set(orjson.loads(data["deleted_frames"]))
    held = annotations.read(connection, annotations.Target(task, tuple(jobs), by_frame=False))
    if held["tracks"]:
        raise RequestFailure("NotImplementedError: the emulator does not write tracks to files\n")
    shapes, tags = _by_frame(held["shapes"]), _by_frame(held["tags"])
    rows = connection.execute(
        "SELECT * FROM frames WHERE data_id = ? AND number BETWEEN ? AND ? ORDER BY number",
        (data["id"], min(job["start_frame"] for job in jobs), max(job["stop_frame"] for job in jobs)),
    )
    for row in rows:
        number, name = row["number"], row["name"]
        if number not in left_out and (included is None or number in included):
            yield Picture(
                number,
                task["id"],
                task["subset"],
                name,
                name,
                row["width"],
                row["height"],
                contents,
                shapes[number],
                tags[number],
            )


def _by_frame(items: list[Item]) -> defaultdict[int, list[Item]]:
    frames: defaultdict[int, list[Item]] = defaultdict(list)
    for item in items:
        frames[item["frame"]].append(item)
    return frames


def _unique(pictures: Iterator[Picture]) -> Iterator[Picture]:
    """Tasks of one project may have frames of one name: later ones get a number."""
    taken: set[tuple[str, str]] = set()
    for picture in pictures:
        path, number = PurePosixPath(picture.name), 0
        while (picture.subset, str(path)) in taken:
            number += 1
            path = PurePosixPath(picture.name).with_stem(f"{PurePosixPath(picture.name).stem}_{number}")
        taken.add((picture.subset, str(path)))
        yield replace(picture, path=str(path))


def _labels(connection: sqlite3.Connection, target: str, row: sqlite3.Row) -> Iterator[Label]:
    """The labels in the order that files number them: sublabels after all others."""
    if target == "project":
        column, owner = "project_id", row["id"]
    else:
        task_id = row["id"] if target == "task" else row["task_id"]
        task = connection.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
        column, owner = labels.owner_of(task)
    rows = connection.execute(
        f"SELECT * FROM labels WHERE {column} = ? ORDER BY parent_id IS NOT NULL, id", (owner,)
    ).fetchall()
    names = {label["id"]: label["name"] for label in rows}
    for label in rows:
        attributes = connection.execute("SELECT * FROM attributes WHERE label_id = ? ORDER BY id", (label["id"],))
        parent = names.get(label["parent_id"], "")
        yield Label(label["id"], label["name"], label["type"], label["color"], parent, tuple(attributes))
