"""The ledger's judgements: what the gates said of an annotator version."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select

from include.clients.ledger.quality_tables import judgements


@dataclass(frozen=True, slots=True)
class JudgementRecord:
    """Where a judgement is kept."""

    id: str
    annotator: str
    uri: str
    created_at: datetime


class JudgementTable:
    """Judgements by id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, project: str, judgement_id: str) -> JudgementRecord | None:
        """A judgement, if it was made."""
        query = select(judgements).where(judgements.c.project == project, judgements.c.id == judgement_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else JudgementRecord(row.id, row.annotator, row.uri, row.created_at)

    def add(self, project: str, judgement_id: str, annotator: str, uri: str, now: datetime) -> None:
        """Record a judgement; the same one again changes nothing."""
        row = {"project": project, "id": judgement_id, "annotator": annotator, "uri": uri, "created_at": now}
        if self.get(project, judgement_id) is None:
            with self._engine.begin() as connection:
                connection.execute(insert(judgements).values(row))
