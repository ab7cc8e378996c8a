"""Tags, shapes and tracks of jobs: checked as CVAT checks them, stored and read in bulk."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from include.emulator import jobs, labels
from include.emulator.answers import invalid

Kind = Literal["tags", "shapes", "tracks"]
KINDS: tuple[Kind, ...] = ("tags", "shapes", "tracks")
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What annotations are read from or written to: one job with all that is sent, or a task's jobs by frame. Those of
    ground truth and replicas are their own, and not the task's."""

    task: sqlite3.Row
    jobs: tuple[sqlite3.Row, ...]
    by_frame: bool

    @classmethod
    def of_task(cls, connection: sqlite3.Connection, task: sqlite3.Row) -> "Target":
        rows = connection.execute(
            "SELECT * FROM jobs WHERE task_id = ? AND type = 'annotation' ORDER BY start_frame", (task["id"],)
        ).fetchall()
        return cls(task, tuple(rows), by_frame=True)

    @classmethod
    def of_job(cls, connection: sqlite3.Connection, job: sqlite3.Row) -> "Target":
        task = connection.execute("SELECT * FROM tasks WHERE id = ?", (job["task_id"],)).fetchone()
        return cls(task, (job,), by_frame=False)

    def takes(self, job: sqlite3.Row, item: Item) -> bool:
        return not self.by_frame or job["start_frame"] <= item["frame"] <= job["stop_frame"]


@dataclass(frozen=True, slots=True)
class LabelBook:
    """The labels of a task: default attribute values by label, keyed by attribute id."""

    defaults: dict[int, dict[int, str]]

    @classmethod
    def of(cls, connection: sqlite3.Connection, task: sqlite3.Row) -> "LabelBook":
        column, owner = labels.owner_of(task)
        defaults: dict[int, dict[int, str]] = {}
        rows = connection.execute(
            "SELECT labels.id AS label_id, attributes.id AS spec_id, default_value FROM labels"
            f" LEFT JOIN attributes ON attributes.label_id = labels.id WHERE labels.{column} = ?",
            (owner,),
        )
        for row in rows:
            specs = defaults.setdefault(row["label_id"], {})
            if row["spec_id"] is not None:
                specs[row["spec_id"]] = row["default_value"]
        return cls(defaults)

    def check(self, items: Iterable[Item]) -> None:
        """Raises a 400 refusal for a label or attribute that the task does not have."""
        for item in items:
            specs = self.defaults.get(item["label_id"])
            if specs is None:
                raise invalid([f"label_id `{item['label_id']}` is invalid"])
            for value in item["attributes"]:
                if value["spec_id"] not in specs:
                    raise invalid([f"spec_id `{value['spec_id']}` is invalid"])
            self.check(item.get("elements", ()))

    def completed(self, item: Item) -> Item:
        """An item as it is read: attributes that were never set have their defaults."""
        values = item["attributes"]
        given = {value["spec_id"] for value in values}
        missing = self.defaults.get(item["label_id"], {})
        for spec_id, value in missing.items():
            if spec_id not in given:
                values.append({"spec_id": spec_id, "value": value})
        for element in item.get("elements", ()):
            self.completed(element)
        return item


def read(connection: sqlite3.Connection, target: Target) -> dict[str, Any]:
    """Everything in the target, job by job, sorted by frame."""
    book = LabelBook.of(connection, target.task)
    answer: dict[str, Any] = {"version": 0, "tags": [], "shapes": [], "tracks": [], "intervals": []}
    for job in target.jobs:
        for kind in KINDS:
            rows = connection.execute(
                f"SELECT id, label_id, frame, rest FROM {kind} WHERE job_id = ? ORDER BY frame, id", (job["id"],)
            )
            answer[kind] += [
                book.completed({"id": i, "label_id": label, "frame": frame, **orjson.loads(rest)})
                for i, label, frame, rest in rows
            ]
    return answer


