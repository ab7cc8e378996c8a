"""The unbiased figures: what people drew without seeing the predictions, and CVAT's own word on it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from include.evaluation.snapshot import Snapshot
from include.steps.blind import ask_blind_jobs, collect_blind_jobs
from include.steps.collect import collect_revisions
from include.steps.evaluate import evaluate_annotators
from include.steps.quality import newest_snapshot, take_snapshot
from include.steps.server_quality import server_quality
from include.steps.unbiased import unbiased
from tests.include.emulated import until
from tests.include.steps.world import DOTS, World

NOW = datetime(2030, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """Four images of one dot, finished as the model left them. Of two there is a ground truth: in one a person saw the
    dot where the model did, in the other somewhere else."""
    wanted = {"ground_truth": {"batches": 1, "images": 2}}
    batches = {"size": 4, "job_size": 4, "max_wait": 0}
    made = new_world(evaluation=wanted, annotators=[{"model": DOTS}], batches=batches)
    made.land(4)
    made.carry()
    ask_blind_jobs(made.project, made.cvat, made.ledger)
    (job,) = made.jobs()
    (truth,) = made.ledger.blind.of_project(made.project.name)
    by_frame = {shape["frame"]: shape for shape in made.drawn(job)}
    label = made.drawn(job)[0]["label_id"]
    first, second = truth.frames
    shapes = [
        {"type": "rectangle", "frame": first, "label_id": label, "points": by_frame[first]["points"]},
        {"type": "rectangle", "frame": second, "label_id": label, "points": [50, 50, 60, 60]},
    ]
    made.server.patch(f"/api/jobs/{truth.cvat_id}/annotations", {"shapes": shapes}, action="create")
    made.server.patch(f"/api/jobs/{truth.cvat_id}", {"stage": "acceptance", "state": "completed"})
    made.finish(job)
    collect_revisions(made.project, made.cvat, made.store, made.ledger)
    collect_blind_jobs(made.project, made.cvat, made.store, made.ledger)
    return made


def test_the_figures_stand_beside_the_flattering_ones_of_the_same_images(world: World) -> None:
    ((name, found),) = unbiased(world.project, world.store, world.ledger).items()
    assert name == "tests.include.steps.dots:Dots@1"
    assert found.images == 2
    assert found.unbiased.micro.rates.f1 == 0.5
    assert found.unbiased.micro.tp == 2  # one found, which stands for two of the four
    assert found.reviewed
    assert found.reviewed.micro.rates.f1 == 1.0  # people left all as it was
    assert (found.images_reviewed, found.beside) == (2, found.unbiased)


def test_the_difference_is_of_images_that_were_reviewed_too(new_world: Callable[..., World]) -> None:
    """Of four images, all in the ground truth, two in a job that is not finished: what people drew there has no
    flattering figure beside it."""
    wanted = {"ground_truth": {"batches": 1, "images": 4}}
    made = new_world(evaluation=wanted, annotators=[{"model": DOTS}], batches={"size": 4, "job_size": 2, "max_wait": 0})
    made.land(4)
    made.carry()
    ask_blind_jobs(made.project, made.cvat, made.ledger)
    first, _ = made.jobs()
    (truth,) = made.ledger.blind.of_project(made.project.name)
    shapes = [
        {"type": "rectangle", "frame": one["frame"], "label_id": one["label_id"], "points": one["points"]}
        for one in made.drawn(first)
    ]
    made.server.patch(f"/api/jobs/{truth.cvat_id}/annotations", {"shapes": shapes}, action="create")
    made.server.patch(f"/api/jobs/{truth.cvat_id}", {"stage": "acceptance", "state": "completed"})
    made.finish(first)
    collect_revisions(made.project, made.cvat, made.store, made.ledger)
    collect_blind_jobs(made.project, made.cvat, made.store, made.ledger)
    (found,) = unbiased(made.project, made.store, made.ledger).values()
    assert (found.images, found.images_reviewed) == (4, 2)
    assert found.unbiased.micro.rates.f1 == 2 * 2 / (2 + 4)  # where nobody drew anything, the model did
    assert found.reviewed
    assert found.beside
    assert (found.reviewed.micro.rates.f1, found.beside.micro.rates.f1) == (1.0, 1.0)


def test_without_a_ground_truth_there_is_nothing(new_world: Callable[..., World]) -> None:
    world = new_world()
    assert unbiased(world.project, world.store, world.ledger) == {}
    assert server_quality(world.project, world.cvat, world.store, world.ledger) == ()


def test_cvats_report_is_asked_for_and_shown_beside_ours(world: World) -> None:
    assert server_quality(world.project, world.cvat, world.store, world.ledger) == ()  # asked for
    (found,) = until(lambda: server_quality(world.project, world.cvat, world.store, world.ledger))
    assert found.task == world.batch().task_id
    assert (found.precision, found.recall) == (found.ours_precision, found.ours_recall) == (0.5, 0.5)
    assert found.explanation == "the same"


def test_the_snapshot_has_both(world: World) -> None:
    evaluate_annotators(world.project, world.store, world.ledger, NOW)

    def shown() -> Snapshot | None:
        take_snapshot(world.project, world.store, world.ledger, NOW, cvat=world.cvat)
        found = newest_snapshot(world.project, world.store, world.ledger)
        return found if found and found.server_quality else None

    found = until(shown)
    assert found.annotators[0].blind
    assert found.agreement
    assert found.agreement.images == 2
