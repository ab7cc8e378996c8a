"""The ledger's revisions and evaluations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, insert, select, update

from include.clients.ledger.database import change
from include.clients.ledger.quality_tables import evaluations
from include.clients.ledger.refreshes import Shown
from include.clients.ledger.tables import jobs, revisions
from include.lifecycle.assignment import Asked
from include.lifecycle.reviews import Acceptance, Revision


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """Where a job's current revision is kept, how it came to count, and the annotators that were asked about its
    images, or whose newer versions took their place before people began; who finished it, and when that person was
    given it (the name is empty and the moment None where CVAT does not tell); and how many images it has."""

    id: str
    batch_id: str
    job_index: int
    asked: tuple[Asked, ...]
    uri: str
    accepted: Acceptance
    finished_at: datetime
    finished_by: str
    assigned_at: datetime | None
    images: int


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """Where an evaluation is kept, and its run in MLflow once it is logged."""

    id: str
    annotator: str
    uri: str
    mlflow_run_id: str | None
    created_at: datetime


class ReviewTable:
    """What people, or the model alone, made of the jobs, and how the predictions compare."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, project: str, revision: Revision, uri: str, seen_update: str, assigned_at: datetime | None = None
    ) -> None:
        """Make a revision its job's current one. The same revision again only moves the moment it was seen."""
        key = (revisions.c.id == revision.id, revisions.c.batch_id == revision.batch_id)
        this_job = (jobs.c.batch_id == revision.batch_id, jobs.c.index == revision.job_index)
        with self._engine.begin() as connection:
            known = select(revisions.c.id).where(*key, revisions.c.job_index == revision.job_index)
            if connection.execute(known).first() is None:
                connection.execute(insert(revisions).values(_row(project, revision, uri, assigned_at)))
            seen = {"revision_id": revision.id, "seen_update": seen_update, "note": None}
            what = f"job {revision.job_index} of batch {revision.batch_id}"
            change(connection, update(jobs).where(*this_job).values(seen), what)

    def refuse(self, batch_id: str, job_index: int, reason: str) -> None:
        """Note why a finished job's annotations cannot be kept. The revision that it had before stays current."""
        this_job = (jobs.c.batch_id == batch_id, jobs.c.index == job_index)
        with self._engine.begin() as connection:
            noted = update(jobs).where(*this_job).values(note=reason, seen_update=None)
            change(connection, noted, f"job {job_index} of batch {batch_id}")

    def current(self, project: str) -> list[RevisionRecord]:
        """The current revision of every finished job, in a stable order."""
        query = (
            select(revisions)
            .join(
                jobs,
                (jobs.c.batch_id == revisions.c.batch_id)
                & (jobs.c.index == revisions.c.job_index)
                & (jobs.c.revision_id == revisions.c.id),
            )
            .where(revisions.c.project == project)
            .order_by(revisions.c.batch_id, revisions.c.job_index)
        )
        with self._engine.connect() as connection:
            shown = Shown(connection, project)
            return [
                RevisionRecord(
                    id=row.id,
                    batch_id=row.batch_id,
                    job_index=row.job_index,
                    asked=shown.of(row.batch_id, row.job_index),
                    uri=row.uri,
                    accepted=Acceptance(row.accepted),
                    finished_at=row.finished_at,
                    finished_by=row.finished_by,
                    assigned_at=row.assigned_at,
                    images=row.images,
                )
                for row in connection.execute(query)
            ]

    def evaluation(self, evaluation_id: str) -> EvaluationRecord | None:
        """An evaluation by id, if it was made."""
        return self._first(select(evaluations).where(evaluations.c.id == evaluation_id))

    def newest_evaluations(self, project: str) -> dict[str, EvaluationRecord]:
        """The newest of each annotator."""
        query = select(evaluations).where(evaluations.c.project == project)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(evaluations.c.created_at, evaluations.c.id))
            return {row.annotator: _evaluation(row) for row in rows}

    def latest_evaluation(self, project: str) -> EvaluationRecord | None:
        """The project's newest evaluation, if there is one."""
        query = select(evaluations).where(evaluations.c.project == project)
        return self._first(query.order_by(evaluations.c.created_at.desc(), evaluations.c.id).limit(1))

    def add_evaluation(self, project: str, evaluation_id: str, annotator: str, uri: str, now: datetime) -> None:
        """Record an evaluation as its annotator's newest; one that is known becomes it again, and keeps its run."""
        values = {"project": project, "annotator": annotator, "uri": uri, "created_at": now}
        known = update(evaluations).where(evaluations.c.id == evaluation_id)
        with self._engine.begin() as connection:
            if connection.execute(known.values(values)).rowcount == 0:
                connection.execute(insert(evaluations).values(id=evaluation_id, **values))

    def set_run(self, evaluation_id: str, run_id: str) -> None:
        """Record the MLflow run of an evaluation."""
        with self._engine.begin() as connection:
            mine = update(evaluations).where(evaluations.c.id == evaluation_id)
            change(connection, mine.values(mlflow_run_id=run_id), f"evaluation {evaluation_id}")

    def _first(self, query: Select[Any]) -> EvaluationRecord | None:
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _evaluation(row)


def _evaluation(row: Row[Any]) -> EvaluationRecord:
    return EvaluationRecord(row.id, row.annotator, row.uri, row.mlflow_run_id, row.created_at)


def _row(project: str, revision: Revision, uri: str, assigned_at: datetime | None) -> dict[str, object]:
    return {
        "id": revision.id,
        "batch_id": revision.batch_id,
        "job_index": revision.job_index,
        "project": project,
        "uri": uri,
        "accepted": revision.accepted,
        "images": len(revision.image_ids),
        "finished_by": revision.finished_by,
        "finished_at": datetime.fromisoformat(revision.finished_at),
        "assigned_at": assigned_at,
    }
