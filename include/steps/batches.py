"""What the steps of a batch share: one bad batch is set aside with its reason, the others go on."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from include.clients.bulk import Damaged
from include.clients.cvat import InvalidError, NotFoundError, UnknownOutcomeError, UnreachableError
from include.clients.cvat.asking import Asking, still_possible
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch, Job
from include.clients.storage import ObjectMissing
from include.lifecycle.batches import Stage
from include.projects.model import Project

log = logging.getLogger(__name__)
T = TypeVar("T")
_IN_A_ROW = 3  # batches: after so many without a usable answer, CVAT is down, and asking on only costs time


class BatchError(Exception):
    """Something is wrong with one batch that another try would not mend."""


def each_batch(
    batch_ids: Sequence[str],
    stage: Stage,
    ledger: Ledger,
    work: Callable[[Batch], None],
    refused: Callable[[Batch, str, Ledger], None] | None = None,
) -> int:
    """Do the work for every batch that is at the stage, and say how many it was done for.

    A batch that CVAT refuses is set aside with the reason, or handed to `refused`. One for which CVAT gives no usable
    answer stays where it is and the others go on, unless it happens to several in a row; the first such error is raised
    in the end, so that the step is run again and finds each batch at its own stage. What concerns the whole server
    (credentials, say) is raised at once.
    """
    done, lost, in_a_row = 0, list[Exception](), 0
    for batch in ledger.batches.get(batch_ids):
        if batch.stage is not stage:
            continue
        try:
            work(batch)
            done, in_a_row = done + 1, 0
        except (BatchError, InvalidError, NotFoundError, ObjectMissing, Damaged) as error:
            (refused or set_aside)(batch, str(error), ledger)
        except (UnreachableError, UnknownOutcomeError) as error:
            log.warning("%s: %s", words(batch), error)
            lost.append(error)
            in_a_row += 1
            if in_a_row == _IN_A_ROW:
                break
    if lost:
        raise lost[0]
    return done


def set_aside(batch: Batch, reason: str, ledger: Ledger) -> None:
    """Take a batch off its way, with its reason in the ledger, its audit and the log."""
    log.error("%s: set aside at %s: %s", words(batch), batch.stage, reason)
    ledger.batches.fail(batch.id, reason)
    ledger.audit.add(batch.project, "set aside", batch.id, reason)


def words(batch: Batch, job: Job | None = None) -> str:
    """How a batch, or one of its jobs, is named in every log line."""
    task = f" task {batch.task_id}" if batch.task_id else ""
    request = f" request {batch.request_id}" if batch.request_id else ""
    return f"project {batch.project} batch {batch.id}{task}{request}" + (f" job {job.cvat_id}" if job else "")


def task_of(batch: Batch) -> int:
    """The CVAT task of a batch that has come far enough to have one."""
    if batch.task_id is None:
        raise RuntimeError(f"batch {batch.id} is {batch.stage} without a task: the ledger was changed by hand")
    return batch.task_id


def asking_for(project: Project, batch: Batch, ledger: Ledger) -> Asking:
    """How CVAT is asked for what it must not do twice for a batch: with the intent in the ledger."""

    def intend(moment: datetime) -> None:
        ledger.batches.ask(batch.id, moment)

    return Asking(batch.asked_at, intend, project.cvat.server_timeout, words(batch))


def seconds_left(asked_at: datetime | None, project: Project) -> float:
    """For how long a call may still take effect at the server; 0 without one."""
    return still_possible(asked_at, project.cvat.server_timeout)
