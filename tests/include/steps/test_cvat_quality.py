"""CVAT's quality reports of batches with a ground truth: made where they are out of date, read once all are there."""

from collections.abc import Callable

import pytest

from include.clients.cvat.records import NotSupported
from include.steps.blind import ask_blind_jobs, collect_blind_jobs
from include.steps.collect import collect_revisions
from include.steps.cvat_quality import BatchQuality, quality_reports
from tests.include.emulated import calls_to
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


def reports(world: World) -> list[BatchQuality]:
    found = quality_reports(world.project, world.cvat, world.cvat_access, world.ledger)
    assert isinstance(found, list)
    return found


def test_without_a_finished_ground_truth_cvat_is_not_asked(world: World) -> None:
    with calls_to(world.server) as calls:
        assert reports(world) == []
    assert calls.made == []


def test_each_batch_with_one_has_its_report(world: World) -> None:
    accept(world, 0)
    accept(world, 1)
    found = reports(world)
    assert [one.batch_id for one in found] == sorted(world.ids())
    assert [one.report.summary.accuracy for one in found] == [1.0, 1.0]
    assert [(one.report.summary.gt_count, one.report.summary.conflicts_by_type) for one in found] == [(2, {})] * 2


def test_a_report_is_made_anew_only_after_a_job_was_finished_since(world: World) -> None:
    accept(world, 0)
    (first,) = reports(world)
    with calls_to(world.server) as calls:
        assert reports(world) == [first]
    assert calls.count("POST") == 0
    (job,) = world.ledger.batches.jobs(first.batch_id)
    world.change_shapes(job, "delete", world.drawn(job)[:1])
    world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    (second,) = reports(world)
    assert second.report.summary.conflicts_by_type == {"missing_annotation": 1}
    assert (second.report.summary.recall, second.report.summary.precision) == (0.5, 1.0)


def test_before_the_acceptance_stage_there_is_none(world: World) -> None:
    accept(world, 0, stage="annotation")
    assert reports(world) == []


def test_a_report_that_fails_is_told_and_the_others_are_read(world: World, caplog: pytest.LogCaptureFixture) -> None:
    accept(world, 0)
    accept(world, 1)
    world.server.post("/emulator/failures", {"queue": "quality", "count": 1, "message": "MemoryError: \n"})
    assert len(reports(world)) == 1
    assert "the quality report is failed: MemoryError" in caplog.text


def test_a_server_without_reports_says_so(world: World) -> None:
    accept(world, 0)
    world.server.fault("GET", "/api/quality", status=404)
    found = quality_reports(world.project, world.cvat, world.cvat_access, world.ledger)
    assert isinstance(found, NotSupported)
