"""The ledger's snapshots: where what the quality page shows is kept, the newest of each project."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select

from include.clients.ledger.quality_tables import snapshots


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """Where a snapshot is kept, when it was made, and the digest of what it was made from."""

    uri: str
    digest: str
    made_at: datetime


class SnapshotTable:
    """The newest snapshot of each project."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, project: str) -> SnapshotRecord | None:
        """A project's, if one was made."""
        with self._engine.connect() as connection:
            row = connection.execute(select(snapshots).where(snapshots.c.project == project)).first()
        return None if row is None else SnapshotRecord(row.uri, row.digest, row.made_at)

    def put(self, project: str, record: SnapshotRecord) -> None:
        """Make a snapshot its project's newest."""
        row = {"project": project, "uri": record.uri, "digest": record.digest, "made_at": record.made_at}
        with self._engine.begin() as connection:
            connection.execute(delete(snapshots).where(snapshots.c.project == project))
            connection.execute(insert(snapshots).values(row))
