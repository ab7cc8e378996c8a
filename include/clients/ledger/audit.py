"""The ledger's audit: who did what to which subject, never changed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select

from include.clients.ledger.tables import audit


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that was done."""

    at: datetime
    action: str
    subject: str
    detail: str


class AuditTable:
    """A log that is only added to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, project: str, action: str, subject: str, detail: str) -> None:
        """Write one row, now."""
        row = {
            "at": datetime.now(UTC),
            "project": project,
            "action": action,
            "subject": subject,
            "detail": detail,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(audit).values(row))

    def add_once(self, project: str, action: str, subject: str, detail: str) -> None:
        """Write one row, unless the subject's last of this action says the same."""
        mine = (audit.c.project == project, audit.c.action == action, audit.c.subject == subject)
        with self._engine.connect() as connection:
            last = connection.scalar(select(audit.c.detail).where(*mine).order_by(audit.c.id.desc()).limit(1))
        if last != detail:
            self.add(project, action, subject, detail)

    def of(self, project: str) -> list[AuditRow]:
        """All rows of a project, oldest first."""
        query = select(audit).where(audit.c.project == project).order_by(audit.c.id)
        with self._engine.connect() as connection:
            return [AuditRow(row.at, row.action, row.subject, row.detail) for row in connection.execute(query)]
