"""The ledger's record of what images look like, and of those that are set aside because they look like another."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Engine, bindparam, select, update

from include.clients.ledger.database import chunks
from include.clients.ledger.images import WAITS, WaitingImage, waiting_image
from include.clients.ledger.tables import images
from include.lifecycle.images import ImageState, Reason
from include.lifecycle.looks import Look


class LookTable:
    """What images look like. A content's look never changes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def lacking(self, project: str, image_ids: Sequence[str]) -> set[str]:
        """Those of the images whose look is not recorded."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for chunk in chunks(image_ids):
                query = select(images.c.id).where(images.c.project == project, images.c.id.in_(chunk))
                found |= set(connection.scalars(query.where(images.c.phash.is_(None))))
        return found

    def record(self, project: str, looks: Mapping[str, Look]) -> None:
        """Keep what images look like, by their ids. A content's look never changes."""
        rows = [{"image": id_, "phash": look.phash, "features": look.features} for id_, look in looks.items()]
        if rows:
            these = update(images).where(images.c.project == project, images.c.id == bindparam("image"))
            with self._engine.begin() as connection:
                connection.execute(these, rows)

    def of_batched(self, project: str) -> Iterator[tuple[str, Look]]:
        """What the images in batches look like, each by its URI, in the order of discovery; not what was replaced."""
        query = (
            select(images.c.uri, images.c.phash, images.c.features)
            .where(images.c.project == project, images.c.state == ImageState.BATCHED)
            .where(images.c.current, images.c.phash.is_not(None))
            .order_by(images.c.discovered_at, images.c.uri)
        )
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=5000).execute(query):
                yield row.uri, Look(row.phash, row.features)

    def look_alikes(self, project: str) -> dict[WaitingImage, str]:
        """The images in quarantine because they look like another, each with the detail that names it."""
        aside = (images.c.state == ImageState.QUARANTINED, images.c.reason == Reason.NEAR_DUPLICATE)
        with self._engine.connect() as connection:
            rows = connection.execute(select(images).where(images.c.project == project, *aside))
            return {waiting_image(row): row.detail for row in rows}

    def release(self, project: str, image_ids: Collection[str]) -> None:
        """Let near-duplicates wait again; what is in quarantine for another reason by now stays there."""
        near = (images.c.project == project, images.c.reason == Reason.NEAR_DUPLICATE)
        with self._engine.begin() as connection:
            for chunk in chunks(sorted(image_ids)):
                connection.execute(update(images).where(*near, images.c.id.in_(chunk)).values(WAITS))
