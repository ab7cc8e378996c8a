"""The plan of batches: nothing twice, nothing lost, the same whatever the order, jobs for one kind of eyes."""

import math
import random
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.batches import BatchRules, Candidate, PlannedBatch, PlannedJob, plan
from include.lifecycle.routing import Certainty, Route, Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = st.sampled_from(Certainty)


@st.composite
def rules(draw: st.DrawFn) -> BatchRules:
    job_size = draw(st.integers(1, 4))
    return BatchRules(
        size=job_size * draw(st.integers(1, 4)),
        job_size=job_size,
        max_wait=draw(st.sampled_from([timedelta(0), DAY, 30 * DAY])),
        audit_share=draw(st.sampled_from([0.1, 0.5, 1.0])),
        between_share=draw(st.sampled_from([0.3, 0.7, 1.0])),
        seed=draw(st.integers(0, 3)),
    )


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    keys = draw(st.lists(st.text("ab-/é\U0001f600", min_size=1, max_size=4), unique=True, max_size=40))
    return [
        Candidate(f"id of {key}", f"s3://b/{key}", Verdict(draw(KINDS), key), NOW - draw(st.integers(0, 3)) * DAY)
        for key in keys
    ]


def some(count: int, *, sure: bool = False, first: str = "a", waited: timedelta = timedelta(0)) -> list[Candidate]:
    said = Verdict(Certainty.SURE if sure else Certainty.UNSURE, "so they say")
    return [Candidate(f"{first}{n:03}", f"s3://b/{first}{n:03}", said, NOW - waited) for n in range(count)]


def planned(found: list[Candidate], by: BatchRules) -> list[PlannedBatch]:
    return list(plan(found, by, NOW))


def of(size: int, job_size: int, **values: object) -> BatchRules:
    defaults = {"max_wait": DAY, "audit_share": 0.25, "between_share": 0.5, "seed": 0}
    return BatchRules(**(defaults | values), size=size, job_size=job_size)  # type: ignore[arg-type]


@given(candidates(), rules())
def test_every_image_is_in_one_batch_or_goes_on_waiting(found: list[Candidate], by: BatchRules) -> None:
    batched = [image for batch in planned(found, by) for image in batch.image_ids]
    assert len(batched) == len(set(batched))
    assert set(batched) <= {candidate.image_id for candidate in found}


@given(candidates(), rules(), st.randoms())
def test_the_order_in_which_images_come_does_not_count(
    found: list[Candidate], by: BatchRules, mixer: random.Random
) -> None:
    mixed = list(found)
    mixer.shuffle(mixed)
    assert planned(mixed, by) == planned(found, by)


def kinds_of_jobs(found: list[Candidate], by: BatchRules) -> list[tuple[PlannedJob, list[Certainty]]]:
    """Each job with what its images are, the surest first."""
    kinds = {candidate.image_id: candidate.verdict.certainty for candidate in found}
    return [
        (job, sorted((kinds[image] for image in batch.image_ids[job.start : job.stop]), key=list(Certainty).index))
        for batch in planned(found, by)
        for job in batch.jobs
    ]


@given(candidates(), rules())
def test_a_job_is_as_certain_as_its_least_certain_image(found: list[Candidate], by: BatchRules) -> None:
    shares = {Certainty.SURE: by.audit_share, Certainty.BETWEEN: by.between_share}
    for job, kinds in kinds_of_jobs(found, by):
        if kinds[-1] is Certainty.UNSURE:
            assert (job.route, job.probability) == (Route.REVIEW, 1.0)
        else:
            assert (job.route, job.probability) in [(Route.AUDIT, shares[kinds[-1]]), (Route.ACCEPT, 0.0)]


@given(candidates(), rules())
def test_kinds_are_mixed_only_where_they_fill_no_job(found: list[Candidate], by: BatchRules) -> None:
    for kind in (Certainty.SURE, Certainty.BETWEEN):
        mixed = [kinds.count(kind) for _, kinds in kinds_of_jobs(found, by) if kinds[-1] is not kind]
        assert sum(mixed) < by.job_size


@given(candidates(), rules())
def test_the_jobs_of_a_batch_are_its_frames_each_once(found: list[Candidate], by: BatchRules) -> None:
    for batch in planned(found, by):
        assert [job.index for job in batch.jobs] == list(range(len(batch.jobs)))
        frames = [frame for job in batch.jobs for frame in range(job.start, job.stop)]
        assert frames == list(range(len(batch.image_ids)))
        sizes = [job.stop - job.start for job in batch.jobs]
        assert sizes[:-1] == [by.job_size] * (len(sizes) - 1)
        assert 1 <= sizes[-1] <= by.job_size


@given(candidates(), rules())
def test_a_batch_is_full_or_overdue_and_never_empty(found: list[Candidate], by: BatchRules) -> None:
    waited = {candidate.image_id: NOW - candidate.waiting_since for candidate in found}
    for batch in planned(found, by):
        assert 1 <= len(batch.image_ids) <= by.size
        assert len(batch.image_ids) == by.size or max(waited[image] for image in batch.image_ids) >= by.max_wait


@given(candidates(), rules())
def test_nobody_waits_beyond_the_limit_and_no_full_batch_waits(found: list[Candidate], by: BatchRules) -> None:
    batched = {image for batch in planned(found, by) for image in batch.image_ids}
    left = [candidate for candidate in found if candidate.image_id not in batched]
    assert len(left) < by.size
    assert all(NOW - candidate.waiting_since < by.max_wait for candidate in left)


@given(candidates(), rules())
def test_what_is_left_makes_no_batch_when_asked_again(found: list[Candidate], by: BatchRules) -> None:
    batched = {image for batch in planned(found, by) for image in batch.image_ids}
    assert planned([candidate for candidate in found if candidate.image_id not in batched], by) == []


