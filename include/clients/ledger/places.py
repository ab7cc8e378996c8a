"""Where images are in CVAT."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from include.clients.ledger.database import chunks
from include.clients.ledger.tables import batches, images, jobs


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """An image's URI and size (width, height in pixels; None of what is no image), and where people find it: CVAT's ids
    of task and job, and the frame in the task; None where it is not there yet."""

    uri: str
    size: tuple[int, int] | None
    task_id: int | None
    job_id: int | None
    frame: int | None


class Places:
    """Leads from images to their frames."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, project: str, image_ids: Sequence[str]) -> Mapping[str, ImagePlace]:
        """The places of these images, by id; without those that are unknown."""
        sizes = (images.c.width, images.c.height)
        frames = (jobs.c.start <= images.c.frame) & (images.c.frame < jobs.c.stop)
        query = (
            select(images.c.id, images.c.uri, *sizes, images.c.frame, batches.c.task_id, jobs.c.cvat_id)
            .outerjoin(batches, batches.c.id == images.c.batch_id)
            .outerjoin(jobs, (jobs.c.batch_id == images.c.batch_id) & frames)
            .where(images.c.project == project)
        )
        found: dict[str, ImagePlace] = {}
        with self._engine.connect() as connection:
            for chunk in chunks(image_ids):
                for row in connection.execute(query.where(images.c.id.in_(chunk))):
                    found[row.id] = ImagePlace(row.uri, _size(row), row.task_id, row.cvat_id, row.frame)
        return found


def _size(row: Any) -> tuple[int, int] | None:
    return None if row.width is None else (row.width, row.height)
