"""Jobs: found, assigned, moved through stages and states; ground truth made and removed."""

import sqlite3
from typing import Any

import orjson
from fastapi import APIRouter, Response

from include.emulator import access, fields, ground_truth
from include.emulator.answers import CvatJson, forbidden, invalid
from include.emulator.call import Somebody, UserCall, brief_user
from include.emulator.jobs import STAGES, STATES, move, touch
from include.emulator.listing import Listing

router = APIRouter()

_JOBS = Listing(
    table="jobs",
    source=access.JOBS,
    columns={
        "id": "jobs.id",
        "task_id": "jobs.task_id",
        "task_name": "tasks.name",
        "project_id": "tasks.project_id",
        "project_name": "projects.name",
        "assignee": "(SELECT username FROM users WHERE users.id = jobs.assignee_id)",
        "stage": "jobs.stage",
        "state": "jobs.state",
        "status": "jobs.status",
        "type": "jobs.type",
        "dimension": "'2d'",
        "created_date": "jobs.created_date",
        "updated_date": "jobs.updated_date",
    },
    parameters={
        "task_id": int,
        "task_name": str,
        "project_id": int,
        "project_name": str,
        "assignee": str,
        "stage": STAGES,
        "state": STATES,
        "type": ground_truth.TYPES,
        "dimension": ("2d", "3d"),
    },
    searched=("task_name", "project_name", "assignee", "state", "stage"),
)


@router.get("/api/jobs")
def list_jobs(call: Somebody) -> Response:
    visible = access.visible_jobs(call.user)
    with call.state.read() as connection:
        return CvatJson(_JOBS.answer(call, connection, visible, lambda row: _job(call, connection, row["id"])))


@router.post("/api/jobs")
def create_job(call: Somebody) -> Response:
    body = call.json()
    ground_truth.check(body)
    with call.state.write() as connection:
        task = access.task(connection, call.user, fields.whole_number(body, "task_id", 0, least=0) or 0)
        job_id = ground_truth.create(connection, task["id"], body, call.state.now())
        return CvatJson(_job(call, connection, job_id), 201)


@router.get("/api/jobs/{job_id}")
def get_job(call: Somebody, job_id: int) -> Response:
    with call.state.read() as connection:
        access.job(connection, call.user, job_id)
        return CvatJson(_job(call, connection, job_id))


@router.patch("/api/jobs/{job_id}")
def patch_job(call: Somebody, job_id: int) -> Response:
    body = call.json()
    with call.state.write() as connection:
        row = access.job(connection, call.user, job_id)
        _check_change(call, connection, row, body)
        if {"stage", "state"} & set(body):
            stage = fields.choice(body, "stage", STAGES, row["stage"])
            kept = "new" if stage != row["stage"] else row["state"]
            move(connection, job_id, stage, fields.choice(body, "state", STATES, kept))
        if "assignee" in body:
            connection.execute(
                "UPDATE jobs SET assignee_id = ?, assignee_updated_date = ? WHERE id = ?",
                (fields.user_id(connection, body["assignee"]), call.state.now(), job_id),
            )
        touch(connection, [job_id], call.state.now())
        return CvatJson(_job(call, connection, job_id))


def _check_change(call: UserCall, connection: sqlite3.Connection, row: sqlite3.Row, body: dict[str, Any]) -> None:
    """Raises 403 for a field that nobody can set here, and for one that only the task's staff can."""
    if set(body) - {"stage", "state", "assignee"}:
        raise forbidden("Attempted to update an unknown field")
    if {"stage", "assignee"} & set(body) and not access.is_task_staff(connection, call.user, row["task_id"]):
        raise forbidden()


@router.delete("/api/jobs/{job_id}")
def delete_job(call: Somebody, job_id: int) -> Response:
    with call.state.write() as connection:
        row = access.job(connection, call.user, job_id)
        if row["type"] != "ground_truth":
            raise invalid(["Only ground truth jobs can be removed"])
        if not access.is_task_staff(connection, call.user, row["task_id"]):
            raise forbidden()
        connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    return Response(status_code=204)


def _job(call: UserCall, connection: sqlite3.Connection, job_id: int) -> dict[str, Any]:
    row = connection.execute(
        "SELECT jobs.*, tasks.name AS task_name, tasks.project_id, tasks.consensus_replicas,"
        " (SELECT count(*) FROM jobs AS replicas WHERE replicas.parent_id = jobs.id) AS replica_count,"
        " projects.name AS project_name, projects.bug_tracker, data.chunk_size,"
        " (SELECT count(*) FROM issues WHERE issues.job_id = jobs.id) AS issue_count"
        f" FROM {access.JOBS} JOIN data ON data.task_id = tasks.id WHERE jobs.id = ?",
        (job_id,),
    ).fetchone()
    staff = access.is_task_staff(connection, call.user, row["task_id"])
    included, replicas = row["included_frames"], row["replica_count"]
    return {
        "url": call.url(f"api/jobs/{job_id}"),
        "id": job_id,
        "task_id": row["task_id"],
        "task_name": row["task_name"] if staff else None,
        "project_id": row["project_id"],
        "project_name": row["project_name"] if staff else None,
        "assignee": brief_user(call, connection, row["assignee_id"]),
        "guide_id": None,
        "dimension": "2d",
        "mode": "annotation",
        "media_type": "image",
        "bug_tracker": row["bug_tracker"],
        "status": row["status"],
        "stage": row["stage"],
        "state": row["state"],
        "frame_count": len(orjson.loads(included)) if included else row["stop_frame"] - row["start_frame"] + 1,
        "start_frame": row["start_frame"],
        "stop_frame": row["stop_frame"],
        "data_chunk_size": row["chunk_size"],
        "data_compressed_chunk_type": "imageset",
        "data_original_chunk_type": "imageset",
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "issues": {"url": call.url(f"api/issues?job_id={job_id}"), "count": row["issue_count"]},
        "labels": {"url": call.url(f"api/labels?job_id={job_id}")},
        "type": row["type"],
        "organization": None,
        "target_storage": None,
        "source_storage": None,
        "assignee_updated_date": row["assignee_updated_date"],
        "parent_job_id": row["parent_id"],
        "replicas_count": replicas,
        "consensus_replicas": row["consensus_replicas"] if replicas else 0,
    }