def test_sure_images_come_first_and_the_rest_of_them_joins_the_others_by_uri() -> None:
    found = some(5, sure=True, first="m") + some(2, first="a") + some(1, first="z")
    (batch,) = planned(found, of(8, 2, audit_share=1.0))
    assert batch.image_ids == ("m000", "m001", "m002", "m003", "a000", "a001", "m004", "z000")
    assert [job.route for job in batch.jobs] == [Route.AUDIT, Route.AUDIT, Route.REVIEW, Route.REVIEW]


def test_a_batch_that_is_not_full_waits_for_its_oldest_image_and_no_longer() -> None:
    almost = some(1, first="old", waited=DAY - timedelta(microseconds=1)) + some(2)
    assert planned(almost, of(4, 2)) == []
    (batch,) = planned(some(1, first="old", waited=DAY) + some(2), of(4, 2))
    assert batch.image_ids == ("a000", "a001", "old000")
    assert [(job.start, job.stop) for job in batch.jobs] == [(0, 2), (2, 3)]


def test_the_same_images_in_the_same_order_have_the_same_name() -> None:
    one, other = planned(some(4), of(4, 2))[0], planned(some(4), of(4, 1, seed=5))[0]
    assert one.digest == other.digest
    digests = [batch.digest for batch in planned(some(400), of(4, 2))]
    assert len(set(digests)) == 100


def test_jobs_are_audited_by_chance_in_the_share_that_was_asked_for() -> None:
    batches = planned(some(4000, sure=True), of(8, 2))
    routes = [job.route for batch in batches for job in batch.jobs]
    audited, deviation = routes.count(Route.AUDIT), math.sqrt(2000 * 0.25 * 0.75)
    assert routes.count(Route.ACCEPT) == 2000 - audited
    assert abs(audited - 500) < 4.5 * deviation


@pytest.mark.parametrize("added", [8, 80])
def test_a_job_of_the_same_images_is_drawn_the_same_whatever_else_there_is(added: int) -> None:
    def routes(found: list[Candidate]) -> dict[tuple[str, ...], Route]:
        batches = planned(found, of(8, 2))
        return {batch.image_ids[job.start : job.stop]: job.route for batch in batches for job in batch.jobs}

    before = routes(some(80, sure=True, first="m"))
    after = routes(some(80, sure=True, first="m") + some(added, sure=True, first="a") + some(added, first="z"))
    assert set(before.values()) == {Route.AUDIT, Route.ACCEPT}
    assert before.items() <= after.items()


def test_what_people_should_see_first_is_in_the_first_jobs() -> None:
    found = [replace(one, place=9 - n, urgency=n / 10) for n, one in enumerate(some(8))]
    (batch,) = planned(found, of(8, 2))
    assert batch.image_ids == tuple(f"a{n:03}" for n in range(7, -1, -1))
    assert [job.urgency for job in batch.jobs] == [0.7, 0.5, 0.3, 0.1]


def test_beyond_the_days_cap_people_see_what_could_be_accepted() -> None:
    batches = planned(some(40, sure=True), of(8, 2, audit_share=0.25, accept_left=10))
    jobs = [job for batch in batches for job in batch.jobs]
    assert sum(job.stop - job.start for job in jobs if job.route is Route.ACCEPT) == 10
    ended = [job.route for job in jobs].index(Route.REVIEW)
    beyond = [job for job in jobs if job.route is Route.REVIEW]
    assert jobs[ended:] == beyond  # where nothing can be accepted, nothing is drawn
    assert all(job.reason.startswith("as many as the day allows are accepted") for job in beyond)
    assert {job.probability for job in beyond} == {1.0}


@pytest.mark.parametrize("cap", [None, 0, 30, 120])
def test_what_people_see_weighs_as_much_as_all_images_whatever_the_days_cap(cap: int | None) -> None:
    """Horvitz and Thompson's estimate of the number of images, 1 / probability for each that people see, is right on
    average: over many seeds it is within four of its standard errors, where the cap ends the draws as well."""
    found, estimates = some(240, sure=True), list[float]()
    for seed in range(500):
        batches = planned(found, of(24, 6, audit_share=0.2, accept_left=cap, seed=seed))
        jobs = [job for batch in batches for job in batch.jobs if job.route is not Route.ACCEPT]
        estimates.append(sum((job.stop - job.start) / job.probability for job in jobs))
    error = statistics.stdev(estimates) / math.sqrt(len(estimates))
    assert abs(statistics.fmean(estimates) - 240) <= 4 * error


@given(candidates(), rules(), st.integers(0, 20))
def test_people_get_no_more_than_the_day_allows_and_the_others_go_on(
    found: list[Candidate], by: BatchRules, left: int
) -> None:
    capped, free = planned(found, replace(by, review_left=left)), planned(found, by)
    people = [batch.images(Route.REVIEW, Route.AUDIT) for batch in capped]
    assert sum(people) <= left
    assert [batch for batch in free if batch in capped] == capped
    waits = [batch for batch in free if batch not in capped]
    assert all(batch.images(Route.REVIEW, Route.AUDIT) for batch in waits)


def test_why_a_job_is_for_people_is_told() -> None:
    found = [*some(2, sure=True), replace(some(1, first="z")[0], verdict=Verdict(Certainty.BETWEEN, "word 0.70"))]
    (batch,) = planned(found, of(3, 1, max_wait=timedelta(0), audit_share=1.0, between_share=1.0))
    assert [job.reason for job in batch.jobs] == [
        "drawn from the sure ones: so they say",
        "drawn from the sure ones: so they say",
        "drawn from the between ones: word 0.70",
    ]
