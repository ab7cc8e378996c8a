"""The ledger's batches and jobs: how far each has come, and what was brought into CVAT."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from include.clients.ledger.database import change
from include.clients.ledger.plans import NotWaitingError, record
from include.clients.ledger.tables import applied_shapes, batch_annotators, batches, jobs
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import PlannedBatch, Stage
from include.lifecycle.routing import Route

_CHUNK = 500  # SQLite takes 32,766 variables a statement at the most


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as recorded, with the annotators that were asked about its images. Its id is the CVAT task's name too."""

    id: str
    project: str
    size: int
    job_size: int
    asked: tuple[Asked, ...]
    stage: Stage
    reason: str | None
    task_id: int | None
    request_id: str | None
    deadline: datetime | None
    asked_at: datetime | None
    attempts: int
    planned_at: datetime


class Applied(StrEnum):
    """What is known of a job's predictions in CVAT: nothing (null), then one of these."""

    INTENDED = "intended"  # asked for; whether CVAT did it is not known
    APPLIED = "applied"
    ATTENTION = "attention"  # unknown, and people may have been there since: a person decides


@dataclass(frozen=True, slots=True)
class Job:
    """A job as recorded: frames start to stop (exclusive) of its batch."""

    batch_id: str
    index: int
    start: int
    stop: int
    route: Route
    probability: float
    reason: str
    urgency: float
    cvat_id: int | None
    applied: Applied | None
    applied_at: datetime | None
    note: str | None
    seen_update: str | None
    revision_id: str | None


class BatchTable:
    """Batches, their jobs, and the shapes that were applied."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, project: str, job_size: int, planned: Iterable[PlannedBatch], now: datetime) -> int:
        """Record a plan, whole or not at all, and say how many batches it made. Images leave their waiting state.

        Raises NotWaitingError where an image is in a batch already, or was set aside since it was planned.
        """
        count = 0
        try:
            with self._engine.begin() as connection:
                for batch in planned:
                    record(connection, project, job_size, batch, now)
                    count += 1
        except IntegrityError as error:
            raise NotWaitingError(f"another run has planned the same batch of {project}: run again") from error
        return count

    def at(self, project: str, *stages: Stage) -> list[Batch]:
        """The project's batches in these stages, in the order of planning."""
        query = select(batches).where(batches.c.project == project, batches.c.stage.in_(stages))
        return self._batches(query.order_by(batches.c.planned_at, batches.c.id))

    def get(self, ids: Sequence[str]) -> list[Batch]:
        """Batches by id, in the order of planning."""
        query = select(batches).where(batches.c.id.in_(ids)).order_by(batches.c.planned_at, batches.c.id)
        return self._batches(query)

    def ask(self, batch_id: str, now: datetime) -> None:
        """Record, before CVAT is asked, that it is about to be: a run after a kill knows that it may have happened."""
        self._set_batch(batch_id, asked_at=now)

    def advance(self, batch_id: str, stage: Stage, **facts: int | str | datetime | None) -> None:
        """Record that a batch has come to a stage, with what became known by it (task_id, request_id, deadline)."""
        self._set_batch(batch_id, stage=stage, asked_at=None, **facts)

    def fail(self, batch_id: str, reason: str) -> None:
        """Set a batch aside; the others go on."""
        self.advance(batch_id, Stage.FAILED, reason=reason)

    def in_attention(self, project: str) -> list[Job]:
        """The jobs that wait for a person's decision about their predictions."""
        waiting = (batches.c.project == project, jobs.c.applied == Applied.ATTENTION)
        query = select(jobs).join(batches).where(*waiting).order_by(jobs.c.batch_id, jobs.c.index)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(query)]

    def take_back(self, project: str) -> list[str]:
        """Put the batches that were set aside back to planned, and say which."""
        aside = (batches.c.project == project, batches.c.stage == Stage.FAILED)
        anew = {"stage": Stage.PLANNED, "reason": None, "attempts": 0, "request_id": None, "deadline": None}
        with self._engine.begin() as connection:
            ids = list(connection.scalars(select(batches.c.id).where(*aside).order_by(batches.c.id)))
            connection.execute(update(batches).where(*aside).values(anew))
        return ids

    def set_review_by(self, batch_ids: Sequence[str], moment: datetime) -> list[str]:
        """Record until when people are asked to finish batches, and say of which: one that has a time keeps it."""
        open_ = (batches.c.id.in_(batch_ids), batches.c.review_by.is_(None))
        with self._engine.begin() as connection:
            ids = list(connection.scalars(select(batches.c.id).where(*open_).order_by(batches.c.id)))
            connection.execute(update(batches).where(batches.c.id.in_(ids)).values(review_by=moment))
        return ids

    def late(self, project: str, now: datetime) -> dict[str, datetime]:
        """Batches of which people should have finished all jobs by now, and have not, as far as was collected; with
        the time."""
        unfinished = (jobs.c.route != Route.ACCEPT, jobs.c.revision_id.is_(None))
        query = (
            select(batches.c.id, batches.c.review_by)
            .join(jobs)
            .where(batches.c.project == project, batches.c.review_by < now, *unfinished)
            .distinct()
        )
        with self._engine.connect() as connection:
            return {row.id: row.review_by for row in connection.execute(query.order_by(batches.c.id))}

    def planned_since(self, project: str, moment: datetime) -> Mapping[Route, int]:
        """How many images were planned from a moment on, by the route of their jobs."""
        images_of = func.sum(jobs.c.stop - jobs.c.start)
        query = select(jobs.c.route, images_of).join(batches).where(batches.c.project == project)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(batches.c.planned_at >= moment).group_by(jobs.c.route))
            return {Route(route): int(count) for route, count in rows}

    def counts(self, project: str) -> Mapping[str, int]:
        """How many batches are in each stage."""
        query = (
            select(batches.c.stage, func.count().label("total"))
            .where(batches.c.project == project)
            .group_by(batches.c.stage)
        )
        with self._engine.connect() as connection:
            return {row.stage: row.total for row in connection.execute(query)}

    def jobs(self, batch_id: str) -> list[Job]:
        """A batch's jobs by index."""
        with self._engine.connect() as connection:
            query = select(jobs).where(jobs.c.batch_id == batch_id).order_by(jobs.c.index)
            return [_job(row) for row in connection.execute(query)]

    def jobs_by_cvat(self, project: str) -> dict[int, Job]:
        """The project's jobs that CVAT knows, by CVAT's id."""
        query = select(jobs).join(batches).where(batches.c.project == project, jobs.c.cvat_id.is_not(None))
        with self._engine.connect() as connection:
            return {row.cvat_id: _job(row) for row in connection.execute(query)}

    def bind(self, batch_id: str, cvat_ids: Mapping[int, int]) -> None:
        """Record CVAT's ids of a batch's jobs, by index."""
        with self._engine.begin() as connection:
            for index, cvat_id in cvat_ids.items():
                _set_job(connection, batch_id, index, cvat_id=cvat_id)

    def intend(self, batch_id: str, index: int, now: datetime) -> None:
        """Record, before CVAT is asked, that a job's predictions are about to be written."""
        with self._engine.begin() as connection:
            _set_job(connection, batch_id, index, applied=Applied.INTENDED, applied_at=now)

    def record(self, batch_id: str, index: int, shape_ids: Mapping[str, int]) -> None:
        """Record a part of the outcome: CVAT's shape id of each prediction that is known to be there."""
        rows = [
            {"batch_id": batch_id, "job_index": index, "prediction_id": prediction, "shape_id": shape}
            for prediction, shape in sorted(shape_ids.items())
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(applied_shapes), rows)

    def apply(self, batch_id: str, index: int, now: datetime) -> None:
        """Record that all parts of a job's predictions are in CVAT."""
        with self._engine.begin() as connection:
            _set_job(connection, batch_id, index, applied=Applied.APPLIED, applied_at=now)

    def need_attention(self, batch_id: str, index: int, note: str) -> None:
        """Leave a job to a person, with what they need to know."""
        with self._engine.begin() as connection:
            _set_job(connection, batch_id, index, applied=Applied.ATTENTION, note=note)

    def applied_shapes(self, batch_id: str) -> dict[str, int]:
        """CVAT's shape ids by prediction, of all jobs of a batch."""
        query = select(applied_shapes.c.prediction_id, applied_shapes.c.shape_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(applied_shapes.c.batch_id == batch_id))
            return {row.prediction_id: row.shape_id for row in rows}

    def _set_batch(self, batch_id: str, **values: object) -> None:
        with self._engine.begin() as connection:
            mine = update(batches).where(batches.c.id == batch_id)
            change(connection, mine.values(**values), f"batch {batch_id}")

    def _batches(self, query: Any) -> list[Batch]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            asked = _asked(connection, [row.id for row in rows])
        return [_batch(row, tuple(asked[row.id])) for row in rows]


