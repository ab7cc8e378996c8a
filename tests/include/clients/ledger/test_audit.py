"""The ledger's audit: who did what, in the order it was done."""

from datetime import UTC, datetime

from include.clients.ledger import Ledger
from tests.include.clients.ledger.records import PROJECT


def test_what_was_done_is_kept_in_order(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    for number in range(3):
        ledger.audit.add(PROJECT, "create task", f"birds-{number}", f"task {number}")
    ledger.audit.add("owls", "create task", "owls-0", "task 9")
    rows = ledger.audit.of(PROJECT)
    assert [(row.action, row.subject, row.detail) for row in rows] == [
        ("create task", "birds-0", "task 0"),
        ("create task", "birds-1", "task 1"),
        ("create task", "birds-2", "task 2"),
    ]
    moments = [before, *(row.at for row in rows), datetime.now(UTC)]
    assert moments == sorted(moments)


def test_a_project_without_a_past(ledger: Ledger) -> None:
    assert ledger.audit.of(PROJECT) == []


def test_what_was_said_last_is_not_said_again(ledger: Ledger) -> None:
    for detail in ("a@1", "a@1", "a@2", "a@2", "a@1"):
        ledger.audit.add_once(PROJECT, "baseline", "a", detail)
        ledger.audit.add_once(PROJECT, "baseline", "b", "b@1")
    rows = [row.detail for row in ledger.audit.of(PROJECT) if row.subject == "a"]
    assert rows == ["a@1", "a@2", "a@1"]
    assert len(ledger.audit.of(PROJECT)) == 4
