"""Splits: stable, and of the shares that were asked for."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.datasets.splits import split_of

SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}
KEYS = [f"etag-{number}" for number in range(20_000)]


def test_splits_are_pinned_for_ever() -> None:
    # `printf '0\netag-0' | sha256sum | cut -c1-8`, over 2 ** 32; by name, test goes to .1, train to .9, val to 1
    draws = {"etag-0": 0.311, "etag-1": 0.865, "etag-2": 0.260, "etag-3": 0.941, "etag-4": 0.589, "etag-5": 0.084}
    by_hand = {key: "test" if draw < 0.1 else "train" if draw < 0.9 else "val" for key, draw in draws.items()}
    assert {key: split_of(key, SPLITS, "0") for key in draws} == by_hand


@pytest.mark.parametrize("splits", [SPLITS, {"a": 0.5, "b": 0.5}, {"a": 0.98, "b": 0.02}])
def test_shares_are_as_asked_for(splits: dict[str, float]) -> None:
    drawn = [split_of(key, splits, "0") for key in KEYS]
    for name, share in splits.items():
        deviation = sqrt(len(KEYS) * share * (1 - share))  # of the binomial distribution
        assert abs(drawn.count(name) - len(KEYS) * share) < 4 * deviation


@given(st.text(), st.text(), st.permutations(list(SPLITS)))
def test_the_order_of_the_splits_does_not_matter(key: str, seed: str, order: list[str]) -> None:
    assert split_of(key, {name: SPLITS[name] for name in order}, seed) == split_of(key, SPLITS, seed)


def test_another_seed_is_another_draw() -> None:
    moved = sum(split_of(key, SPLITS, "0") != split_of(key, SPLITS, "1") for key in KEYS)
    assert moved / len(KEYS) == pytest.approx(1 - (0.8**2 + 0.1**2 + 0.1**2), abs=0.02)


def test_a_split_without_a_share_gets_nothing() -> None:
    assert {split_of(key, {"train": 1.0, "val": 0.0, "zoo": 0.0}, "0") for key in KEYS[:1000]} == {"train"}


@given(st.text())
def test_shares_that_do_not_quite_add_up_in_binary_still_place_every_image(key: str) -> None:
    assert split_of(key, dict.fromkeys("abcdefghij", 0.1), "0") in "abcdefghij"


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": 0.8, "val": 0.1}, "must add up to 1, not 0.9"),
        ({}, "must add up to 1, not 0"),
        ({"train": 1.5, "val": -0.5}, "'train': its share must be in 0..1"),
        ({"train": float("nan")}, "'train': its share must be in 0..1"),
    ],
)
def test_shares_that_are_none_are_refused(splits: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_of("key", splits, "0")
