"""Plan: what was planned is not planned again, and every batch on its way is in one shard."""

import io
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import PIL.Image
import pytest

from include.clients.ledger import LeaseTakenError
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState, Reason
from include.lifecycle.looks import Look
from include.lifecycle.routing import NoScoresError, Route
from include.steps.plan import batch_shards, plan_batches
from include.steps.predict import read_predictions
from tests.include.steps.world import DOTS, World, killed

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def plan(world: World, holder: str = "a run") -> int:
    return plan_batches(world.project, world.versions, world.store, world.ledger, datetime.now(UTC), holder)


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


def test_scores_that_say_nothing_decide_nothing(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"accept_above": 0.5})
    world.land(10, objects=3, score=1.0)
    with pytest.raises(NoScoresError, match=r"all 30 scores of .*Dots@1 are 1\.0"):
        world.plan()
    assert world.batches() == []


def test_a_few_scores_that_say_nothing_accept_nothing(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"accept_above": 0.5})
    world.land(8, score=1.0)
    world.plan()
    assert {(job.route, job.reason) for job in world.jobs()} == {(Route.REVIEW, f"all scores of {DOTS}@1 are 1.0")}


def test_people_see_first_what_the_model_is_least_sure_of(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"order": "least_confidence", "review_a_day": 4})
    world.land(4, score=0.9)
    world.land(4, score=0.2, first=4)
    (batch,) = world.plan()  # the others wait for the next day
    assert {image.uri[-5] for image in world.ledger.images.of_batch(batch.id)} == set("4567")
    assert [job.urgency for job in world.ledger.batches.jobs(batch.id)] == [0.8, 0.8]
    assert plan(world) == 0
    assert len(world.ledger.images.waiting(world.project.name, [world.annotator.id])) == 4


def test_more_than_a_day_may_accept_is_for_people(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"accept_above": 0.5, "audit_share": 0.001, "accept_a_day": 4})
    world.land(8, score=0.9)
    world.plan()
    world.land(4, score=0.9, first=8)
    world.plan()
    jobs = [job for batch in world.batches() for job in world.ledger.batches.jobs(batch.id)]
    assert sum(job.stop - job.start for job in jobs if job.route is Route.ACCEPT) == 4
    assert sum(job.stop - job.start for job in jobs if job.route is Route.REVIEW) == 8


def photograph(shade: int, noise: int = 0) -> bytes:
    """A picture with structure; another noise is hardly another picture."""
    generator = np.random.default_rng(shade)
    blocks = np.kron(generator.integers(0, 255, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    blocks[0, 0] = (1, 50, noise)  # what the model reads
    target = io.BytesIO()
    PIL.Image.fromarray(blocks).save(target, "PNG")
    return target.getvalue()


def test_of_images_that_look_alike_one_is_shown(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"near_duplicates": 4})
    for number in range(4):
        world.put(f"in/scene-{number}.png", photograph(number))
        world.put(f"in/scene-{number}-again.png", photograph(number, noise=9))
    world.plan()
    assert dict(world.ledger.images.counts(world.project.name)) == {
        (ImageState.BATCHED, None): 4,
        (ImageState.QUARANTINED, Reason.NEAR_DUPLICATE): 4,
    }


def test_an_image_that_looks_like_one_in_a_batch_is_not_shown_again(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"near_duplicates": 4})
    world.put("in/scene.png", photograph(1))
    world.plan()
    world.put("in/scene-again.png", photograph(1, noise=9))
    world.put("in/other.png", photograph(2))
    world.plan()
    assert dict(world.ledger.images.counts(world.project.name)) == {
        (ImageState.BATCHED, None): 2,
        (ImageState.QUARANTINED, Reason.NEAR_DUPLICATE): 1,
    }


def test_an_image_that_takes_the_place_of_one_it_looks_like_is_shown(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"near_duplicates": 4})
    world.put("in/scene.png", photograph(1))
    world.plan()
    world.put("in/scene.png", photograph(1, noise=9))
    world.plan()
    assert Reason.NEAR_DUPLICATE not in {reason for _, reason in world.ledger.images.counts(world.project.name)}


def set_aside(world: World) -> dict[str, str]:
    """The keys of the images that look like others, each with that of the other."""
    bucket = f"s3://{world.bucket_name}/"
    said = world.ledger.looks.look_alikes(world.project.name)
    return {
        image.uri.removeprefix(bucket): detail.removeprefix(f"it looks like {bucket}") for image, detail in said.items()
    }


@pytest.mark.parametrize("max_wait", ["PT0S", "P1D"])  # the first one is in a batch, or waits
def test_what_looks_like_an_image_that_is_gone_is_shown(new_world: Callable[..., World], max_wait: str) -> None:
    batches = {"size": 20, "job_size": 2, "max_wait": max_wait}
    world = new_world(routing={"near_duplicates": 4}, batches=batches)
    world.put("in/a.png", photograph(1))
    world.plan()
    world.put("in/b.png", photograph(1, noise=9))
    world.put("in/c.png", photograph(1, noise=8))
    for number in range(5):  # of so many one that is gone is no mistake
        world.put(f"in/other-{number}.png", photograph(2 + number))
    world.plan()
    assert set_aside(world) == {"in/b.png": "in/a.png", "in/c.png": "in/a.png"}
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/a.png")
    world.plan()
    assert set_aside(world) == {"in/c.png": "in/b.png"}
    world.plan()
    assert set_aside(world) == {"in/c.png": "in/b.png"}


def test_what_was_set_aside_is_judged_by_the_rule_of_today(new_world: Callable[..., World]) -> None:
    world = new_world(batches={"size": 4, "job_size": 2, "max_wait": "P1D"})
    world.put("in/a.png", photograph(1))
    world.put("in/b.png", photograph(2))
    world.plan()
    first, second = world.ledger.images.waiting(world.project.name, [world.annotator.id])
    looks = {first.image_id: Look("0" * 16, b""), second.image_id: Look("0" * 15 + "7", b"")}  # three bits
    world.ledger.looks.record(world.project.name, looks)
    for bits, expected in [(3, 1), (2, 0), (7, 1), (None, 0)]:
        routing = world.project.routing.model_copy(update={"near_duplicates": bits})
        world.project = world.project.model_copy(update={"routing": routing})
        plan(world)
        assert len(set_aside(world)) == expected


def test_a_look_alike_that_is_set_aside_is_not_asked_about_by_a_newer_version(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"near_duplicates": 4})
    world.put("in/a.png", photograph(1))
    world.put("in/b.png", photograph(1, noise=9))
    world.plan()
    newer = world.project.annotators[0].model_copy(update={"settings": {"version": "2"}})
    world.project = world.project.model_copy(update={"annotators": (newer,)})
    world.plan()
    assert set_aside(world) == {"in/b.png": "in/a.png"}
    (image,) = world.ledger.looks.look_alikes(world.project.name)
    assert world.ledger.predictions.annotators(world.project.name, [image.image_id]) == [f"{DOTS}@1"]


def test_images_unlike_each_other_come_first_where_that_is_wanted(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"diversity": 1.0, "review_a_day": 4}, batches={"size": 4, "job_size": 2, "max_wait": 0})
    for number in range(4):
        for copy in range(3):
            world.put(f"in/{number}-{copy}.png", photograph(number, noise=copy))
    (batch,) = world.plan()
    assert {image.uri[-7] for image in world.ledger.images.of_batch(batch.id)} == set("0123")