def _set_job(connection: Connection, batch_id: str, index: int, **values: object) -> None:
    mine = update(jobs).where(jobs.c.batch_id == batch_id, jobs.c.index == index)
    change(connection, mine.values(**values), f"job {index} of batch {batch_id}")


def _asked(connection: Connection, batch_ids: Sequence[str]) -> Mapping[str, list[Asked]]:
    found: dict[str, list[Asked]] = defaultdict(list)
    for start in range(0, len(batch_ids), _CHUNK):
        these = batch_annotators.c.batch_id.in_(batch_ids[start : start + _CHUNK])
        query = select(batch_annotators).where(these).order_by(batch_annotators.c.position)
        for row in connection.execute(query):
            found[row.batch_id].append(Asked(row.annotator, row.draws))
    return found


def _batch(row: Row[Any], asked: tuple[Asked, ...]) -> Batch:
    return Batch(
        id=row.id,
        project=row.project,
        size=row.size,
        job_size=row.job_size,
        asked=asked,
        stage=Stage(row.stage),
        reason=row.reason,
        task_id=row.task_id,
        request_id=row.request_id,
        deadline=row.deadline,
        asked_at=row.asked_at,
        attempts=row.attempts,
        planned_at=row.planned_at,
    )


def _job(row: Row[Any]) -> Job:
    values = row._mapping  # "index" is also a method of Row
    return Job(
        batch_id=row.batch_id,
        index=values["index"],
        start=row.start,
        stop=row.stop,
        route=Route(row.route),
        probability=row.probability,
        reason=row.reason,
        urgency=row.urgency,
        cvat_id=row.cvat_id,
        applied=None if row.applied is None else Applied(row.applied),
        applied_at=row.applied_at,
        note=row.note,
        seen_update=row.seen_update,
        revision_id=row.revision_id,
    )
