"""Batches that were set aside: they are told with their reasons, and can be taken back; nothing is made twice.
So are images that an annotator failed on."""

from collections.abc import Callable

import pytest

from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState, Reason
from include.steps.aside import SetAsideError, require_none_aside, take_back
from include.steps.discover import TooManyFailuresError
from tests.include.steps.world import DOTS, World, project_of


def go_on(world: World) -> None:
    """What the next ingest run does with the batches on their way."""
    for step in (world.create, world.attach, world.settle, world.check, world.annotate, world.route):
        step()


def test_what_is_set_aside_is_told_with_its_reason_and_what_to_do(world: World) -> None:
    world.land(2)
    batch = world.plan()[0]
    require_none_aside(world.project, world.ledger)
    world.ledger.batches.fail(batch.id, "frame 0 is not what it should be")
    with pytest.raises(SetAsideError, match=f"1 batches of .* 'Try again .*': {batch.id}: frame 0 is not what"):
        require_none_aside(world.project, world.ledger)


def test_a_batch_that_was_carried_already_is_carried_again_without_a_second_task_or_shape(world: World) -> None:
    world.land(2)
    batch = world.carry()[0]
    jobs = [job.cvat_id for job in world.ledger.batches.jobs(batch.id)]
    shapes = [world.cvat.annotations.read(job) for job in jobs if job]
    world.ledger.batches.fail(batch.id, "by mistake")
    assert take_back(world.project, world.ledger) == 1
    go_on(world)
    again = world.ledger.batches.get([batch.id])[0]
    assert (again.stage, again.task_id, again.reason) == (Stage.ROUTED, batch.task_id, None)
    assert [world.cvat.annotations.read(job) for job in jobs if job] == shapes
    require_none_aside(world.project, world.ledger)


def test_a_batch_that_got_no_data_gets_it(world: World) -> None:
    world.land(2)
    batch = world.carry(Stage.CREATED)[0]
    world.ledger.batches.fail(batch.id, "CVAT could not attach the data")
    take_back(world.project, world.ledger)
    go_on(world)
    assert world.ledger.batches.get([batch.id])[0].stage is Stage.ROUTED


def test_with_nothing_aside_nothing_is_taken_back(world: World) -> None:
    world.land(2)
    batch = world.carry()[0]
    assert take_back(world.project, world.ledger) == 0
    assert world.ledger.batches.get([batch.id])[0].stage is Stage.ROUTED


def test_images_that_an_annotator_failed_on_are_tried_again_once_it_is_mended(new_world: Callable[..., World]) -> None:
    world = new_world(annotators=[{"model": DOTS, "settings": {"shift": 1000.0}}])  # all that it finds lies outside
    world.land(3)
    world.put("in/no.png", b"no image")
    with pytest.raises(TooManyFailuresError, match=r"3 of 3 images .* or the annotator failed on them"):
        world.plan()
    quarantined = (ImageState.QUARANTINED, Reason.ANNOTATOR_FAILED)
    assert world.ledger.images.counts(world.project.name)[quarantined] == 3
    world.project = project_of(world.project.name, world.bucket_name, annotators=[{"model": DOTS}])
    assert world.plan() == []
    take_back(world.project, world.ledger)
    assert [batch.size for batch in world.plan()] == [3]
    assert (ImageState.QUARANTINED, Reason.NOT_AN_IMAGE) in world.ledger.images.counts(world.project.name)
