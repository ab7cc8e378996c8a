"""Quality reports: each job of a task against the task's ground truth, and the task as a whole."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal

import orjson

from include.emulator import annotations, ground_truth, labels
from include.emulator.comparison import IOU_THRESHOLD, LOW_OVERLAP_THRESHOLD, Comparison, Thing, compare
from include.emulator.requests import RequestFailure
from include.emulator.state import State

TYPE = "calculate:quality"
SETTINGS: dict[str, Any] = {
    "iou_threshold": IOU_THRESHOLD,
    "oks_sigma": 0.09,
    "point_size_base": "group_bbox_size",
    "line_thickness": 0.01,
    "low_overlap_threshold": LOW_OVERLAP_THRESHOLD,
    "compare_line_orientation": True,
    "line_orientation_threshold": 0.1,
    "compare_groups": True,
    "group_match_threshold": 0.5,
    "check_covered_annotations": True,
    "object_visibility_threshold": 0.05,
    "panoptic_comparison": True,
    "compare_attributes": True,
    "empty_is_annotated": False,
}
_PARAMETERS: dict[str, Any] = {
    "included_annotation_types": ["bbox", "points", "mask", "polygon", "polyline", "skeleton", "label", "ellipse"],
    "ignored_attributes": [],
    "inherited": False,
    "job_filter": "",
    **SETTINGS,
}


def is_checkable(connection: sqlite3.Connection, task_id: int) -> bool:
    """Whether the task has ground truth that is accepted."""
    job = ground_truth.job_of(connection, task_id)
    return job is not None and (job["stage"], job["state"]) == ("acceptance", "completed")


@dataclass(frozen=True, slots=True)
class _Part:
    """A job, or a task, with the comparisons of its frames that are in the ground truth."""

    target: Literal["job", "task"]
    key: int
    updated: str
    size: int
    frames: Mapping[int, Comparison]

    @property
    def whole(self) -> Comparison:
        return reduce(add, self.frames.values(), Comparison())


def work(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], int]:
    """Compares; then there are reports, whose first one, the task's, is the request's result."""
    with state.read() as connection:
        task = connection.execute("SELECT * FROM tasks WHERE id = ?", (request["task_id"],)).fetchone()
        truth = ground_truth.job_of(connection, request["task_id"]) if task is not None else None
        if truth is None:
            raise RequestFailure("cvat.apps.engine.models.Job.DoesNotExist: Job matching query does not exist.\n")
        names = _names(connection, task)
        jobs = annotations.Target.of_task(connection, task).jobs
        parts = [_compared(connection, task, job, truth) for job in jobs]
    checked = [part for part in parts if part.frames]

    def store(connection: sqlite3.Connection) -> int:
        frames = {frame: one for part in reversed(checked) for frame, one in part.frames.items()}
        size = max((job["stop_frame"] for job in jobs), default=-1) + 1
        whole = _Part("task", task["id"], task["updated_date"], size, dict(sorted(frames.items())))
        about = _about_jobs(jobs, checked)
        now = state.now()
        parent = _stored(connection, task["id"], whole, truth, names, now, about=about)
        for part in checked:
            _stored(connection, task["id"], part, truth, names, now, parent=parent)
        return parent

    return store


def _names(connection: sqlite3.Connection, task: sqlite3.Row) -> dict[int, str]:
    column, owner = labels.owner_of(task)
    rows = connection.execute(
        f"SELECT id, name FROM labels WHERE {column} = ? AND parent_id IS NULL ORDER BY id", (owner,)
    )
    return {row["id"]: row["name"] for row in rows}


def _compared(connection: sqlite3.Connection, task: sqlite3.Row, job: sqlite3.Row, truth: sqlite3.Row) -> _Part:
    data = connection.execute("SELECT deleted_frames FROM data WHERE task_id = ?", (task["id"],)).fetchone()
    left_out = set(orjson.loads(data["deleted_frames"]))
    chosen = [n for n in orjson.loads(truth["included_frames"]) if n not in left_out]
    frames = [n for n in chosen if job["start_frame"] <= n <= job["stop_frame"]]
    ours, theirs = _things(connection, task, job), _things(connection, task, truth)
    found = {n: compare(n, ours.get(n, []), theirs.get(n, [])) for n in frames}
    return _Part("job", job["id"], job["updated_date"], job["stop_frame"] - job["start_frame"] + 1, found)


def _things(connection: sqlite3.Connection, task: sqlite3.Row, job: sqlite3.Row) -> dict[int, list[Thing]]:
    """Shapes and tags by frame; tracks are not compared."""
    held = annotations.read(connection, annotations.Target(task, (job,), by_frame=False))
    found: dict[int, list[Thing]] = {}
    for shape in held["shapes"]:
        found.setdefault(shape["frame"], []).append(Thing(job["id"], "shape", shape))
    for tag in held["tags"]:
        found.setdefault(tag["frame"], []).append(Thing(job["id"], "tag", tag))
    return found


def _about_jobs(jobs: tuple[sqlite3.Row, ...], checked: list[_Part]) -> dict[str, Any]:
    included = {part.key for part in checked}
    rest = [job["id"] for job in jobs if job["id"] not in included]
    return {
        "all": [job["id"] for job in jobs],
        "excluded": [],
        "not_checkable": rest,
        "included_count": len(included),
        "excluded_count": 0,
        "not_checkable_count": len(rest),
        "total_count": len(jobs),
    }


def _stored(
    connection: sqlite3.Connection,
    task_id: int,
    part: _Part,
    truth: sqlite3.Row,
    names: dict[int, str],
    now: str,
    *,
    parent: int | None = None,
    about: dict[str, Any] | None = None,
) -> int:
    row = connection.execute(
        "INSERT INTO quality_reports (task_id, job_id, parent_id, summary, data, created_date, target_last_updated,"
        " gt_last_updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            *(task_id, part.key if part.target == "job" else None, parent),
            *(orjson.dumps(_summary(part, about)), orjson.dumps(_data(part, names, about))),
            *(now, part.updated, truth["updated_date"]),
        ),
    ).fetchone()
    if part.target == "job":
        connection.executemany(
            "INSERT INTO quality_conflicts (report_id, frame, type, severity, annotation_ids) VALUES (?, ?, ?, ?, ?)",
            [
                (row["id"], c.frame, c.type, c.severity, orjson.dumps(c.form["annotation_ids"]))
                for c in part.whole.conflicts
            ],
        )
    return int(row["id"])


def _summary(part: _Part, about: dict[str, Any] | None) -> dict[str, Any]:
    counts, share = part.whole.counts, len(part.frames) / part.size
    jobs = (
        {name: about[f"{name}_count"] for name in ("total", "excluded", "not_checkable", "included")} if about else {}
    )
    return {
        "total_frames": part.size,
        "frame_count": len(part.frames),
        "validation_frames": len(part.frames),
        "frame_share": share,
        "validation_frame_share": share,
        **part.whole.conflict_counts,
        **{name: counts[name] for name in ("valid_count", "ds_count", "gt_count", "total_count")},
        **part.whole.shares,
        **({"jobs": jobs} if jobs else {}),
    }


def _data(part: _Part, names: dict[int, str], about: dict[str, Any] | None) -> dict[str, Any]:
    whole, count = part.whole, len(part.frames)
    components = whole.components
    components["shape"]["mean_iou"] = 0.0  # as CVAT has it for more than a frame
    return {
        "parameters": _PARAMETERS,
        "comparison_summary": {
            "frames": list(part.frames),
            "total_frames": part.size,
            **whole.conflict_counts,
            "annotations": whole.annotations(names),
            "annotation_components": components,
            "tasks": None,
            "jobs": about,
            "mean_conflict_count": len(whole.conflicts) / count if count else 0.0,
            "frame_share": count / part.size,
            "frame_count": count,
            "frame_share_percent": count / part.size * 100,
        },
        "frame_results": {
            str(number): {
                "conflicts": [conflict.form for conflict in one.conflicts],
                "annotations": one.annotations(names),
                "annotation_components": one.components,
                **one.conflict_counts,
            }
            for number, one in part.frames.items()
        },
        "conflicts": [conflict.form for conflict in whole.conflicts],
    }
