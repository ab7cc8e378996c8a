"""The ledger's releases: pinned before anything is built, recorded after everything is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from include.clients.ledger.database import LedgerError
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


class PinnedError(LedgerError):
    """A tag is pinned already: a version that exists never changes."""


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
        """Fix what a release will hold, before it is built. Raises PinnedError where the tag is pinned."""
        row = {"tag": tag, "project": project, "digest": digest, "pin": pin, "pinned_at": now}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(releases).values(row))
        except IntegrityError as error:
            raise PinnedError(f"another run has pinned {tag}: run again to complete it") from error

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
        """A complete release stays as it is; to say it again is no error."""
        unfinished = (releases.c.tag == tag, releases.c.released_at.is_(None))
        with self._engine.begin() as connection:
            if connection.execute(update(releases).where(*unfinished).values(**values)).rowcount:
                return
        if self.get(tag) is None:
            raise LedgerError(f"the ledger has no release {tag}: pin it first")


def _record(row: Row[Any]) -> ReleaseRecord:
    return ReleaseRecord(**row._mapping)
