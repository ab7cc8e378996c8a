"""How far a project's images have come, counted by the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from include.clients.ledger.tables import batches, images, jobs, revisions
from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many images, and since when the one that waits longest does; None where none does."""

    images: int = 0
    since: datetime | None = None

    def __add__(self, other: "Waiting") -> "Waiting":
        moments = [one.since for one in (self, other) if one.since]
        return Waiting(self.images + other.images, min(moments, default=None))


class Funnel:
    """Counts of images."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def images(self, project: str) -> Mapping[str, Waiting]:
        """By their own state, since they were discovered."""
        query = select(images.c.state, func.count().label("images"), func.min(images.c.discovered_at).label("since"))
        query = query.where(images.c.project == project).group_by(images.c.state)
        with self._engine.connect() as connection:
            found = {row.state: Waiting(row.images, row.since) for row in connection.execute(query)}
        return {state.value: found.get(state.value, Waiting()) for state in ImageState}

    def batches(self, project: str) -> Mapping[Stage, Waiting]:
        """Those in batches whose jobs nobody has been given yet, by the batch's stage, since it was planned."""
        query = select(
            batches.c.stage, func.sum(batches.c.size).label("images"), func.min(batches.c.planned_at).label("since")
        )
        query = query.where(batches.c.project == project, batches.c.stage != Stage.ROUTED).group_by(batches.c.stage)
        with self._engine.connect() as connection:
            return {Stage(row.stage): Waiting(row.images, row.since) for row in connection.execute(query)}

    def in_review(self, project: str) -> Waiting:
        """Those in jobs that are given to people, or are to be accepted, and have no revision yet."""
        open_ = (batches.c.project == project, batches.c.stage == Stage.ROUTED, jobs.c.revision_id.is_(None))
        query = select(
            func.sum(jobs.c.stop - jobs.c.start).label("images"), func.min(batches.c.planned_at).label("since")
        ).join(batches, batches.c.id == jobs.c.batch_id)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(*open_)).one()
        return Waiting(row.images or 0, row.since)

    def accepted(self, project: str, released: Collection[tuple[str, int, str]]) -> tuple[Waiting, Waiting]:
        """Those in jobs with a revision that is in no version yet, since it was finished; and those whose revision
        (batch, job index, id) is released."""
        query = (
            select(
                revisions.c.batch_id, revisions.c.job_index, revisions.c.id, revisions.c.images, revisions.c.finished_at
            )
            .join(
                jobs,
                (jobs.c.batch_id == revisions.c.batch_id)
                & (jobs.c.index == revisions.c.job_index)
                & (jobs.c.revision_id == revisions.c.id),
            )
            .where(revisions.c.project == project)
        )
        waiting, done = Waiting(), Waiting()
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                if (row.batch_id, row.job_index, row.id) in released:
                    done += Waiting(row.images)
                else:
                    waiting += Waiting(row.images, row.finished_at)
        return waiting, done
