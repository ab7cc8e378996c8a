"""Attach: CVAT links the batch's images in the bucket, in order, or gets copies; how its requests end is settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from include.clients.cvat import BucketAccess, CvatClient, InvalidError, NotFoundError, UnreachableError
from include.clients.cvat.asking import once
from include.clients.cvat.lines import Watched
from include.clients.cvat.tasks import link, linked
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.lifecycle.batches import Stage
from include.lifecycle.frames import frame_name
from include.lifecycle.images import Image, split_uri
from include.lifecycle.manifest import manifest, manifest_key
from include.projects.model import Project
from include.steps.batches import asking_for, each_batch, log, set_aside, task_of, words
from include.steps.copying import copy_images

_ATTEMPTS = 2  # a bucket may fail CVAT once; a batch that fails it twice is looked at by a person


class Answer(StrEnum):
    """How a wait for a request ended."""

    FINISHED = "finished"
    FAILED = "failed"
    EXPIRED = "expired"  # CVAT forgets a finished request after 500 s: the task tells
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a wait, with CVAT's words where there are any."""

    answer: Answer
    message: str = ""


def attach_data(
    project: Project,
    batch_ids: Sequence[str],
    cvat: CvatClient,
    bucket: ImageBucket,
    access: BucketAccess | None,
    ledger: Ledger,
) -> int:
    """Ask CVAT to attach every created batch's images, and say for how many.

    With `access` CVAT links them, and none passes through here. Without, their bytes are sent.
    """
    storage_id = cvat.find_or_create_storage(project.name, access) if access else None

    def work(batch: Batch) -> None:
        if storage_id is None:
            request_id = copy_images(project, batch.id, cvat, bucket, ledger)
        else:
            request_id = _link(project, batch, storage_id, cvat, bucket, ledger)
        deadline = datetime.now(UTC) + project.cvat.request_timeout
        ledger.batches.advance(batch.id, Stage.SUBMITTED, request_id=request_id, deadline=deadline)
        (asked,) = ledger.batches.get([batch.id])
        log.info("%s: its images are asked for, until %s", words(asked), deadline)

    return each_batch(batch_ids, Stage.CREATED, ledger, work)


def pending(batch_ids: Sequence[str], ledger: Ledger) -> list[Watched]:
    """The requests that these batches wait for."""
    return [
        Watched(batch.request_id, batch.deadline, batch.size, words(batch))
        for batch in ledger.batches.get(batch_ids)
        if batch.stage is Stage.SUBMITTED and batch.request_id and batch.deadline
    ]


def look(waiting: Sequence[Watched], cvat: CvatClient) -> dict[str, Outcome]:
    """The outcomes, by request id, of those that have ended already. Where CVAT does not answer, none are said to."""
    outcomes: dict[str, Outcome] = {}
    for wait in waiting:
        try:
            request = cvat.request(wait.request_id)
        except (NotFoundError, InvalidError) as error:  # 400: its task is gone
            outcomes[wait.request_id] = Outcome(Answer.EXPIRED, str(error))
            continue
        except UnreachableError as error:
            log.warning("%s: %s", wait.name, error)
            break
        if request.status in (Answer.FINISHED, Answer.FAILED):
            outcomes[wait.request_id] = Outcome(Answer(request.status), request.message)
    return outcomes


def settle(outcomes: Mapping[str, Outcome], batch_ids: Sequence[str], cvat: CvatClient, ledger: Ledger) -> int:
    """Record how the requests of batches ended, by request id; say how many batches have their data now.

    A failed attempt is undone (CVAT cannot attach to that task again) and goes back to be planned, once.
    """

    def work(batch: Batch) -> None:
        outcome = outcomes.get(batch.request_id or "")
        if outcome is None:
            return
        if outcome.answer is Answer.FINISHED or _has_frames(batch, cvat):
            ledger.batches.advance(batch.id, Stage.ATTACHED)
            log.info("%s: %s", words(batch), outcome.answer)
        else:
            _undo(batch, f"{outcome.answer} {outcome.message}".strip(), cvat, ledger)

    each_batch(batch_ids, Stage.SUBMITTED, ledger, work)
    return sum(batch.stage is Stage.ATTACHED for batch in ledger.batches.get(batch_ids))


def _link(
    project: Project, batch: Batch, storage_id: int, cvat: CvatClient, bucket: ImageBucket, ledger: Ledger
) -> str:
    images = ledger.images.of_batch(batch.id)
    uri = f"s3://{split_uri(project.images.uri)[0]}/{manifest_key(batch.id)}"
    bucket.write(uri, manifest(images), "application/jsonl")
    return once(
        asking_for(project, batch, ledger),
        look=lambda: linked(task_of(batch), cvat),
        act=lambda: _submit(batch, images, storage_id, cvat),
    )


def _submit(batch: Batch, images: Sequence[Image], storage_id: int, cvat: CvatClient) -> str:
    keys = [frame_name(image, number, "link") for number, image in enumerate(images)]
    return link(task_of(batch), storage_id, manifest_key(batch.id), keys, cvat)


def _has_frames(batch: Batch, cvat: CvatClient) -> bool:
    """Whether a request that was not seen to finish has done its work all the same."""
    try:
        return cvat.task(task_of(batch)).size > 0
    except NotFoundError:
        return False


def _undo(batch: Batch, reason: str, cvat: CvatClient, ledger: Ledger) -> None:
    attempts = batch.attempts + 1
    if attempts >= _ATTEMPTS:
        set_aside(batch, f"CVAT could not attach the data, {attempts} times: {reason}", ledger)
        return
    log.warning("%s: CVAT could not attach the data, trying anew: %s", words(batch), reason)
    cvat.delete_task(task_of(batch))
    facts = {"task_id": None, "request_id": None, "deadline": None}
    ledger.batches.advance(batch.id, Stage.PLANNED, attempts=attempts, reason=reason, **facts)
    ledger.audit.add(batch.project, "delete task", batch.id, f"task {batch.task_id}: {reason}")
