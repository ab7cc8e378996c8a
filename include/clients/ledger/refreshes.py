"""The ledger's jobs that a newer version of an annotator is brought into while they wait for people."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from include.clients.ledger.batches import Applied
from include.clients.ledger.database import change
from include.clients.ledger.tables import (
    applied_shapes,
    batch_annotators,
    batches,
    job_annotators,
    jobs,
    refreshes,
)
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job with its predictions in CVAT that was given to people and, as far as was collected, not finished; and the
    annotators whose predictions it shows."""

    batch_id: str
    index: int
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Refresh:
    """A job that is being brought up to date: where its plan is kept, CVAT's updated_date when all was as the ledger
    says, and when a call was made since whose outcome is unknown."""

    batch_id: str
    job_index: int
    plan: str
    known_update: str
    called_at: datetime | None


class RefreshTable:
    """Which jobs wait with which predictions, and how far those are that are being brought up to date."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waiting(self, project: str) -> list[WaitingJob]:
        """The project's jobs that wait for people, in the order of planning."""
        query = (
            select(jobs.c.batch_id, jobs.c.index)
            .join(batches)
            .where(batches.c.project == project, batches.c.stage == Stage.ROUTED)
            .where(jobs.c.route != Route.ACCEPT, jobs.c.revision_id.is_(None), jobs.c.applied == Applied.APPLIED)
            .order_by(batches.c.planned_at, jobs.c.batch_id, jobs.c.index)
        )
        with self._engine.connect() as connection:
            shown = Shown(connection, project)
            return [WaitingJob(*row, shown.of(*row)) for row in connection.execute(query)]

    def count(self, project: str) -> int:
        """How many of the project's jobs show newer versions than they were planned with."""
        these = select(job_annotators.c.batch_id, job_annotators.c.job_index).distinct()
        mine = these.join(batches, batches.c.id == job_annotators.c.batch_id).where(batches.c.project == project)
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one()

    def under_way(self, project: str) -> list[Refresh]:
        """The project's jobs that are being brought up to date."""
        query = select(refreshes).join(batches, batches.c.id == refreshes.c.batch_id)
        mine = query.where(batches.c.project == project).order_by(refreshes.c.batch_id, refreshes.c.job_index)
        with self._engine.connect() as connection:
            return [Refresh(*row) for row in connection.execute(mine)]

    def begin(self, batch_id: str, index: int, plan: str, known_update: str) -> None:
        """Record, before anything is done to a job, what is to be done."""
        row = {"batch_id": batch_id, "job_index": index, "plan": plan, "known_update": known_update}
        with self._engine.begin() as connection:
            connection.execute(insert(refreshes).values(row))

    def call(self, batch_id: str, index: int, now: datetime) -> None:
        """Record, before CVAT is asked, that it is about to be."""
        with self._engine.begin() as connection:
            _set(connection, batch_id, index, called_at=now)

    def came(self, batch_id: str, index: int, shape_ids: Mapping[str, int], known_update: str) -> None:
        """Record the outcome of a call: CVAT's ids of the shapes that it made, by prediction."""
        rows = _rows(batch_id, index, shape_ids)
        with self._engine.begin() as connection:
            if rows:
                connection.execute(insert(applied_shapes), rows)
            _set(connection, batch_id, index, called_at=None, known_update=known_update)

    def finish(
        self,
        batch_id: str,
        index: int,
        asked: Sequence[Asked],
        gone: Collection[int],
        kept: Mapping[str, int],
    ) -> None:
        """Record that a job shows the predictions of these annotators: the ids of the shapes that were taken out for
        it, and of those that stay, by their predictions of today."""
        this_job = (job_annotators.c.batch_id == batch_id, job_annotators.c.job_index == index)
        shown = [
            {"batch_id": batch_id, "job_index": index, "position": n, "annotator": one.id, "draws": one.draws}
            for n, one in enumerate(asked)
        ]
        with self._engine.begin() as connection:
            _forget(connection, batch_id, gone)
            _rename(connection, batch_id, index, kept)
            connection.execute(delete(job_annotators).where(*this_job))
            connection.execute(insert(job_annotators), shown)
            _end(connection, batch_id, index)

    def applied(self, batch_id: str, index: int) -> dict[str, int]:
        """CVAT's ids of the shapes that were ever written into a job and not taken out again, by prediction."""
        query = select(applied_shapes.c.prediction_id, applied_shapes.c.shape_id)
        mine = query.where(applied_shapes.c.batch_id == batch_id, applied_shapes.c.job_index == index)
        with self._engine.connect() as connection:
            return {row.prediction_id: row.shape_id for row in connection.execute(mine)}

    def drop(self, batch_id: str, index: int) -> None:
        """Forget a plan of which nothing was done."""
        with self._engine.begin() as connection:
            _end(connection, batch_id, index)

    def need_attention(self, batch_id: str, index: int, note: str) -> None:
        """Leave a job that is halfway to a person, with what they need to know."""
        this_job = update(jobs).where(jobs.c.batch_id == batch_id, jobs.c.index == index)
        with self._engine.begin() as connection:
            change(
                connection, this_job.values(applied=Applied.ATTENTION, note=note), f"job {index} of batch {batch_id}"
            )
            _end(connection, batch_id, index)


