"""Plans: a planned batch as the ledger's rows."""

from datetime import datetime

from sqlalchemy import Connection, insert, update

from include.clients.ledger.database import LedgerError
from include.clients.ledger.tables import batch_annotators, batches, images, jobs
from include.lifecycle.batches import PlannedBatch, Stage
from include.lifecycle.images import ImageState


class NotWaitingError(LedgerError):
    """An image of a plan is not waiting any more."""


def record(connection: Connection, project: str, job_size: int, batch: PlannedBatch, now: datetime) -> None:
    """Write a planned batch with its jobs and annotators, and put its images into it, in the caller's transaction.

    Raises NotWaitingError, and sqlalchemy's IntegrityError where the batch is there already.
    """
    batch_id = f"{project}-{batch.digest}"
    connection.execute(
        insert(batches).values(
            id=batch_id,
            project=project,
            digest=batch.digest,
            size=len(batch.image_ids),
            job_size=job_size,
            stage=Stage.PLANNED,
            attempts=0,
            planned_at=now,
        )
    )
    asked = [
        {"batch_id": batch_id, "position": position, "annotator": one.id, "draws": one.draws}
        for position, one in enumerate(batch.asked)
    ]
    connection.execute(insert(batch_annotators), asked)
    connection.execute(
        insert(jobs),
        [
            {
                "batch_id": batch_id,
                "index": job.index,
                "start": job.start,
                "stop": job.stop,
                "route": job.route,
                "probability": job.probability,
                "reason": job.reason,
                "urgency": job.urgency,
            }
            for job in batch.jobs
        ],
    )
    for frame, image in enumerate(batch.image_ids):
        waiting = (images.c.project == project, images.c.id == image, images.c.state == ImageState.WAITING)
        moved = update(images).where(*waiting).values(state=ImageState.BATCHED, batch_id=batch_id, frame=frame)
        if connection.execute(moved).rowcount != 1:
            raise NotWaitingError(
                f"image {image} of {project} is not waiting any more: another run has planned it or set it aside; "
                "run again"
            )
