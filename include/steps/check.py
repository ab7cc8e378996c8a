"""Check: the frames of a task are exactly its batch's images, in order, before anything is drawn on them."""

from collections.abc import Sequence

from include.clients.cvat import CvatClient
from include.clients.cvat.tasks import WantedFrame, difference
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.lifecycle.batches import Stage
from include.lifecycle.frames import frame_name
from include.lifecycle.images import Image
from include.steps.batches import BatchError, each_batch, log, task_of, words


def check_frames(batch_ids: Sequence[str], cvat: CvatClient, ledger: Ledger) -> int:
    """Check every attached batch and learn its jobs' ids; say how many are right. A shifted one is set aside."""

    def work(batch: Batch) -> None:
        frames = cvat.frames(task_of(batch))
        wanted = [_wanted(image, number) for number, image in enumerate(ledger.images.of_batch(batch.id))]
        if problem := difference(wanted, frames):
            raise BatchError(f"task {batch.task_id}: {problem}: nothing was drawn on it")
        ledger.batches.bind(batch.id, _job_ids(batch, cvat, ledger))
        ledger.batches.advance(batch.id, Stage.CHECKED)
        log.info("%s: its %d frames are the batch's images", words(batch), len(frames))

    return each_batch(batch_ids, Stage.ATTACHED, ledger, work)


def _wanted(image: Image, number: int) -> WantedFrame:
    """Linked or copied: the project's file may have changed since its data was attached."""
    names = (frame_name(image, number, "link"), frame_name(image, number, "copy"))
    return WantedFrame(names, (image.header.width, image.header.height))


def _job_ids(batch: Batch, cvat: CvatClient, ledger: Ledger) -> dict[int, int]:
    """CVAT's ids of the batch's jobs by index; their frames must be the planned ones."""
    found = {(job.start_frame, job.stop_frame + 1): job.id for job in cvat.jobs(task_id=task_of(batch))}
    planned = {(job.start, job.stop): job.index for job in ledger.batches.jobs(batch.id)}
    if found.keys() != planned.keys():
        raise BatchError(f"task {batch.task_id} has jobs of frames {sorted(found)}, not {sorted(planned)}")
    return {planned[frames]: job_id for frames, job_id in found.items()}
