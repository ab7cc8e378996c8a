"""The ledger's jobs as people are given them: which wait, in what order, and what was decided about one."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, insert, select, update

from include.clients.ledger.batches import Applied
from include.clients.ledger.database import change
from include.clients.ledger.tables import audit, batches, jobs
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route

_DECIDED = "decide"  # the audit's word


@dataclass(frozen=True, slots=True)
class PeoplesJob:
    """A job of a batch that has come to people, with the task it is in, and until when they are asked to finish it."""

    batch_id: str
    index: int
    images: int
    route: Route
    reason: str
    urgency: float
    cvat_id: int
    task_id: int
    review_by: datetime | None

    @property
    def name(self) -> str:
        """How the audit calls it."""
        return f"{self.batch_id}/{self.index}"


class PeoplesJobs:
    """Jobs of batches that have come to people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waiting(self, project: str) -> list[PeoplesJob]:
        """The jobs for people that are not collected yet, the most urgent first, of these the oldest batch's."""
        due = (jobs.c.route != Route.ACCEPT, jobs.c.applied == Applied.APPLIED, jobs.c.revision_id.is_(None))
        order = (jobs.c.urgency.desc(), batches.c.planned_at, batches.c.id, jobs.c.index)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(_routed(project).where(*due).order_by(*order))]

    def find(self, project: str, cvat_id: int) -> PeoplesJob | None:
        """A job by CVAT's id; none where it is not the project's, or its batch has not come to people."""
        with self._engine.connect() as connection:
            row = connection.execute(_routed(project).where(jobs.c.cvat_id == cvat_id)).first()
        return None if row is None else _job(row)

    def decide(self, project: str, job: PeoplesJob, detail: str) -> bool:
        """Write a decision into the audit, unless it is the job's last one already; whether it was written.

        The job's row is locked meanwhile: of two that say the same at once, one is written.
        """
        mine = (jobs.c.batch_id == job.batch_id, jobs.c.index == job.index)
        subject = (audit.c.project == project, audit.c.action == _DECIDED, audit.c.subject == job.name)
        row = {"at": datetime.now(UTC), "project": project, "action": _DECIDED, "subject": job.name, "detail": detail}
        with self._engine.begin() as connection:
            change(connection, update(jobs).where(*mine).values(route=job.route), f"job {job.name}")
            last = connection.scalar(select(audit.c.detail).where(*subject).order_by(audit.c.id.desc()).limit(1))
            if last != detail:
                connection.execute(insert(audit).values(row))
        return last != detail


def _routed(project: str) -> Select[Any]:
    query = select(jobs, batches.c.task_id, batches.c.review_by).join(batches)
    return query.where(batches.c.project == project, batches.c.stage == Stage.ROUTED)


def _job(row: Row[Any]) -> PeoplesJob:
    values = row._mapping  # "index" is also a method of Row
    return PeoplesJob(
        batch_id=row.batch_id,
        index=values["index"],
        images=row.stop - row.start,
        route=Route(row.route),
        reason=row.reason,
        urgency=row.urgency,
        cvat_id=row.cvat_id,
        task_id=row.task_id,
        review_by=row.review_by,
    )
