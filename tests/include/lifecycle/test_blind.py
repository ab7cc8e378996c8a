"""Blind samples: the same in every run, of the share that was asked for, each image with its known probability."""

from collections import Counter
from math import sqrt

from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.blind import copies_of, ground_truth_sample
from include.projects.blind import GroundTruth, Replicas

IDS = [f"image{n:02d}" for n in range(10)]
MANY = [f"birds-{n:05d}" for n in range(4000)]


def sample(batch: str, ids: list[str] | None = None, **rules: object) -> tuple[int, ...] | None:
    found = ground_truth_sample(batch, ids or IDS, GroundTruth.model_validate({"batches": 1, "images": 3, **rules}))
    return found and found.frames


@given(st.lists(st.text(), min_size=1, unique=True), st.integers(1, 30), st.text())
def test_so_many_different_frames_of_the_batch_in_order(ids: list[str], images: int, seed: str) -> None:
    found = ground_truth_sample("b", ids, GroundTruth(batches=1, images=images, seed=seed))
    assert found is not None
    assert list(found.frames) == sorted(set(found.frames))
    assert len(found.frames) == min(images, len(ids))
    assert set(found.frames) <= set(range(len(ids)))
    assert found.probability == min(images, len(ids)) / len(ids)
    assert found == ground_truth_sample("b", ids, GroundTruth(batches=1, images=images, seed=seed))


def test_an_image_is_drawn_wherever_it_stands() -> None:
    chosen = {IDS[frame] for frame in sample("b") or ()}
    backwards = IDS[::-1]
    assert {backwards[frame] for frame in sample("b", backwards) or ()} == chosen


def test_a_share_of_the_batches_is_drawn() -> None:
    share, count = 0.2, sum(sample(batch, batches=0.2) is not None for batch in MANY)
    assert abs(count / len(MANY) - share) < 4 * sqrt(share * (1 - share) / len(MANY))


def test_the_probability_is_how_often_an_image_is_drawn() -> None:
    rules = GroundTruth(batches=0.5, images=2)
    ids = [[f"{batch}/{n}" for n in range(5)] for batch in MANY]
    found = [ground_truth_sample(batch, of_batch, rules) for batch, of_batch in zip(MANY, ids, strict=True)]
    drawn = Counter(frame for one in found if one for frame in one.frames)
    assert {one.probability for one in found if one} == {0.2}
    for frame in range(5):
        assert abs(drawn[frame] / len(MANY) - 0.2) < 4 * sqrt(0.2 * 0.8 / len(MANY))


def test_a_batch_smaller_than_the_sample_is_in_it_as_a_whole() -> None:
    found = ground_truth_sample("b", IDS[:2], GroundTruth(batches=1, images=3))
    assert found is not None
    assert (found.frames, found.probability) == ((0, 1), 1.0)


def test_another_seed_draws_others() -> None:
    assert sample("b", seed="1") != sample("b", seed="2")


def test_replicas_are_drawn_apart_from_ground_truth() -> None:
    rules = Replicas(batches=0.5, copies=3)
    copies = Counter(copies_of(batch, rules) for batch in MANY)
    assert copies.keys() == {0, 3}
    assert abs(copies[3] / len(MANY) - 0.5) < 4 * sqrt(0.25 / len(MANY))
    both = sum(copies_of(batch, rules) > 0 and sample(batch, batches=0.5) is not None for batch in MANY)
    assert abs(both / len(MANY) - 0.25) < 4 * sqrt(0.25 * 0.75 / len(MANY))
    assert copies_of("b", None) == 0
