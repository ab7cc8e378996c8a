"""Predict: every image is asked about once, whatever is killed; what fails goes to quarantine."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from botocore.exceptions import EndpointConnectionError

from include.annotators.registry import Annotator, AnnotatorUnavailable, load
from include.clients.storage import StorageError
from include.lifecycle.images import ImageState, Reason
from include.lifecycle.looks import Look
from include.steps.discover import TooManyFailuresError, discover_images
from include.steps.predict import (
    Predicted,
    PredictionShard,
    judge_failures,
    predict_shard,
    prediction_shards,
    read_predictions,
)
from tests.include.steps.dots import Dots, picture
from tests.include.steps.world import DOTS, World, killed

AT_ONCE = "tests.include.steps.dots:DotsAtOnce"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def images(world: World) -> list[str]:
    """The ids of seven discovered images, in order."""
    world.land(7, objects=2, score=0.75)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    return [image.id for image in world.ledger.images.unpredicted(world.project.name, "any", "", None)]


def predict(world: World, annotator: Annotator, shard: PredictionShard, checkpoint: int = 200) -> Predicted:
    return predict_shard(
        world.project, annotator, shard, world.bucket, world.store, world.ledger, checkpoint=checkpoint
    )


def shards(world: World, size: int) -> list[PredictionShard]:
    return prediction_shards(world.project, world.versions, world.ledger, size)


def kept_of(world: World, annotator: Annotator, images: list[str]) -> list[str]:
    return list(read_predictions(world.project, annotator.id, images, world.store, world.ledger))


def looks(world: World) -> dict[str, Look | None]:
    """By key."""
    waiting = world.ledger.images.waiting(world.project.name, [world.annotator.id, f"{DOTS}@2"])
    return {image.uri.removeprefix(f"s3://{world.bucket_name}/"): image.look for image in waiting}


def asked(annotator: Annotator) -> list[str]:
    assert isinstance(annotator.function, Dots)
    return annotator.function.asked


def test_a_limit_for_a_run_leaves_the_others_to_the_next(new_world: Callable[..., World]) -> None:
    world = new_world(annotators=[{"model": DOTS, "images_a_run": 4}, {"model": DOTS, "name": "free"}])
    world.land(7)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    cut = shards(world, 3)
    assert [(shard.annotator, shard.images) for shard in cut] == [(0, 3), (0, 1), (1, 3), (1, 3), (1, 1)]
    annotator = world.annotator
    for shard in cut[:2]:
        predict(world, annotator, shard)
    assert len(asked(annotator)) == 4
    assert [(shard.annotator, shard.images) for shard in shards(world, 100)] == [(0, 3), (1, 7)]


def test_of_a_limit_nothing_is_spent_on_images_of_another_version(new_world: Callable[..., World]) -> None:
    newer = {"model": DOTS, "share": 0.5, "settings": {"version": "2"}}
    halves = [{"model": DOTS, "share": 0.5, "images_a_run": 2}, newer]
    world = new_world(annotators=halves)
    world.land(12)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    limited = [shard for shard in shards(world, 5) if shard.annotator == 0]
    assert sum(shard.images for shard in limited) == 2
    annotator = world.annotator
    for shard in limited:
        predict(world, annotator, shard)
    assert len(asked(annotator)) == 2


def test_shards_hold_every_image_once(world: World, images: list[str]) -> None:
    cut = shards(world, 3)
    assert [shard.images for shard in cut] == [3, 3, 1]
    annotators = [load(DOTS, {}) for _ in cut]
    for shard, annotator in zip(reversed(cut), annotators, strict=True):  # in any order, side by side
        predict(world, annotator, shard)
    assert [len(asked(annotator)) for annotator in annotators] == [1, 3, 3]
    assert len({uri for annotator in annotators for uri in asked(annotator)}) == len(images)
    assert shards(world, 3) == []


def test_the_answers_are_kept_whole(world: World, images: list[str]) -> None:
    predict(world, world.annotator, shards(world, 100)[0])
    kept = read_predictions(world.project, world.annotator.id, images[:1], world.store, world.ledger)
    assert list(kept) == images[:1]
    found = [(p.shape.label, p.shape.points, p.shape.attributes, p.score) for p in kept[images[0]].objects]
    assert found == [
        ("dot", (0.0, 2.5, 3.25, 9.75), (("text", "0.0"),), 0.75),
        ("dot", (4.0, 2.5, 7.25, 9.75), (("text", "0.1"),), 0.75),
    ]


def test_an_image_in_which_nothing_is_found_has_an_answer_too(world: World) -> None:
    world.land(1, objects=0)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    predict(world, world.annotator, shards(world, 100)[0])
    (waiting,) = world.ledger.images.waiting(world.project.name, [world.annotator.id])
    kept = read_predictions(world.project, world.annotator.id, [waiting.image_id], world.store, world.ledger)
    assert kept[waiting.image_id].objects == ()


@pytest.mark.parametrize("at", range(1, 8))
def test_what_was_kept_before_a_kill_is_not_predicted_again(world: World, images: list[str], at: int) -> None:
    """Wherever the process ends in a batch of three pictures, with every second answer kept."""
    (shard,) = shards(world, 100)
    killed, second = (load(AT_ONCE, {"ends_at": end}, name=DOTS) for end in (at, 0))
    with pytest.raises(SystemExit):
        predict(world, killed, shard, checkpoint=2)
    kept = kept_of(world, killed, images)
    assert len(kept) == {1: 0, 2: 0, 3: 0, 4: 2, 5: 2, 6: 2, 7: 6}[at]  # of the whole batches before it, all pairs
    predict(world, second, shard, checkpoint=2)
    assert len(asked(second)) == len(images) - len(kept)
    assert sorted(kept_of(world, second, images)) == sorted(images)
    assert shards(world, 100) == []


@pytest.mark.parametrize("before", ["UPDATE images", "INSERT INTO predictions"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_while_answers_are_written_down_leaves_all_or_none_of_them(
    world: World, images: list[str], before: str, nth: int
) -> None:
    (shard,) = shards(world, 100)
    with killed(world.ledger, before, nth):
        predict(world, world.annotator, shard, checkpoint=3)
    kept = kept_of(world, world.annotator, images)
    assert len(kept) == 3 * (nth - 1)
    second = world.annotator
    predict(world, second, shard)
    assert len(asked(second)) == len(images) - len(kept)
    assert sorted(kept_of(world, second, images)) == sorted(images)
    assert None not in looks(world).values()


def test_answers_are_kept_when_they_have_waited_long_enough(world: World, images: list[str]) -> None:
    killed = load(DOTS, {"ends_at": 5})
    with pytest.raises(SystemExit):
        predict_shard(
            world.project, killed, shards(world, 100)[0], world.bucket, world.store, world.ledger, seconds=0.0
        )
    assert len(kept_of(world, killed, images)) == 4


@pytest.mark.parametrize("model", [DOTS, AT_ONCE])
def test_a_model_that_is_away_costs_no_image_and_what_was_answered_is_kept(
    world: World, images: list[str], model: str
) -> None:
    (shard,) = shards(world, 100)
    away, back = load(model, {"away_at": 6}), load(model, {})
    with pytest.raises(AnnotatorUnavailable, match="http://models:8000 does not answer"):
        predict(world, away, shard)
    kept = kept_of(world, away, images)
    assert len(kept) == (5 if model == DOTS else 3)
    assert dict(world.ledger.images.counts(world.project.name)) == {(ImageState.WAITING, None): len(images)}
    predict(world, back, shard)
    assert len(asked(back)) == len(images) - len(kept)


def test_what_was_answered_is_kept_whatever_is_raised(world: World, images: list[str]) -> None:
    """S3 cannot be reached for the fifth image."""

    def fail(params: dict[str, Any], **_: object) -> None:
        if params["url_path"].endswith("/4.png"):
            raise EndpointConnectionError(endpoint_url=params["url"])

    first, second = world.annotator, world.annotator
    world.s3.meta.events.register("before-call.s3.GetObject", fail)
    with pytest.raises(StorageError):
        predict(world, first, shards(world, 100)[0])
    world.s3.meta.events.unregister("before-call.s3.GetObject", fail)
    assert kept_of(world, first, images) == images[:4]
    predict(world, second, shards(world, 100)[0])
    assert len(asked(second)) == 3


def test_the_first_annotator_that_sees_an_image_records_its_look(world: World, images: list[str]) -> None:
    predict(world, world.annotator, shards(world, 100)[0])
    assert looks(world)["in/0.png"] == Look(ANY, bytes([2, 75, 0]) * 16)  # the picture is all of that colour
    planted = Look("f" * 16, b"planted")
    world.ledger.looks.record(world.project.name, dict.fromkeys(images, planted))
    newer = Annotator(DOTS, "2", Dots())
    (shard,) = prediction_shards(world.project, [newer.loaded], world.ledger, 100)
    predict(world, newer, shard)
    assert set(looks(world).values()) == {planted}


def test_another_version_answers_anew(world: World, images: list[str]) -> None:
    predict(world, world.annotator, shards(world, 100)[0])
    newer = Annotator(DOTS, "2", Dots())
    (shard,) = prediction_shards(world.project, [newer.loaded], world.ledger, 100)
    assert shard.images == len(images)


def test_what_cannot_be_decoded_goes_to_quarantine_and_the_others_go_on(world: World) -> None:
    world.land(3)
    world.put("in/cut.png", picture(9, size=(640, 480))[:200])  # its header is whole
    discover_images(world.project, world.bucket, world.ledger, NOW)
    assert predict(world, world.annotator, shards(world, 100)[0]) == Predicted(0, 4, 1)
    assert dict(world.ledger.images.counts(world.project.name)) == {
        (ImageState.WAITING, None): 3,
        (ImageState.QUARANTINED, Reason.UNDECODABLE): 1,
    }
    assert shards(world, 100) == []


@pytest.mark.parametrize(("good", "fails"), [(3, False), (2, True)])  # a quarter is tolerated
def test_too_many_that_cannot_be_decoded_fail_the_run_after_all_are_done(world: World, good: int, fails: bool) -> None:
    """However few are in the last shard, where it is."""
    world.land(good)
    world.put("in/z.png", picture(9, size=(640, 480))[:200])
    discover_images(world.project, world.bucket, world.ledger, NOW)
    predicted = [predict(world, world.annotator, shard) for shard in shards(world, good)]
    assert predicted == [Predicted(0, good, 0), Predicted(0, 1, 1)]
    with pytest.raises(TooManyFailuresError, match=r"1 of 3 images .* cannot be decoded") if fails else nullcontext():
        judge_failures(world.project, predicted)
    assert len(world.ledger.images.waiting(world.project.name, [world.annotator.id])) == good


def test_of_several_annotators_an_image_fails_once(new_world: Callable[..., World]) -> None:
    """Of eight images two, a quarter, whoever was asked about them first."""
    halves = [{"model": DOTS, "share": 0.5, "settings": {"version": version}} for version in "12"]
    world = new_world(annotators=[*halves, {"model": DOTS, "name": "second"}])
    world.land(6)
    for name in ("y", "z"):
        world.put(f"in/{name}.png", picture(9 + ord(name), size=(640, 480))[:200])
    discover_images(world.project, world.bucket, world.ledger, NOW)
    predicted = [predict(world, world.annotators[shard.annotator], shard) for shard in shards(world, 100)]
    assert [one.annotator for one in predicted] == [0, 1, 2]
    assert sum(one.images for one in predicted) == 16
    assert sum(one.failed for one in predicted) == 2
    judge_failures(world.project, predicted)
    with pytest.raises(TooManyFailuresError, match="3 of 8 images"):
        judge_failures(world.project, [*predicted, Predicted(2, 0, 1)])


def test_a_run_that_predicts_nothing_has_no_failures(world: World) -> None:
    judge_failures(world.project, [])


def test_an_annotator_that_fails_from_the_beginning_is_not_asked_on_and_on(world: World) -> None:
    world.land(60)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    hopeless, (shard,) = load(DOTS, {"shift": 1000.0}), shards(world, 100)  # all that it finds lies outside
    with pytest.raises(TooManyFailuresError, match=r"Dots@1 failed on each of the first 50 images that it was asked"):
        predict(world, hopeless, shard)
    assert len(asked(hopeless)) == 50
    assert dict(world.ledger.images.counts(world.project.name)) == {
        (ImageState.WAITING, None): 10,
        (ImageState.QUARANTINED, Reason.ANNOTATOR_FAILED): 50,
    }


def test_an_annotator_that_answered_once_is_asked_about_all(world: World) -> None:
    """What it fails on is judged when all is known."""
    world.land(1, objects=0)  # nothing that could lie outside
    world.land(60, first=1)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    assert predict(world, load(DOTS, {"shift": 1000.0}), shards(world, 100)[0]) == Predicted(0, 61, 60)


def test_an_image_that_changed_since_it_was_listed_is_left_to_the_next_discovery(
    world: World, images: list[str]
) -> None:
    world.put("in/3.png", picture(77))
    assert predict(world, world.annotator, shards(world, 100)[0]) == Predicted(0, 7, 0)
    assert len(world.ledger.images.waiting(world.project.name, [world.annotator.id])) == len(images) - 1
    assert [shard.images for shard in shards(world, 100)] == [1]
