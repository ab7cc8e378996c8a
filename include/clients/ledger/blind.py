"""The ledger's blind jobs: what was asked of CVAT, over which images, how probable each was, and what came of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, insert, select, update

from include.clients.ledger.database import change
from include.clients.ledger.tables import batches, blind_jobs


class BlindKind(StrEnum):
    """How people come to draw on an image from scratch."""

    GROUND_TRUTH = "ground_truth"  # a task's one job, over chosen frames
    REPLICA = "replica"  # a copy of an ordinary job


@dataclass(frozen=True, slots=True)
class BlindKey:
    """Which blind job it is: of a task's ground truth there is one (0, 0), of each ordinary job's copies several."""

    batch_id: str
    kind: BlindKind
    job_index: int = 0
    copy: int = 0

    def __str__(self) -> str:
        if self.kind is BlindKind.GROUND_TRUTH:
            return f"{self.batch_id}/ground truth"
        return f"{self.batch_id}/{self.job_index}/replica {self.copy}"


@dataclass(frozen=True, slots=True)
class WantedBlind:
    """A blind job to be: these frames of its batch, each with this probability of being in such a job (0..1)."""

    key: BlindKey
    frames: tuple[int, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class BlindJob:
    """A blind job as recorded. Without a CVAT id it was asked for, and CVAT has not been seen to have it; with a URI it
    was finished and is kept; the note says why it is not there, or cannot be kept."""

    key: BlindKey
    frames: tuple[int, ...]
    probability: float
    asked_at: datetime
    cvat_id: int | None
    note: str | None
    seen_update: str | None
    uri: str | None
    finished_by: str | None
    finished_at: datetime | None
    assigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What a finished blind job came to: where it is kept, of which update, by whom and when."""

    uri: str
    seen_update: str
    finished_by: str
    finished_at: datetime
    assigned_at: datetime | None


class BlindTable:
    """Blind jobs by batch, kind, job and copy: none can be written twice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def intend(self, wanted: Iterable[WantedBlind], now: datetime) -> None:
        """Record, before CVAT is asked, what is about to be. One that is recorded keeps its frames and probability, as
        CVAT may have it already; only the moment moves."""
        with self._engine.begin() as connection:
            for one in wanted:
                mine = update(blind_jobs).where(*_is(one.key)).values(asked_at=now)
                if connection.execute(mine).rowcount == 0:
                    connection.execute(insert(blind_jobs).values(_row(one, now)))

    def bind(self, wanted: WantedBlind, cvat_id: int, now: datetime) -> None:
        """Record CVAT's id of a blind job, whether it was asked for or found."""
        self._put(wanted, now, cvat_id=cvat_id, note=None)

    def lack(self, wanted: WantedBlind, reason: str, now: datetime) -> None:
        """Note why CVAT does not have it."""
        self._put(wanted, now, note=reason)

    def keep(self, key: BlindKey, kept: Kept) -> None:
        """Record where a finished one is kept."""
        self._set(
            key,
            uri=kept.uri,
            seen_update=kept.seen_update,
            finished_by=kept.finished_by,
            finished_at=kept.finished_at,
            assigned_at=kept.assigned_at,
            note=None,
        )

    def refuse(self, key: BlindKey, reason: str) -> None:
        """Note why a finished one cannot be kept. What was kept of it before stays."""
        self._set(key, note=reason)

    def of_project(self, project: str) -> list[BlindJob]:
        """All blind jobs of a project's batches, by batch, kind, job and copy."""
        columns = (blind_jobs.c.batch_id, blind_jobs.c.kind, blind_jobs.c.job_index, blind_jobs.c.copy)
        query = select(blind_jobs).join(batches).where(batches.c.project == project)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(query.order_by(*columns))]

    def _put(self, wanted: WantedBlind, now: datetime, **values: object) -> None:
        with self._engine.begin() as connection:
            mine = update(blind_jobs).where(*_is(wanted.key)).values(values)
            if connection.execute(mine).rowcount == 0:
                connection.execute(insert(blind_jobs).values(_row(wanted, now) | values))

    def _set(self, key: BlindKey, **values: object) -> None:
        with self._engine.begin() as connection:
            change(connection, update(blind_jobs).where(*_is(key)).values(**values), f"blind job {key}")


def _is(key: BlindKey) -> tuple[ColumnElement[bool], ...]:
    return (
        blind_jobs.c.batch_id == key.batch_id,
        blind_jobs.c.kind == key.kind,
        blind_jobs.c.job_index == key.job_index,
        blind_jobs.c.copy == key.copy,
    )


def _row(one: WantedBlind, now: datetime) -> dict[str, object]:
    return {
        "batch_id": one.key.batch_id,
        "kind": one.key.kind,
        "job_index": one.key.job_index,
        "copy": one.key.copy,
        "frames": json.dumps(one.frames),
        "probability": one.probability,
        "asked_at": now,
    }


def _job(row: Row[Any]) -> BlindJob:
    return BlindJob(
        key=BlindKey(row.batch_id, BlindKind(row.kind), row.job_index, row.copy),
        frames=tuple(json.loads(row.frames)),
        probability=row.probability,
        asked_at=row.asked_at,
        cvat_id=row.cvat_id,
        note=row.note,
        seen_update=row.seen_update,
        uri=row.uri,
        finished_by=row.finished_by,
        finished_at=row.finished_at,
        assigned_at=row.assigned_at,
    )
