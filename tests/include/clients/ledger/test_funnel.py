"""How far images have come: every image is counted once, wherever it is."""

from datetime import timedelta

from include.clients.ledger import Ledger
from include.clients.ledger.funnel import Waiting
from include.clients.ledger.snapshots import SnapshotRecord
from include.lifecycle.batches import Stage
from include.lifecycle.reviews import Acceptance, Revision
from tests.include.clients.ledger.records import NOW, PROJECT, add, plan


def finish(ledger: Ledger, batch_id: str, job: int, images: int) -> None:
    ids = tuple(str(number) for number in range(images))
    revision = Revision(f"r{job}", batch_id, job, ids, (), Acceptance.PERSON, 1.0, "ann", NOW.isoformat())
    ledger.reviews.add(PROJECT, revision, "s3://l/r", "yesterday")


def test_an_empty_project_has_nothing_anywhere(ledger: Ledger) -> None:
    assert set(ledger.funnel.images(PROJECT).values()) == {Waiting()}
    assert ledger.funnel.batches(PROJECT) == {}
    assert ledger.funnel.in_review(PROJECT) == Waiting()
    assert ledger.funnel.accepted(PROJECT, set()) == (Waiting(), Waiting())


def test_images_are_counted_where_they_wait_longest(ledger: Ledger) -> None:
    add(ledger, "a", "b")
    assert ledger.funnel.images(PROJECT)["waiting"] == Waiting(2, NOW)


def test_a_batch_counts_by_its_stage_until_people_have_its_jobs(ledger: Ledger) -> None:
    batch_id = plan(ledger, "1", add(ledger, "a", "b", "c"))
    assert ledger.funnel.batches(PROJECT) == {Stage.PLANNED: Waiting(3, NOW)}
    ledger.batches.advance(batch_id, Stage.ROUTED)
    assert ledger.funnel.batches(PROJECT) == {}
    assert ledger.funnel.in_review(PROJECT) == Waiting(3, NOW)


def test_a_finished_job_is_accepted_and_then_released(ledger: Ledger) -> None:
    batch_id = plan(ledger, "1", add(ledger, "a", "b", "c"))
    ledger.batches.advance(batch_id, Stage.ROUTED)
    size = ledger.batches.jobs(batch_id)[0].stop
    finish(ledger, batch_id, 0, size)
    assert ledger.funnel.in_review(PROJECT).images == 3 - size
    assert ledger.funnel.accepted(PROJECT, set()) == (Waiting(size, NOW), Waiting())
    assert ledger.funnel.accepted(PROJECT, {(batch_id, 0, "r0")}) == (Waiting(), Waiting(size))


def test_the_longest_waiting_of_two_counts() -> None:
    both = Waiting(1, NOW) + Waiting(2, NOW - timedelta(days=1))
    assert both == Waiting(3, NOW - timedelta(days=1))
    assert Waiting(1) + both == Waiting(4, NOW - timedelta(days=1))


def test_the_newest_snapshot_takes_the_place_of_the_one_before(ledger: Ledger) -> None:
    assert ledger.snapshots.newest(PROJECT) is None
    for number in range(2):
        ledger.snapshots.put(PROJECT, SnapshotRecord(f"s3://l/{number}", f"{number}", NOW))
    assert ledger.snapshots.newest(PROJECT) == SnapshotRecord("s3://l/1", "1", NOW)
    assert ledger.snapshots.newest("owls") is None
