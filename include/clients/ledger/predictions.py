"""The ledger's record of which predictions exist of its images, and where they are kept."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, insert, select

from include.clients.ledger.database import chunks
from include.clients.ledger.tables import predictions


class PredictionTable:
    """Where the answers of annotators (`name@version`) are kept, by image."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, project: str, annotator: str, uri: str, image_ids: Sequence[str]) -> None:
        """Say where an annotator's answers about images are kept. What is recorded already stays as it is."""
        with self._engine.begin() as connection:
            known = _uris(connection, project, annotator, image_ids)
            rows = [
                {"project": project, "image_id": image_id, "annotator": annotator, "uri": uri}
                for image_id in image_ids
                if image_id not in known
            ]
            if rows:
                connection.execute(insert(predictions), rows)

    def uris(self, project: str, annotator: str, image_ids: Sequence[str]) -> dict[str, str]:
        """Where each image's predictions are kept; images without any are left out."""
        with self._engine.connect() as connection:
            return _uris(connection, project, annotator, image_ids)

    def annotators(self, project: str, image_ids: Sequence[str]) -> list[str]:
        """All annotators (`name@version`) that ever answered about any of these images, sorted."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for chunk in chunks(image_ids):
                query = select(predictions.c.annotator).distinct()
                mine = query.where(predictions.c.project == project, predictions.c.image_id.in_(chunk))
                found |= set(connection.scalars(mine))
        return sorted(found)


def _uris(connection: Connection, project: str, annotator: str, image_ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in chunks(image_ids):
        query = select(predictions.c.image_id, predictions.c.uri).where(
            predictions.c.project == project,
            predictions.c.annotator == annotator,
            predictions.c.image_id.in_(chunk),
        )
        found |= {row.image_id: row.uri for row in connection.execute(query)}
    return found
