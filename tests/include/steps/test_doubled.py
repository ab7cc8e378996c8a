"""Who drew what on the same image, and what was drawn blind: from what people did in CVAT to what evaluation reads."""

from collections.abc import Callable
from typing import Any

import pytest

from include.evaluation.doubled import DoubledImage
from include.lifecycle.reviews import Annotation
from include.steps.blind import ask_blind_jobs, collect_blind_jobs
from include.steps.collect import collect_revisions
from include.steps.doubled import blind_images, doubled_images
from tests.include.steps.world import World

BOX = [9.5, 9.5, 20.25, 30.0]
EVALUATION = {"ground_truth": {"batches": 1, "images": 1}, "replicas": {"batches": 1, "copies": 2}}


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A job of two images with an object each, two replicas of it, and a ground truth of one image; all asked for."""
    made = new_world(evaluation=EVALUATION, batches={"size": 2, "job_size": 2, "max_wait": 0})
    made.land(2)
    made.carry()
    assert ask_blind_jobs(made.project, made.cvat, made.ledger) == 3
    return made


def blind(world: World) -> list[int]:
    """CVAT's ids of the ground truth and of the two replicas."""
    return [job.cvat_id or 0 for job in world.ledger.blind.of_project(world.project.name)]


def finish(world: World, cvat_id: int, who: str | None = None, *frames: int) -> None:
    """A person of that name draws a box on these frames, and finishes the job."""
    label = world.server.rows("/api/labels", task_id=world.batch().task_id or 0)[0]["id"]
    shapes = [{"type": "rectangle", "frame": n, "label_id": label, "points": BOX} for n in frames]
    world.server.patch(f"/api/jobs/{cvat_id}/annotations", {"shapes": shapes}, action="create")
    values: dict[str, Any] = {"state": "completed"}
    if who:
        found = world.server.rows("/api/users", search=f"{who}-{world.project.name}")
        values["assignee"] = found[0]["id"] if found else world.server.user(f"{who}-{world.project.name}")
    world.server.patch(f"/api/jobs/{cvat_id}", values)


def doubled(world: World) -> list[DoubledImage]:
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    collect_blind_jobs(world.project, world.cvat, world.store, world.ledger)
    return list(doubled_images(world.project, world.store, world.ledger))


def people(world: World) -> dict[str, list[tuple[str, int]]]:
    """By image, who drew how much."""
    ending = f"-{world.project.name}"
    return {
        image.image_id: [(one.person.removesuffix(ending), len(one.annotations)) for one in image.drawn]
        for image in doubled(world)
    }


def images(world: World) -> list[str]:
    return [image.id for image in world.ledger.images.of_batch(world.batch().id)]


def points(annotations: tuple[Annotation, ...]) -> list[tuple[float, ...]]:
    return [annotation.shape.points for annotation in annotations]


def test_an_image_that_one_person_has_finished_is_none(world: World) -> None:
    (job,) = world.jobs()
    finish(world, job.cvat_id or 0, "dora")
    assert doubled(world) == []


def test_who_reviewed_comes_first_then_who_drew_from_scratch(world: World) -> None:
    (job,), (_, first, second) = world.jobs(), blind(world)
    finish(world, first, "emil", 0, 1)
    finish(world, second, "fritz", 1)
    finish(world, job.cvat_id or 0, "dora")
    one, other = images(world)
    assert people(world) == {
        one: [("dora", 1), ("emil", 1), ("fritz", 0)],
        other: [("dora", 1), ("emil", 1), ("fritz", 1)],
    }
    drawn, header = doubled(world)[0].drawn, world.ledger.images.get(world.project.name, [one])[one].header
    assert doubled(world)[0].size == (header.width, header.height)
    assert points(drawn[1].annotations) == [tuple(BOX)]
    assert points(drawn[0].annotations) != points(drawn[1].annotations)


def test_ground_truth_doubles_its_images_alone(world: World) -> None:
    (job,), (truth, *_) = world.jobs(), blind(world)
    frame = world.ledger.blind.of_project(world.project.name)[0].frames[0]
    finish(world, truth, "emil", frame)
    finish(world, job.cvat_id or 0, "dora")
    assert people(world) == {images(world)[frame]: [("dora", 1), ("emil", 1)]}


def test_what_one_person_drew_twice_counts_once(world: World) -> None:
    (job,), (_, first, second) = world.jobs(), blind(world)
    finish(world, job.cvat_id or 0, "dora")
    finish(world, first, "dora", 0, 1)
    assert people(world) == {}
    finish(world, second, "emil")
    assert people(world) == {image: [("dora", 1), ("emil", 0)] for image in images(world)}


def test_jobs_without_a_name_are_somebody_s_each(world: World) -> None:
    (_, first, second) = blind(world)
    finish(world, first)
    finish(world, second)
    assert people(world) == {image: [(f"job {first}", 0), (f"job {second}", 0)] for image in images(world)}


def test_a_job_that_was_accepted_unseen_is_nobody_s(new_world: Callable[..., World]) -> None:
    routing = {"accept_above": 0.4, "audit_share": 1e-9}
    world = new_world(evaluation=EVALUATION, routing=routing, batches={"size": 2, "job_size": 2, "max_wait": 0})
    world.land(2)
    world.carry()
    ask_blind_jobs(world.project, world.cvat, world.ledger)
    finish(world, blind(world)[1], "emil", 0)
    assert doubled(world) == []
    assert len(world.ledger.reviews.current(world.project.name)) == 1


def test_the_images_of_a_finished_ground_truth_come_with_their_probability(world: World) -> None:
    (truth, first, _) = blind(world)
    frame = world.ledger.blind.of_project(world.project.name)[0].frames[0]
    finish(world, first, "emil", 0, 1)
    doubled(world)
    assert list(blind_images(world.project, world.store, world.ledger)) == []
    finish(world, truth, "dora", frame)
    doubled(world)
    (image,) = blind_images(world.project, world.store, world.ledger)
    assert (image.image_id, image.probability) == (images(world)[frame], 0.5)
    (annotation,) = image.annotations
    assert annotation.shape.points == tuple(BOX)
    assert annotation.shape.attributes == (("seen", "false"), ("text", ""))