class Shown:
    """The annotators whose predictions a project's jobs show: their batch's, or those that took their place since."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._by_batch: dict[str, list[Asked]] = defaultdict(list)
        self._by_job: dict[tuple[str, int], list[Asked]] = defaultdict(list)
        planned = select(batch_annotators).join(batches).where(batches.c.project == project)
        for row in connection.execute(planned.order_by(batch_annotators.c.position)):
            self._by_batch[row.batch_id].append(Asked(row.annotator, row.draws))
        since = select(job_annotators).join(batches, batches.c.id == job_annotators.c.batch_id)
        mine = since.where(batches.c.project == project).order_by(job_annotators.c.position)
        for row in connection.execute(mine):
            self._by_job[row.batch_id, row.job_index].append(Asked(row.annotator, row.draws))

    def of(self, batch_id: str, index: int) -> tuple[Asked, ...]:
        """Those of a job."""
        return tuple(self._by_job.get((batch_id, index)) or self._by_batch[batch_id])


def _set(connection: Connection, batch_id: str, index: int, **values: object) -> None:
    mine = update(refreshes).where(refreshes.c.batch_id == batch_id, refreshes.c.job_index == index)
    change(connection, mine.values(**values), f"refresh of job {index} of batch {batch_id}")


def _end(connection: Connection, batch_id: str, index: int) -> None:
    connection.execute(delete(refreshes).where(refreshes.c.batch_id == batch_id, refreshes.c.job_index == index))


def _forget(connection: Connection, batch_id: str, shape_ids: Collection[int]) -> None:
    these = delete(applied_shapes).where(applied_shapes.c.batch_id == batch_id)
    if shape_ids:
        one = these.where(applied_shapes.c.shape_id == bindparam("gone"))
        connection.execute(one, [{"gone": shape_id} for shape_id in shape_ids])


def _rename(connection: Connection, batch_id: str, index: int, kept: Mapping[str, int]) -> None:
    """A prediction that is recorded with a shape already, as one that people deleted, stays so."""
    query = select(applied_shapes.c.prediction_id).where(applied_shapes.c.batch_id == batch_id)
    known = set(connection.scalars(query.where(applied_shapes.c.job_index == index)))
    named = {prediction: id_ for prediction, id_ in kept.items() if prediction not in known}
    if named:
        _forget(connection, batch_id, list(named.values()))
        connection.execute(insert(applied_shapes), _rows(batch_id, index, named))


def _rows(batch_id: str, index: int, shape_ids: Mapping[str, int]) -> list[dict[str, object]]:
    return [
        {"batch_id": batch_id, "job_index": index, "prediction_id": prediction, "shape_id": shape}
        for prediction, shape in sorted(shape_ids.items())
    ]
