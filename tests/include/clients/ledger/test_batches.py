"""The ledger's batches: an image in one at the most, and every step of one on record."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from include.clients.ledger import Ledger, LedgerError, NotWaitingError
from include.clients.ledger.batches import Applied
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import PlannedBatch, PlannedJob, Stage
from include.lifecycle.routing import Route
from tests.include.clients.ledger.records import ANNOTATOR, NOW, PROJECT, add, at_once, batch, plan, states


def test_a_plan_is_recorded_with_its_jobs_and_frames(ledger: Ledger) -> None:
    a, b, c = add(ledger, "a", "b", "c")
    jobs = (PlannedJob(0, 0, 2, Route.AUDIT, 0.25), PlannedJob(1, 2, 3, Route.REVIEW, 1.0))
    assert ledger.batches.add(PROJECT, 2, [PlannedBatch("d", (c, a, b), jobs, (Asked(ANNOTATOR),))], NOW) == 1
    (planned,) = ledger.batches.at(PROJECT, Stage.PLANNED)
    assert (planned.id, planned.size, planned.job_size, planned.asked) == ("birds-d", 3, 2, (Asked(ANNOTATOR),))
    assert (planned.task_id, planned.asked_at, planned.attempts) == (None, None, 0)
    assert [image.id for image in ledger.images.of_batch("birds-d")] == [c, a, b]
    recorded = ledger.batches.jobs("birds-d")
    assert [(job.index, job.start, job.stop, job.route, job.probability) for job in recorded] == [
        (0, 0, 2, Route.AUDIT, 0.25),
        (1, 2, 3, Route.REVIEW, 1.0),
    ]
    assert states(ledger) == {"batched": 3}


def test_an_empty_plan_makes_nothing(ledger: Ledger) -> None:
    assert ledger.batches.add(PROJECT, 2, [], NOW) == 0
    assert ledger.batches.counts(PROJECT) == {}


def test_a_plan_with_an_image_that_is_in_a_batch_already_fails_whole(ledger: Ledger) -> None:
    a, b, c, d = add(ledger, "a", "b", "c", "d")
    plan(ledger, "1", [a, b])
    with pytest.raises(NotWaitingError, match=f"image {b} of birds is not waiting any more: .* run again"):
        ledger.batches.add(PROJECT, 2, [batch("2", [c]), batch("3", [d, b])], NOW)
    assert [found.id for found in ledger.batches.at(PROJECT, Stage.PLANNED)] == ["birds-1"]
    assert states(ledger) == {"batched": 2, "waiting": 2}
    assert ledger.batches.jobs("birds-2") == []


def test_the_same_plan_again_fails_whole(ledger: Ledger) -> None:
    a, b = add(ledger, "a", "b")
    plan(ledger, "1", [a])
    with pytest.raises(NotWaitingError, match="another run has planned the same batch of birds"):
        ledger.batches.add(PROJECT, 2, [batch("2", [b]), batch("1", [a])], NOW)
    assert states(ledger) == {"batched": 1, "waiting": 1}


@pytest.mark.parametrize("ids", [["unknown"], ["a", "a"]])
def test_images_that_cannot_be_batched(ledger: Ledger, ids: list[str]) -> None:
    (a,) = add(ledger, "a")
    with pytest.raises(NotWaitingError):
        plan(ledger, "1", [a if id_ == "a" else id_ for id_ in ids])
    assert states(ledger) == {"waiting": 1}
    assert ledger.batches.counts(PROJECT) == {}


def test_an_image_that_was_set_aside_since_is_not_batched(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    ledger.images.lose(PROJECT, [a])
    with pytest.raises(NotWaitingError):
        plan(ledger, "1", [a])


@pytest.mark.parametrize("digests", [("1", "1"), ("1", "2")])
def test_of_two_plans_at_once_one_wins_and_the_other_leaves_nothing(ledger: Ledger, digests: tuple[str, str]) -> None:
    ids = add(ledger, *(f"{number:03}" for number in range(60)))
    answers = at_once(*(partial(plan, ledger, digest, ids) for digest in digests))
    (won,) = (answer for answer in answers if isinstance(answer, str))
    assert [type(answer) for answer in answers if answer != won] == [NotWaitingError]
    assert [found.id for found in ledger.batches.at(PROJECT, Stage.PLANNED)] == [won]
    assert [image.id for image in ledger.images.of_batch(won)] == ids
    assert states(ledger) == {"batched": 60}


def test_a_batch_goes_from_stage_to_stage_with_what_becomes_known(ledger: Ledger) -> None:
    id_ = plan(ledger, "1", add(ledger, "a"))
    ledger.batches.ask(id_, NOW)
    assert ledger.batches.get([id_])[0].asked_at == NOW
    ledger.batches.advance(id_, Stage.CREATED, task_id=7)
    ledger.batches.advance(id_, Stage.SUBMITTED, request_id="rq", deadline=NOW + timedelta(hours=1))
    (found,) = ledger.batches.at(PROJECT, Stage.CREATED, Stage.SUBMITTED)
    assert (found.task_id, found.request_id, found.deadline) == (7, "rq", NOW + timedelta(hours=1))
    assert found.asked_at is None  # what was asked for is there
    assert ledger.batches.counts(PROJECT) == {"submitted": 1}


def test_a_failed_batch_keeps_its_images_and_has_a_reason(ledger: Ledger) -> None:
    id_ = plan(ledger, "1", add(ledger, "a"))
    ledger.batches.fail(id_, "CVAT could not attach the data")
    (found,) = ledger.batches.at(PROJECT, Stage.FAILED)
    assert found.reason == "CVAT could not attach the data"
    assert states(ledger) == {"batched": 1}


def test_batches_come_in_the_order_of_planning(ledger: Ledger) -> None:
    ids = add(ledger, "a", "b", "c")
    for minutes, digest, id_ in zip((2, 0, 1), "zyx", ids, strict=True):
        ledger.batches.add(PROJECT, 2, [batch(digest, [id_])], NOW + timedelta(minutes=minutes))
    assert [found.id[-1] for found in ledger.batches.at(PROJECT, Stage.PLANNED)] == ["y", "x", "z"]
    assert [found.id for found in ledger.batches.get(["birds-z", "birds-y", "none"])] == ["birds-y", "birds-z"]
    assert ledger.batches.at("owls", Stage.PLANNED) == []


def test_jobs_are_found_by_cvats_ids(ledger: Ledger) -> None:
    id_ = plan(ledger, "1", add(ledger, "a", "b", "c"))
    assert ledger.batches.jobs_by_cvat(PROJECT) == {}
    ledger.batches.bind(id_, {0: 11, 1: 12})
    assert {cvat: (job.batch_id, job.index) for cvat, job in ledger.batches.jobs_by_cvat(PROJECT).items()} == {
        11: (id_, 0),
        12: (id_, 1),
    }
    assert ledger.batches.jobs_by_cvat("owls") == {}


def test_intent_before_a_write_and_outcome_after(ledger: Ledger) -> None:
    id_ = plan(ledger, "1", add(ledger, "a", "b", "c"))
    ledger.batches.intend(id_, 0, NOW)
    assert [job.applied for job in ledger.batches.jobs(id_)] == [Applied.INTENDED, None]
    ledger.batches.record(id_, 0, {"p1": 101})
    ledger.batches.record(id_, 0, {"p2": 100})
    ledger.batches.apply(id_, 0, NOW + timedelta(seconds=5))
    ledger.batches.record(id_, 1, {})  # the model saw nothing on these
    ledger.batches.apply(id_, 1, NOW)
    jobs = ledger.batches.jobs(id_)
    assert [job.applied for job in jobs] == [Applied.APPLIED, Applied.APPLIED]
    assert jobs[0].applied_at == NOW + timedelta(seconds=5)
    assert ledger.batches.applied_shapes(id_) == {"p1": 101, "p2": 100}


@pytest.mark.parametrize("again", [{"p1": 201}, {"p2": 101}, {"p3": 300, "p1": 101}])
def test_a_prediction_is_applied_once_and_a_shape_stands_for_one(ledger: Ledger, again: dict[str, int]) -> None:
    id_ = plan(ledger, "1", add(ledger, "a", "b", "c"))
    ledger.batches.record(id_, 0, {"p1": 101})
    ledger.batches.intend(id_, 1, NOW)
    with pytest.raises(IntegrityError):
        ledger.batches.record(id_, 1, again)
    assert ledger.batches.applied_shapes(id_) == {"p1": 101}
    assert ledger.batches.jobs(id_)[1].applied is Applied.INTENDED


def test_a_job_that_needs_a_person_says_why(ledger: Ledger) -> None:
    id_ = plan(ledger, "1", add(ledger, "a"))
    ledger.batches.need_attention(id_, 0, "people were here")
    (job,) = ledger.batches.jobs(id_)
    assert (job.applied, job.note) == (Applied.ATTENTION, "people were here")


def test_what_the_ledger_does_not_have_is_not_changed_in_silence(ledger: Ledger) -> None:
    id_ = plan(ledger, "1", add(ledger, "a"))
    table = ledger.batches
    for call in (
        partial(table.ask, "birds-none", NOW),
        partial(table.advance, "birds-none", Stage.CREATED),
        partial(table.fail, "birds-none", "why"),
    ):
        with pytest.raises(LedgerError, match="the ledger has no batch birds-none"):
            call()
    for call in (
        partial(table.bind, id_, {0: 11, 5: 12}),
        partial(table.intend, id_, 5, NOW),
        partial(table.apply, id_, 5, NOW),
        partial(table.need_attention, id_, 5, "why"),
    ):
        with pytest.raises(LedgerError, match="the ledger has no job 5 of batch birds-1"):
            call()
    assert table.jobs(id_)[0].cvat_id is None
    assert table.applied_shapes(id_) == {}


def test_a_batch_keeps_the_time_until_which_people_are_asked_to_finish_it(ledger: Ledger) -> None:
    a, b = add(ledger, "a", "b")
    one, two = plan(ledger, "1", [a]), plan(ledger, "2", [b])
    assert ledger.batches.set_review_by([one], NOW) == [one]
    assert ledger.batches.set_review_by([one, two], NOW + timedelta(days=1)) == [two]
    assert ledger.batches.late(PROJECT, NOW) == {}
    assert ledger.batches.late(PROJECT, NOW + timedelta(hours=1)) == {one: NOW}
    assert ledger.batches.late(PROJECT, NOW + timedelta(days=2)) == {one: NOW, two: NOW + timedelta(days=1)}
    assert ledger.batches.late("another", NOW + timedelta(days=2)) == {}


def test_a_batch_is_not_late_for_jobs_that_nobody_is_asked_to_look_at(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    accepted = PlannedBatch("1", (a,), (PlannedJob(0, 0, 1, Route.ACCEPT, 0.0),), (Asked(ANNOTATOR),))
    ledger.batches.add(PROJECT, 2, [accepted], NOW)
    ledger.batches.set_review_by(["birds-1"], NOW)
    assert ledger.batches.late(PROJECT, NOW + timedelta(days=1)) == {}
