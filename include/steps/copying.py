"""Copy: the bytes of a batch's images from the bucket to CVAT, where CVAT cannot read the bucket itself."""

from datetime import UTC, datetime
from functools import partial

from include.clients.cvat import CvatClient, InvalidError, UnknownOutcomeError, UploadFile
from include.clients.cvat.asking import look_until_known
from include.clients.cvat.tasks import copied
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.clients.storage import ObjectChanged, ObjectMissing
from include.lifecycle.batches import Stage
from include.lifecycle.frames import frame_name
from include.projects.model import Project
from include.steps.batches import BatchError, log, task_of, words
from include.steps.create import renew_task


def copy_images(project: Project, batch_id: str, cvat: CvatClient, bucket: ImageBucket, ledger: Ledger) -> str:
    """Send CVAT the images of a created batch and ask it to attach them in order; the request's id comes back.

    CVAT cannot go on with an upload that was cut short: it refuses the names that it has, and does not say which. Its
    task is deleted, and a new one gets all of them, in this run once. Raises UnknownOutcomeError where that is cut
    short too, and BatchError where an image has changed or is gone, or CVAT refuses one.
    """
    try:
        return _found_or_sent(project, batch_id, cvat, bucket, ledger)
    except UnknownOutcomeError as error:
        (batch,) = ledger.batches.get([batch_id])
        if batch.stage is not Stage.CREATED:  # it was about to get a new task: the next run gives it one
            raise
        log.warning("%s: %s", words(batch), error)
        return _found_or_sent(project, batch_id, cvat, bucket, ledger)


def _found_or_sent(project: Project, batch_id: str, cvat: CvatClient, bucket: ImageBucket, ledger: Ledger) -> str:
    (batch,) = ledger.batches.get([batch_id])
    found = look_until_known(lambda: copied(task_of(batch), cvat), batch.asked_at, project.cvat.server_timeout)
    if found is not None:
        return found
    if cvat.task(task_of(batch)).has_data:
        batch = renew_task(project, batch, "its upload was cut short", cvat, ledger)
    names = _send(batch, cvat, bucket, ledger)
    ledger.batches.ask(batch.id, datetime.now(UTC))  # only now: what was sent before does nothing by itself
    return cvat.attach_uploads(task_of(batch), names)


def _send(batch: Batch, cvat: CvatClient, bucket: ImageBucket, ledger: Ledger) -> list[str]:
    """The names of the files that were sent, in order. Where one cannot be, nothing stays behind in CVAT."""
    files = [
        UploadFile(frame_name(image, number, "copy"), image.size, partial(bucket.open, image.uri, image.etag))
        for number, image in enumerate(ledger.images.of_batch(batch.id))
    ]
    try:
        cvat.upload_files(task_of(batch), files)
    except (ObjectChanged, ObjectMissing, InvalidError) as error:
        cvat.delete_task(task_of(batch))
        ledger.audit.add(batch.project, "delete task", batch.id, f"task {batch.task_id}: {error}")
        raise BatchError(str(error)) from error
    log.info("%s: %d files sent, %d bytes", words(batch), len(files), sum(file.size for file in files))
    return [file.name for file in files]
