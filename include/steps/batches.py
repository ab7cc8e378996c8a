"""What the steps of a batch share: one bad batch is set aside with its reason, the others go on."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from include.clients.cvat import InvalidError, NotFoundError
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.lifecycle.batches import Stage
from include.projects.model import Project

log = logging.getLogger(__name__)
T = TypeVar("T")


class BatchError(Exception):
    """Something is wrong with one batch that another try would not mend."""


def each_batch(batch_ids: Sequence[str], stage: Stage, ledger: Ledger, work: Callable[[Batch], None]) -> int:
    """Do the work for every batch that is at the stage, and say how many it was done for.

    A batch that CVAT refuses is set aside with the reason. What concerns the server as a whole (unreachable, wrong
    credentials, an unknown outcome) is raised: the run is tried again, and finds each batch at its own stage.
    """
    done = 0
    for batch in ledger.batches.get(batch_ids):
        if batch.stage is not stage:
            continue
        try:
            work(batch)
            done += 1
        except (BatchError, InvalidError, NotFoundError) as error:
            set_aside(batch, str(error), ledger)
    return done


def set_aside(batch: Batch, reason: str, ledger: Ledger) -> None:
    """Take a batch off its way, with its reason in the ledger, its audit and the log."""
    log.error("%s: set aside at %s: %s", words(batch), batch.stage, reason)
    ledger.batches.fail(batch.id, reason)
    ledger.audit.add(batch.project, "set aside", batch.id, reason)


def words(batch: Batch) -> str:
    """How a batch is named in every log line."""
    task = f" task {batch.task_id}" if batch.task_id else ""
    request = f" request {batch.request_id}" if batch.request_id else ""
    return f"project {batch.project} batch {batch.id}{task}{request}"


def look_until_known(look: Callable[[], T | None], asked_at: datetime | None, project: Project) -> T | None:
    """Look for the effect of a call whose outcome is unknown, until the server cannot be working on it any more.

    Without a call in the past (`asked_at` None) it looks once.
    """
    until = (asked_at or datetime.min.replace(tzinfo=UTC)) + (project.cvat.server_timeout if asked_at else timedelta(0))
    while (found := look()) is None and datetime.now(UTC) < until:
        time.sleep(1)
    return found
