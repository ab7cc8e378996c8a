"""The page of what the emulator covers is as the generator writes it now."""

from tests.include.emulator.replay.coverage import PAGE, Operation, operations, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.include.emulator.replay.coverage"


def test_all_operations_of_the_sdk_are_looked_at() -> None:
    found = operations()
    assert len(found) > 150
    assert Operation("tasks", "create", "POST", "/api/tasks") in found
    assert Operation("webhooks", "create", "POST", "/api/webhooks") in found
