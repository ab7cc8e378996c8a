"""CVAT's quality reports of tasks with a ground truth: asked for where they are out of date, shown beside ours."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from include.evaluation.snapshot import ServerQuality
from include.steps.blind import ask_blind_jobs, collect_blind_jobs
from include.steps.collect import collect_revisions
from include.steps.quality import newest_snapshot, take_snapshot
from include.steps.server_quality import server_quality
from tests.include.emulated import calls_to, until
from tests.include.steps.world import World


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """Two batches of two images with an object each, in ground truths too."""
    evaluation = {"ground_truth": {"batches": 1, "images": 2}}
    made = new_world(evaluation=evaluation, batches={"size": 2, "job_size": 2, "max_wait": 0})
    made.land(4)
    made.carry()
    ask_blind_jobs(made.project, made.cvat, made.ledger)
    return made


def accept(world: World, place: int, stage: str = "acceptance") -> None:
    """A person draws in the ground truth of a batch what the model has found there, and finishes it."""
    job = world.ledger.blind.of_project(world.project.name)[place]
    ordinary = world.ledger.batches.jobs(job.key.batch_id)[0]
    shapes = [{key: value for key, value in shape.items() if key != "id"} for shape in world.drawn(ordinary)]
    world.server.patch(f"/api/jobs/{job.cvat_id}/annotations", {"shapes": shapes}, action="create")
    world.server.patch(f"/api/jobs/{job.cvat_id}", {"stage": stage, "state": "completed"})
    collect_blind_jobs(world.project, world.cvat, world.store, world.ledger)


def reports(world: World) -> tuple[ServerQuality, ...]:
    return server_quality(world.project, world.cvat, world.store, world.ledger)


def made(world: World) -> tuple[ServerQuality, ...]:
    """The reports, asked for once, and looked at when CVAT has nothing left to do."""
    reports(world)
    until(lambda: all(row["status"] in ("finished", "failed") for row in world.server.rows("/api/requests")))
    return reports(world)


def test_without_a_finished_ground_truth_cvat_is_not_asked(world: World) -> None:
    with calls_to(world.server) as calls:
        assert reports(world) == ()
    assert calls.made == []


def test_a_report_is_asked_for_and_the_next_look_has_it(world: World) -> None:
    accept(world, 0)
    accept(world, 1)
    assert reports(world) == ()
    found = until(lambda: (two := reports(world)) and len(two) == 2 and two)
    assert {one.task for one in found} == {batch.task_id for batch in world.batches()}
    assert [(one.accuracy, one.precision, one.recall) for one in found] == [(1.0, 1.0, 1.0)] * 2


def test_a_report_is_made_anew_only_after_a_job_was_finished_since(world: World) -> None:
    accept(world, 0)
    (first,) = made(world)
    with calls_to(world.server) as calls:
        assert reports(world) == (first,)
    assert calls.count("POST") == 0
    batch = next(batch for batch in world.batches() if batch.task_id == first.task)
    (job,) = world.ledger.batches.jobs(batch.id)
    world.change_shapes(job, "delete", world.drawn(job)[:1])
    world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    (old,) = reports(world)
    assert "older than the newest finished job" in old.explanation
    new = until(lambda: (now := reports(world))[0].report != first.report and now[0])
    assert (new.recall, new.precision) == (new.ours_recall, new.ours_precision) == (0.5, 1.0)
    assert new.explanation == "the same"


def test_before_the_acceptance_stage_there_is_none(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    accept(world, 0, stage="annotation")
    assert reports(world) == ()
    assert "CVAT makes no quality report yet" in caplog.text


def test_a_report_that_failed_is_asked_for_again(world: World) -> None:
    accept(world, 0)
    world.server.post("/emulator/failures", {"queue": "quality", "count": 1, "message": "MemoryError: \n"})
    assert reports(world) == ()
    assert until(lambda: reports(world))


def test_a_server_without_reports_says_so_and_nothing_fails(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    accept(world, 0)
    world.server.fault("GET", "/api/quality", status=404)
    assert reports(world) == ()
    assert "CVAT gives no quality reports here" in caplog.text


def test_while_cvat_fails_a_snapshot_keeps_the_reports_that_it_had(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    accept(world, 0)
    until(lambda: reports(world))

    def shown(hour: int) -> tuple[ServerQuality, ...]:
        now = datetime(2030, 3, 4, hour, tzinfo=UTC)
        take_snapshot(world.project, world.store, world.ledger, now, cvat=world.cvat)
        found = newest_snapshot(world.project, world.store, world.ledger)
        assert found
        return found.server_quality

    for _ in range(20):
        world.server.fault("GET", "/api/quality", status=500)
    assert shown(10) == ()
    assert "CVAT's quality reports are as they were" in caplog.text
    world.server.forget_faults()
    known = shown(11)
    assert len(known) == 1
    world.finish(world.jobs()[1])  # what was measured of people's work changes
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    for _ in range(20):
        world.server.fault("GET", "/api/quality", status=500)
    assert shown(12) == known
    world.server.forget_faults()