def create(connection: sqlite3.Connection, target: Target, sent: dict[Kind, list[Item]], now: str) -> Item:
    """Adds what is sent, under new ids. Returns it with these, grouped by job, in the order sent within a job."""
    book = LabelBook.of(connection, target.task)
    for kind in KINDS:
        book.check(sent[kind])
    answer: dict[str, Any] = {"version": 0, "tags": [], "shapes": [], "tracks": [], "intervals": []}
    touched = set()
    for job in target.jobs:
        for kind in KINDS:
            items = [dict(item) for item in sent[kind] if target.takes(job, item)]
            if items:
                answer[kind] += _inserted(connection, kind, job["id"], items)
                touched.add(job["id"])
    jobs.touch(connection, touched, now)
    return answer


def replace(connection: sqlite3.Connection, target: Target, sent: dict[Kind, list[Item]], now: str) -> Item:
    """Deletes everything in the target, then adds what is sent."""
    clear(connection, target, now)
    return create(connection, target, sent, now)


def update(connection: sqlite3.Connection, target: Target, sent: dict[Kind, list[Item]], now: str) -> Item:
    """Puts what is sent in the place of what has its ids; what has no such id is added."""
    deleted = _deleted(connection, target, sent, now)
    kept = {
        kind: [item if item.get("id") in deleted[kind] else {**item, "id": None} for item in sent[kind]]
        for kind in KINDS
    }
    return create(connection, target, kept, now)


def delete(connection: sqlite3.Connection, target: Target, sent: dict[Kind, list[Item]], now: str) -> Item:
    """Deletes what has the ids sent. Returns what was sent, there or not."""
    _deleted(connection, target, sent, now)
    return {"version": 0, **{str(kind): items for kind, items in sent.items()}, "intervals": []}


def clear(connection: sqlite3.Connection, target: Target, now: str) -> None:
    touched = set()
    for job in target.jobs:
        for kind in KINDS:
            if connection.execute(f"DELETE FROM {kind} WHERE job_id = ?", (job["id"],)).rowcount:
                touched.add(job["id"])
    jobs.touch(connection, touched, now)


def _deleted(
    connection: sqlite3.Connection, target: Target, sent: dict[Kind, list[Item]], now: str
) -> dict[Kind, set[int]]:
    """Deletes by id; returns the ids that were there."""
    job_ids = orjson.dumps([job["id"] for job in target.jobs]).decode()
    touched: set[int] = set()
    deleted: dict[Kind, set[int]] = {}
    for kind in KINDS:
        ids = orjson.dumps([item["id"] for item in sent[kind] if item.get("id") is not None]).decode()
        rows = connection.execute(
            f"DELETE FROM {kind} WHERE id IN (SELECT value FROM json_each(?))"
            " AND job_id IN (SELECT value FROM json_each(?)) RETURNING id, job_id",
            (ids, job_ids),
        ).fetchall()
        deleted[kind] = {row["id"] for row in rows}
        touched |= {row["job_id"] for row in rows}
    jobs.touch(connection, touched, now)
    return deleted


def _inserted(connection: sqlite3.Connection, kind: Kind, job_id: int, items: list[Item]) -> list[Item]:
    numbered = items + [element for item in items for element in item.get("elements", ())]
    _number(connection, kind, numbered)
    if kind == "tracks":
        _number(connection, "tracked_shapes", [shape for track in numbered for shape in track["shapes"]])
    connection.executemany(
        f"INSERT INTO {kind} (id, job_id, label_id, frame, rest) VALUES (?, ?, ?, ?, ?)",
        [(item["id"], job_id, item["label_id"], item["frame"], orjson.dumps(_rest(item))) for item in items],
    )
    return items


def _rest(item: Item) -> Item:
    return {name: value for name, value in item.items() if name not in ("id", "label_id", "frame")}


def _number(connection: sqlite3.Connection, counter: str, items: list[Item]) -> None:
    """Gives new ids to the items that have none."""
    new = [item for item in items if item.get("id") is None]
    if not new:
        return
    (last,) = connection.execute(
        "UPDATE counters SET last = last + ? WHERE name = ? RETURNING last", (len(new), counter)
    ).fetchone()
    for number, item in enumerate(new, last - len(new) + 1):
        item["id"] = number
