"""Quality: reports asked for and read, their conflicts, and the settings that they are made with."""

import sqlite3
from typing import Any

import orjson
from fastapi import APIRouter, Response

from include.emulator import access, fields, quality, requests
from include.emulator.answers import CvatJson, invalid, no_such
from include.emulator.call import Somebody, UserCall
from include.emulator.listing import Condition, Listing

router = APIRouter()

_OF_TASKS = "LEFT JOIN projects ON projects.id = tasks.project_id LEFT JOIN data ON data.task_id = tasks.id"
_REPORTS = Listing(
    table="quality_reports",
    source=f"quality_reports JOIN tasks ON tasks.id = quality_reports.task_id {_OF_TASKS}",
    columns={
        "id": "quality_reports.id",
        "task_id": "quality_reports.task_id",
        "job_id": "quality_reports.job_id",
        "parent_id": "quality_reports.parent_id",
        "target": "CASE WHEN quality_reports.job_id IS NULL THEN 'task' ELSE 'job' END",
        "created_date": "quality_reports.created_date",
    },
    parameters={"task_id": int, "job_id": int, "parent_id": int, "target": ("job", "task", "project")},
)
_CONFLICTS = Listing(
    table="quality_conflicts",
    source="quality_conflicts JOIN quality_reports ON quality_reports.id = quality_conflicts.report_id"
    f" JOIN tasks ON tasks.id = quality_reports.task_id {_OF_TASKS}",
    columns={
        "id": "quality_conflicts.id",
        "task_id": "quality_reports.task_id",
        "job_id": "quality_reports.job_id",
        "frame": "quality_conflicts.frame",
        "type": "quality_conflicts.type",
        "severity": "quality_conflicts.severity",
    },
    parameters={"task_id": int, "job_id": int, "frame": int, "type": str, "severity": ("warning", "error")},
)
_SETTINGS = Listing(
    table="tasks",
    source=access.TASKS,
    columns={"id": "tasks.id", "task_id": "tasks.id"},
    parameters={"task_id": int},
)


@router.post("/api/quality/reports")
def ask_for_report(call: Somebody) -> Response:
    task_id = fields.whole_number(call.json(), "task_id", None, least=0)
    if task_id is None:
        raise invalid({"task_id": [fields.REQUIRED]})
    with call.state.write() as connection:
        task = access.task(connection, call.user, task_id)
        if not quality.is_checkable(connection, task_id):
            need = "a Ground Truth job in the task at the acceptance stage and in the completed state"
            raise invalid([f"Quality reports require {need}"])
        operation = requests.Operation(quality.TYPE, "task", task["project_id"], task_id)
        name = f"action=calculate&target=task&target_id={task_id}&subresource=quality"
        request_id = requests.enqueue(connection, call.user, name, operation, b"{}", call.state.now())
    call.request.app.state.worker.wake()
    return CvatJson({"rq_id": request_id}, 202)


@router.get("/api/quality/reports")
def list_reports(call: Somebody) -> Response:
    visible = access.visible_tasks(call.user)
    with call.state.read() as connection:
        return CvatJson(_REPORTS.answer(call, connection, visible, _report))


@router.get("/api/quality/reports/{report_id}")
def get_report(call: Somebody, report_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_report(_one(call, connection, report_id)))


@router.get("/api/quality/reports/{report_id}/data")
def report_data(call: Somebody, report_id: int) -> Response:
    with call.state.read() as connection:
        row = _one(call, connection, report_id)
    data = orjson.loads(row["data"])
    for result in data["frame_results"].values():
        for conflict in result["conflicts"]:
            for named in conflict["annotation_ids"]:
                page = f"tasks/{row['task_id']}/jobs/{named['job_id']}?frame={conflict['frame_id']}"
                named["url"] = call.url(f"{page}&type={named['type']}&serverID={named['obj_id']}")
    dates = ("created_date", "target_last_updated", "gt_last_updated")
    told = {name: row[name].replace("T", " ").replace("Z", "+00:00") for name in dates}
    of = {"job_id": row["job_id"]} if row["job_id"] else {"task_id": row["task_id"]}
    content = orjson.dumps({"id": row["id"], **of, **told, "assignee": None, **data})
    return Response(content, media_type="application/json")  # a file, kept as it is answered


@router.get("/api/quality/conflicts")
def list_conflicts(call: Somebody) -> Response:
    """Those of a task's report are its jobs' together."""
    visible = access.visible_tasks(call.user)
    if (report := call.query.get("report_id", "")).isdecimal():
        visible &= Condition("quality_reports.id = ? OR quality_reports.parent_id = ?", (int(report),) * 2)
    with call.state.read() as connection:
        return CvatJson(_CONFLICTS.answer(call, connection, visible, _conflict))


@router.get("/api/quality/settings")
def list_settings(call: Somebody) -> Response:
    visible = access.visible_tasks(call.user)
    with call.state.read() as connection:
        return CvatJson(_SETTINGS.answer(call, connection, visible, _settings))


def _one(call: UserCall, connection: sqlite3.Connection, report_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM quality_reports WHERE id = ?", (report_id,)).fetchone()
    if row is None:
        raise no_such("QualityReport")
    access.task(connection, call.user, row["task_id"])
    return row


def _report(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "job_id": row["job_id"],
        "task_id": row["task_id"],
        "project_id": None,
        "parent_id": row["parent_id"],
        "target": "job" if row["job_id"] else "task",
        "summary": orjson.loads(row["summary"]),
        "created_date": row["created_date"],
        "target_last_updated": row["target_last_updated"],
        "gt_last_updated": row["gt_last_updated"],
        "assignee": None,
    }


def _conflict(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "frame": row["frame"],
        "type": row["type"],
        "annotation_ids": orjson.loads(row["annotation_ids"]),
        "report_id": row["report_id"],
        "severity": row["severity"],
    }


def _settings(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "task_id": row["id"],
        "project_id": None,
        "job_filter": "",
        "inherit": True,
        "target_metric": "accuracy",
        "target_metric_threshold": 0.7,
        "max_validations_per_job": 0,
        **quality.SETTINGS,
        "created_date": row["created_date"],
        "updated_date": row["created_date"],
    }
