"""Plan: what was planned is not planned again, and every batch on its way is in one shard."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.clients.ledger import LeaseTakenError
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState
from include.steps.plan import batch_shards, plan_batches
from include.steps.predict import read_predictions
from tests.include.steps.world import DOTS, World, killed

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def plan(world: World, holder: str = "a run") -> int:
    return plan_batches(world.project, world.versions, world.ledger, datetime.now(UTC), holder)


def test_every_image_with_predictions_is_planned_once(world: World) -> None:
    world.land(10)
    batches = world.plan()
    assert sorted(batch.size for batch in batches) == [2, 4, 4]
    assert plan(world) == 0
    images = [image.id for batch in batches for image in world.ledger.images.of_batch(batch.id)]
    assert len(set(images)) == 10
    assert dict(world.ledger.images.counts(world.project.name)) == {(ImageState.BATCHED, None): 10}


def test_a_plan_that_is_killed_is_whole_or_not_at_all_and_made_by_the_next_try(world: World) -> None:
    world.land(8)
    with killed(world.ledger, "INSERT INTO jobs", nth=2):
        world.plan()
    assert world.batches() == []
    assert plan(world, "the test") == 2  # the same holder: a retry of the same task


def test_one_run_plans_at_a_time(world: World) -> None:
    world.land(4)
    with (
        world.ledger.leases.hold(f"plan/{world.project.name}", "another run", timedelta(minutes=1)),
        pytest.raises(LeaseTakenError, match="another run"),
    ):
        world.plan()
    assert plan(world) == 1


def test_shards_hold_the_batches_that_are_on_their_way(world: World) -> None:
    world.land(20)
    ids = [batch.id for batch in world.plan()]
    world.ledger.batches.advance(ids[0], Stage.ROUTED)
    world.ledger.batches.fail(ids[1], "a reason")
    world.ledger.batches.advance(ids[2], Stage.ANNOTATED)
    assert batch_shards(world.project, world.ledger, 2) == [ids[2:4], ids[4:]]


TWO = [
    {"model": DOTS, "name": "dots", "share": 0.5},
    {"model": DOTS, "name": "dots", "share": 0.5, "settings": {"version": "2"}},
    {"model": DOTS, "name": "blind", "draws": False, "settings": {"version": "3"}},
]


def test_versions_of_an_annotator_share_the_images_and_no_batch(new_world: Callable[..., World]) -> None:
    world = new_world(annotators=TWO, batches={"size": 4, "job_size": 2, "max_wait": 0})
    world.land(24)
    asked = Counter[str]()
    for batch in world.plan():
        (drawing, blind) = batch.asked
        assert (drawing.draws, blind) == (True, Asked("blind@3", False))
        images = [image.id for image in world.ledger.images.of_batch(batch.id)]
        answered = read_predictions(world.project, drawing.id, images, world.store, world.ledger)
        assert set(answered) == set(images)
        other = {"dots@1": "dots@2", "dots@2": "dots@1"}[drawing.id]
        assert read_predictions(world.project, other, images, world.store, world.ledger) == {}
        asked[drawing.id] += batch.size
    assert asked.keys() == {"dots@1", "dots@2"}
    assert asked.total() == 24
