"""CVAT's own quality reports: a task's jobs against its ground truth, as the server compares them.

Recorded with CVAT 2.73. From 2.74 on reports follow "requirements" and tell no accuracy: they are not supported here.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from include.clients.cvat.errors import ConflictError, ForbiddenError, NotFoundError
from include.clients.cvat.records import NotSupported, Submitted
from include.clients.cvat.wire import Wire

_PATH = "/api/quality/reports"


class QualitySummary(msgspec.Struct, frozen=True):
    """What a report comes to. Counts are of annotations: right, of the jobs, of the ground truth, of both together;
    shares are 0..1. Conflicts by type: missing_annotation, extra_annotation, mismatching_label, low_overlap, …"""

    total_frames: int
    validation_frames: int
    conflicts_by_type: Mapping[str, int]
    valid_count: int
    ds_count: int
    gt_count: int
    total_count: int
    accuracy: float
    precision: float
    recall: float


class QualityReport(msgspec.Struct, frozen=True):
    """A report on a task. Its dates are by the server's clock: when it was made, and from when its two sides are."""

    id: int
    task_id: int
    created_date: datetime
    target_last_updated: datetime
    gt_last_updated: datetime
    summary: QualitySummary


class _Row(msgspec.Struct, frozen=True):
    """A report of whatever version."""

    id: int
    task_id: int | None
    job_id: int | None
    created_date: datetime
    target_last_updated: datetime
    gt_last_updated: datetime | None
    summary: msgspec.Raw


class Quality:
    """Asks for reports and reads them, by the ids of tasks."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def newest(self, task_id: int) -> QualityReport | NotSupported | None:
        """The task's newest report; None where there is none yet."""
        try:
            rows = self._wire.list(_PATH, _Row, {"task_id": str(task_id), "target": "task"})
            of_task = (row for row in rows if (row.task_id, row.job_id) == (task_id, None))
            row = max(of_task, key=lambda row: row.id, default=None)
        except (ForbiddenError, NotFoundError) as error:
            return NotSupported(str(error))
        return None if row is None else _report(row)

    def ask(self, task_id: int) -> str | NotSupported:
        """Have CVAT make a report, and give the request's id, also where one is under way; `newest` has it in the end.

        Raises InvalidError until the task's ground truth is completed at the acceptance stage.
        """
        try:
            return self._wire.call("POST", _PATH, Submitted, body={"task_id": task_id}).rq_id
        except ConflictError:
            return request_of(task_id)
        except (ForbiddenError, NotFoundError) as error:
            return NotSupported(str(error))


def request_of(task_id: int) -> str:
    """CVAT's id of the request that makes a task's report."""
    return f"action=calculate&target=task&target_id={task_id}&subresource=quality"


def _report(row: _Row) -> QualityReport | NotSupported:
    try:
        summary = msgspec.json.decode(row.summary, type=QualitySummary)
    except msgspec.ValidationError as error:
        return NotSupported(f"quality report {row.id} is not of the form that CVAT 2.73 gave it: {error}")
    if row.task_id is None or row.gt_last_updated is None:
        return NotSupported(f"quality report {row.id} names no task or no ground truth")
    return QualityReport(row.id, row.task_id, row.created_date, row.target_last_updated, row.gt_last_updated, summary)
