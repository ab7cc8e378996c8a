"""What the tests put into the ledger."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TypeVar

from include.clients.ledger import Ledger
from include.clients.ledger.images import Discovered
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import PlannedBatch, PlannedJob, Stage
from include.lifecycle.images import Header, Reason, StoredObject, image_id
from include.lifecycle.routing import Route

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROJECT, ANNOTATOR, PREFIX = "birds", "rapidocr@1", "s3://b/in/"
HEADER = Header("JPEG", 640, 480, 1, "RGB")


def found(key: str, etag: str = "1", reason: Reason | None = None, size: int = 10) -> Discovered:
    """An object under the prefix: with a reason it is none of ours, without one it is an image."""
    stored = StoredObject(PREFIX + key, etag, size)
    return Discovered(stored, None if reason else HEADER, reason, f"why: {reason}" if reason else None)


def id_of(key: str, etag: str = "1") -> str:
    return image_id(PREFIX + key, etag)


def add(ledger: Ledger, *keys: str, project: str = PROJECT) -> list[str]:
    """New images, and their ids."""
    ledger.images.add(project, [found(key) for key in keys], [], NOW)
    return [id_of(key) for key in keys]


def predict(ledger: Ledger, ids: Sequence[str], annotator: str = ANNOTATOR) -> None:
    ledger.predictions.record(PROJECT, annotator, "s3://l/p", ids)


def batch(digest: str, ids: Sequence[str], job_size: int = 2) -> PlannedBatch:
    starts = range(0, len(ids), job_size)
    jobs = [PlannedJob(n, start, min(start + job_size, len(ids)), Route.REVIEW, 1.0) for n, start in enumerate(starts)]
    return PlannedBatch(digest, tuple(ids), tuple(jobs), (Asked(ANNOTATOR),))


def routed(
    ledger: Ledger, digest: str, *jobs: tuple[Route, float], days: int = 0, first: int = 10, task: int = 1
) -> str:
    """A batch of such jobs, an image each, that has come to people, and its id; CVAT's ids of the jobs are counted from
    `first` on."""
    ids = add(ledger, *(f"{digest}-{n}" for n in range(len(jobs))))
    planned = [PlannedJob(n, n, n + 1, route, 1.0, f"why {n}", urgency) for n, (route, urgency) in enumerate(jobs)]
    batch = PlannedBatch(digest, tuple(ids), tuple(planned), (Asked(ANNOTATOR),))
    ledger.batches.add(PROJECT, 1, [batch], NOW + timedelta(days=days))
    id_ = f"{PROJECT}-{digest}"
    ledger.batches.bind(id_, {n: first + n for n in range(len(jobs))})
    for n in range(len(jobs)):
        ledger.batches.apply(id_, n, NOW)
    ledger.batches.advance(id_, Stage.ROUTED, task_id=task)
    return id_


def plan(ledger: Ledger, digest: str, ids: Sequence[str]) -> str:
    """Record a batch, and its id."""
    ledger.batches.add(PROJECT, 2, [batch(digest, ids)], NOW)
    return f"{PROJECT}-{digest}"


def states(ledger: Ledger) -> dict[str, int]:
    """How many images there are by state and, after a colon, reason."""
    return {f"{s}:{r}" if r else s: n for (s, r), n in ledger.images.counts(PROJECT).items()}


def at_once(*work: Callable[[], T]) -> list[T | Exception]:
    """What each piece of work answers, or raises, when all begin at the same moment."""
    barrier = Barrier(len(work))

    def run(piece: Callable[[], T]) -> T | Exception:
        barrier.wait(10)
        try:
            return piece()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))
