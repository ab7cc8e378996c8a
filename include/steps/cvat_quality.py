"""CVAT's own quality reports on tasks with a finished ground truth: asked for where they are out of date, and read."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from include.clients.cvat import CvatAccess, CvatClient, InvalidError
from include.clients.cvat.lines import Watched
from include.clients.cvat.poller import wait_for_requests
from include.clients.cvat.quality import QualityReport
from include.clients.cvat.records import NotSupported
from include.clients.ledger import Ledger
from include.clients.ledger.blind import BlindKind
from include.projects.model import Project
from include.steps.batches import log


@dataclass(frozen=True, slots=True)
class BatchQuality:
    """CVAT's newest report on a batch's task."""

    batch_id: str
    report: QualityReport


def quality_reports(
    project: Project, cvat: CvatClient, access: CvatAccess, ledger: Ledger
) -> list[BatchQuality] | NotSupported:
    """The newest report of every batch whose ground truth was collected, by batch; or why the server has none.

    A report is made anew where a job of the batch was finished since, and waited for as long as the project gives CVAT
    (`cvat.request_timeout`). A task whose ground truth is not at the acceptance stage has none, and so has one whose
    report failed and that had none before.
    """
    changed = _changed(project, ledger)
    tasks = {batch.id: batch.task_id for batch in ledger.batches.get(list(changed)) if batch.task_id is not None}
    asked = dict[str, str]()
    for batch_id, task_id in tasks.items():
        newest = cvat.quality.newest(task_id)
        if newest is None or (isinstance(newest, QualityReport) and newest.created_date < changed[batch_id]):
            newest = _ask(project, batch_id, task_id, cvat, asked)
        if isinstance(newest, NotSupported):
            return newest
    _wait(project, access, asked)
    found = ((batch_id, cvat.quality.newest(task_id)) for batch_id, task_id in sorted(tasks.items()))
    return [BatchQuality(batch_id, report) for batch_id, report in found if isinstance(report, QualityReport)]


def _changed(project: Project, ledger: Ledger) -> Mapping[str, datetime]:
    """When a job of each batch with a collected ground truth was last finished."""
    moments = defaultdict[str, list[datetime]](list)
    for job in ledger.blind.of_project(project.name):
        if job.key.kind is BlindKind.GROUND_TRUTH and job.finished_at is not None:
            moments[job.key.batch_id].append(job.finished_at)
    for record in ledger.reviews.current(project.name):
        if record.batch_id in moments:
            moments[record.batch_id].append(record.finished_at)
    return {batch_id: max(of_batch) for batch_id, of_batch in moments.items()}


def _ask(project: Project, batch_id: str, task_id: int, cvat: CvatClient, asked: dict[str, str]) -> NotSupported | None:
    try:
        request = cvat.quality.ask(task_id)
    except InvalidError as error:
        log.info("project %s batch %s task %d: no quality report yet: %s", project.name, batch_id, task_id, error)
        return None
    if isinstance(request, NotSupported):
        return request
    asked[request] = f"project {project.name} batch {batch_id} task {task_id} request {request}"
    return None


def _wait(project: Project, access: CvatAccess, asked: Mapping[str, str]) -> None:
    deadline = datetime.now(UTC) + project.cvat.request_timeout
    watched = [Watched(request, deadline, name=name) for request, name in asked.items()]
    for request, ended in asyncio.run(wait_for_requests(access, watched)).items():
        if ended.answer not in ("finished", "expired"):  # a finished one is forgotten after two minutes
            log.warning("%s: the quality report is %s: %s", asked[request], ended.answer, ended.message.strip())
