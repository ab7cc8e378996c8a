"""The ledger's alarms: one open alarm a cause, and each channel told once of its beginning and of its end."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from include.clients.ledger import Ledger
from include.lifecycle.alarms import Detail, Event, Finding, Severity
from tests.include.clients.ledger.records import PROJECT

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BAD = Finding("quality/a/f1/word", "F1 is 0.6", Severity.CRITICAL, Detail("a@2", "word", ("i1", "i2")))
WORSE = Finding("quality/a/f1/word", "F1 is 0.5", Severity.CRITICAL, Detail("a@2", "word", ("i3",)))
OTHER = Finding("set aside", "a batch is set aside", Severity.WARNING)


def test_a_cause_has_one_open_alarm_that_is_brought_up_to_date(ledger: Ledger) -> None:
    assert ledger.alarms.see(PROJECT, BAD, NOW)
    assert not ledger.alarms.see(PROJECT, WORSE, LATER)
    assert ledger.alarms.see(PROJECT, OTHER, LATER)
    assert ledger.alarms.see("owls", BAD, LATER)
    first, second = ledger.alarms.open(PROJECT)
    assert (first.finding, first.opened_at, first.seen_at, first.resolved_at) == (WORSE, NOW, LATER, None)
    assert second.finding == OTHER


def test_what_comes_back_is_a_new_alarm(ledger: Ledger) -> None:
    ledger.alarms.see(PROJECT, BAD, NOW)
    (old,) = ledger.alarms.open(PROJECT)
    ledger.alarms.resolve(old.id, LATER)
    ledger.alarms.resolve(old.id, LATER + timedelta(days=1))  # it is over already
    assert ledger.alarms.open(PROJECT) == []
    assert ledger.alarms.see(PROJECT, BAD, LATER)
    (new,) = ledger.alarms.open(PROJECT)
    assert new.id != old.id


def test_each_channel_is_told_once_of_the_beginning_and_of_the_end(ledger: Ledger) -> None:
    ledger.alarms.see(PROJECT, BAD, NOW)
    ((alarm, event),) = ledger.alarms.untold(PROJECT, "slack ops")
    assert event is Event.OPENED
    for _ in range(2):
        ledger.alarms.record_told(alarm.id, event, "slack ops", NOW)
    assert ledger.alarms.untold(PROJECT, "slack ops") == []
    assert len(ledger.alarms.untold(PROJECT, "email a")) == 1
    ledger.alarms.resolve(alarm.id, LATER)
    ((over, event),) = ledger.alarms.untold(PROJECT, "slack ops")
    assert (over.id, over.resolved_at, event) == (alarm.id, LATER, Event.RESOLVED)
    ledger.alarms.record_told(alarm.id, Event.RESOLVED, "slack ops", LATER)
    assert ledger.alarms.untold(PROJECT, "slack ops") == []
    assert ledger.alarms.untold(PROJECT, "email a") == []  # it never heard of the beginning


def test_two_open_alarms_of_one_cause_cannot_be_written(ledger: Ledger) -> None:
    ledger.alarms.see(PROJECT, BAD, NOW)
    copy = (
        "INSERT INTO alarms (project, cause, what, severity, detail, opened_at, seen_at) "
        "SELECT project, cause, what, severity, detail, opened_at, seen_at FROM alarms"
    )
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(text(copy))


def test_a_judgement_is_kept_once(ledger: Ledger) -> None:
    assert ledger.judgements.get(PROJECT, "j") is None
    ledger.judgements.add(PROJECT, "j", "a@2", "s3://l/j.json", NOW)
    ledger.judgements.add(PROJECT, "j", "a@2", "s3://l/other.json", LATER)
    found = ledger.judgements.get(PROJECT, "j")
    assert found
    assert (found.annotator, found.uri, found.created_at) == ("a@2", "s3://l/j.json", NOW)
