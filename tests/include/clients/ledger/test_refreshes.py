"""The ledger's jobs that are brought up to date: who waits with what, and how far each has come."""

from datetime import timedelta

import pytest

from include.clients.ledger import Ledger
from include.clients.ledger.refreshes import Refresh, WaitingJob
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import PlannedBatch, PlannedJob, Stage
from include.lifecycle.reviews import Acceptance, Revision
from include.lifecycle.routing import Route
from tests.include.clients.ledger.records import ANNOTATOR, NOW, PROJECT, add, predict

OLD, NEW = (Asked(ANNOTATOR),), (Asked("rapidocr@2"), Asked("other@1", draws=False))


@pytest.fixture
def batch(ledger: Ledger) -> str:
    """With people: a job that is accepted, and two that wait."""
    routes = (Route.ACCEPT, Route.AUDIT, Route.REVIEW)
    jobs = tuple(PlannedJob(n, n, n + 1, route, 0.5) for n, route in enumerate(routes))
    ids = tuple(add(ledger, "a", "b", "c"))
    ledger.batches.add(PROJECT, 1, [PlannedBatch("d", ids, jobs, OLD)], NOW)
    for index in range(3):
        ledger.batches.apply("birds-d", index, NOW)
    ledger.batches.record("birds-d", 1, {"p1": 11, "p2": 12})
    ledger.batches.record("birds-d", 2, {"p3": 13})
    ledger.batches.advance("birds-d", Stage.ROUTED)
    return "birds-d"


def finish(ledger: Ledger, batch_id: str, index: int) -> None:
    image = ledger.images.of_batch(batch_id)[index]
    revision = Revision("r", batch_id, index, (image.id,), (), Acceptance.PERSON, 1.0, "ann", NOW.isoformat())
    ledger.reviews.add(PROJECT, revision, "s3://l/r", "now")


def waiting(ledger: Ledger) -> list[int]:
    return [job.index for job in ledger.refreshes.waiting(PROJECT)]


def test_those_wait_that_people_have_and_have_not_finished(ledger: Ledger, batch: str) -> None:
    assert ledger.refreshes.waiting(PROJECT) == [WaitingJob(batch, 1, OLD), WaitingJob(batch, 2, OLD)]
    finish(ledger, batch, 1)
    assert waiting(ledger) == [2]
    ledger.batches.need_attention(batch, 2, "unknown")
    assert waiting(ledger) == []


def test_none_waits_before_its_batch_is_with_people(ledger: Ledger, batch: str) -> None:
    ledger.batches.advance(batch, Stage.ANNOTATED)
    assert waiting(ledger) == []


def test_a_job_on_its_way_to_a_newer_version(ledger: Ledger, batch: str) -> None:
    table = ledger.refreshes
    table.begin(batch, 1, "s3://l/plan", "u1")
    assert table.under_way(PROJECT) == [Refresh(batch, 1, "s3://l/plan", "u1", None)]
    table.call(batch, 1, NOW + timedelta(seconds=1))
    assert table.under_way(PROJECT)[0].called_at == NOW + timedelta(seconds=1)
    table.came(batch, 1, {"q1": 21}, "u2")
    assert table.under_way(PROJECT) == [Refresh(batch, 1, "s3://l/plan", "u2", None)]
    assert table.applied(batch, 1) == {"p1": 11, "p2": 12, "q1": 21}
    table.finish(batch, 1, NEW, [11], {"q2": 12})
    assert table.under_way(PROJECT) == []
    assert ledger.batches.applied_shapes(batch) == {"q1": 21, "q2": 12, "p3": 13}
    assert [job.asked for job in table.waiting(PROJECT)] == [NEW, OLD]
    assert (table.count(PROJECT), table.count("bees")) == (1, 0)
    table.finish(batch, 1, OLD, [], {})
    assert [job.asked for job in table.waiting(PROJECT)] == [OLD, OLD]


def test_a_revision_is_of_the_versions_that_its_job_shows(ledger: Ledger, batch: str) -> None:
    ledger.refreshes.finish(batch, 1, NEW, [], {})
    finish(ledger, batch, 1)
    finish(ledger, batch, 2)
    assert [record.asked for record in ledger.reviews.current(PROJECT)] == [NEW, OLD]


def test_a_prediction_that_people_deleted_keeps_its_shape(ledger: Ledger, batch: str) -> None:
    """Of two shapes that look the same a person deleted the one, and the other is taken for it."""
    ledger.refreshes.finish(batch, 1, OLD, [], {"p1": 12})
    assert ledger.refreshes.applied(batch, 1) == {"p1": 11, "p2": 12}


def test_a_plan_may_be_dropped_and_a_job_left_to_a_person(ledger: Ledger, batch: str) -> None:
    ledger.refreshes.begin(batch, 1, "s3://l/plan", "u1")
    ledger.refreshes.drop(batch, 1)
    assert (ledger.refreshes.under_way(PROJECT), waiting(ledger)) == ([], [1, 2])
    ledger.refreshes.begin(batch, 1, "s3://l/plan", "u1")
    ledger.refreshes.need_attention(batch, 1, "both versions")
    assert (ledger.refreshes.under_way(PROJECT), waiting(ledger)) == ([], [2])
    assert [job.note for job in ledger.batches.in_attention(PROJECT)] == ["both versions"]


def test_who_ever_answered_about_images(ledger: Ledger) -> None:
    a, b = add(ledger, "a", "b")
    predict(ledger, [a, b])
    predict(ledger, [a], "rapidocr@2")
    assert ledger.predictions.annotators(PROJECT, [a]) == [ANNOTATOR, "rapidocr@2"]
    assert ledger.predictions.annotators(PROJECT, [b]) == [ANNOTATOR]
