"""The ledger's releases: pinned before anything is built, recorded after everything is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from include.clients.ledger.tables import releases


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A release. It is pinned (its content is fixed) and becomes released when the record's time is written."""

    tag: str
    project: str
    digest: str
    pin: str
    commit: str | None
    dvc_md5: str | None
    mlflow_run_id: str | None
    pinned_at: datetime
    released_at: datetime | None


class ReleaseTable:
    """Dataset versions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self, project: str) -> list[ReleaseRecord]:
        """The project's releases, oldest first, whether complete or only pinned."""
        query = select(releases).where(releases.c.project == project).order_by(releases.c.pinned_at)
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(query)]

    def get(self, tag: str) -> ReleaseRecord | None:
        """A release by its tag."""
        with self._engine.connect() as connection:
            row = connection.execute(select(releases).where(releases.c.tag == tag)).first()
        return None if row is None else _record(row)

    def pin(self, tag: str, project: str, digest: str, pin: str, now: datetime) -> None:
        """Fix what a release will hold, before it is built. A tag can be pinned once."""
        row = {"tag": tag, "project": project, "digest": digest, "pin": pin, "pinned_at": now}
        with self._engine.begin() as connection:
            connection.execute(insert(releases).values(row))

    def published(self, tag: str, commit: str, dvc_md5: str) -> None:
        """Record that data and tag are in their remotes."""
        self._set(tag, commit=commit, dvc_md5=dvc_md5)

    def logged(self, tag: str, run_id: str) -> None:
        """Record the MLflow run."""
        self._set(tag, mlflow_run_id=run_id)

    def complete(self, tag: str, now: datetime) -> None:
        """Write the release record: everything else of it exists."""
        self._set(tag, released_at=now)

    def _set(self, tag: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(releases).where(releases.c.tag == tag).values(**values))


def _record(row: Row[Any]) -> ReleaseRecord:
    return ReleaseRecord(**row._mapping)
