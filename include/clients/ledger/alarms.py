"""The ledger's alarms: one open alarm a cause, and who was told of it."""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Engine, Row, exists, insert, select, update

from include.clients.ledger.quality_tables import alarms, notices
from include.lifecycle.alarms import Alarm, Detail, Event, Finding, Severity

_DETAIL: TypeAdapter[Detail] = TypeAdapter(Detail)


class AlarmTable:
    """What is wrong, since when, until when."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, project: str) -> list[Alarm]:
        """The alarms that are not over, the oldest first."""
        return self._find(alarms.c.project == project, alarms.c.resolved_at.is_(None))

    def see(self, project: str, finding: Finding, now: datetime) -> bool:
        """Open an alarm for a finding, or bring the cause's open one up to date; whether it is a new one."""
        mine = (alarms.c.project == project, alarms.c.cause == finding.cause, alarms.c.resolved_at.is_(None))
        values = {
            "what": finding.what,
            "severity": finding.severity,
            "detail": _DETAIL.dump_json(finding.detail).decode(),
            "seen_at": now,
        }
        with self._engine.begin() as connection:
            is_new = connection.execute(update(alarms).where(*mine).values(values)).rowcount == 0
            if is_new:
                row = {"project": project, "cause": finding.cause, "opened_at": now, **values}
                connection.execute(insert(alarms).values(row))
        return is_new

    def resolve(self, alarm_id: int, now: datetime) -> None:
        """End an alarm; one that is over stays as it is."""
        with self._engine.begin() as connection:
            still_open = (alarms.c.id == alarm_id, alarms.c.resolved_at.is_(None))
            connection.execute(update(alarms).where(*still_open).values(resolved_at=now))

    def untold(self, project: str, channel: str) -> list[tuple[Alarm, Event]]:
        """What a channel has yet to be told: of open alarms that they are there, and of those that it was told of, that
        they are over. The oldest first."""
        begun, ended = _told(Event.OPENED, channel), _told(Event.RESOLVED, channel)
        mine, is_open = alarms.c.project == project, alarms.c.resolved_at.is_(None)
        opened = [(alarm, Event.OPENED) for alarm in self._find(mine, is_open, ~begun)]
        return opened + [(alarm, Event.RESOLVED) for alarm in self._find(mine, ~is_open, begun, ~ended)]

    def record_told(self, alarm_id: int, event: Event, channel: str, now: datetime) -> None:
        """Record that a channel was told; said again, it changes nothing."""
        row = {"alarm_id": alarm_id, "event": event, "channel": channel, "sent_at": now}
        key = (notices.c.alarm_id == alarm_id, notices.c.event == event, notices.c.channel == channel)
        with self._engine.begin() as connection:
            if connection.execute(select(notices.c.alarm_id).where(*key)).first() is None:
                connection.execute(insert(notices).values(row))

    def _find(self, *conditions: ColumnElement[bool]) -> list[Alarm]:
        query = select(alarms).where(*conditions).order_by(alarms.c.opened_at, alarms.c.id)
        with self._engine.connect() as connection:
            return [_alarm(row) for row in connection.execute(query)]


def _told(event: Event, channel: str) -> ColumnElement[bool]:
    return exists().where(notices.c.alarm_id == alarms.c.id, notices.c.event == event, notices.c.channel == channel)


def _alarm(row: Row[Any]) -> Alarm:
    finding = Finding(row.cause, row.what, Severity(row.severity), _DETAIL.validate_json(row.detail))
    return Alarm(row.id, finding, row.opened_at, row.seen_at, row.resolved_at)
