"""Looks: resemblance by few bits and like colours, found as by comparing all; unlike pictures first."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.lifecycle.looks import Look, distance, farthest_first, known_before, near_duplicates

GRAY = bytes([100] * 48)


def look(bits: int, features: bytes = GRAY) -> Look:
    return Look(f"{bits:016x}", features)


def bits_of(*places: int) -> int:
    return sum(1 << place for place in places)


def near_hashes() -> Any:
    """Hashes of which many differ in a few bits."""
    few = st.sets(st.integers(0, 63), max_size=5).map(lambda places: bits_of(*places))
    return st.lists(few, max_size=30)


def test_the_distance_is_the_number_of_bits_that_differ() -> None:
    assert distance(look(0), look(0)) == 0
    assert distance(look(0b1011), look(0b0110)) == 3
    assert distance(look(0), look(2**64 - 1)) == 64


@pytest.mark.parametrize("bits", range(8))
def test_the_farthest_bits_that_still_resemble_are_found_wherever_they_lie(bits: int) -> None:
    for start in range(64):
        for step in (1, 7, 9, 13):  # so spread that they fall into as many bands as they can
            places = {(start + step * index) % 64 for index in range(bits)}
            assert len(places) == bits
            other = look(bits_of(*places))
            assert list(near_duplicates([("a", look(0)), ("b", other)], bits)) == [("b", "a")]


@given(near_hashes(), st.integers(0, 7))
@example([0, bits_of(1, 2), bits_of(1, 2, 3, 4)], 2)  # the third resembles the second alone, which stands for nobody
def test_what_bands_find_is_what_comparing_all_finds(hashes: list[int], bits: int) -> None:
    firsts: list[int] = []
    expected = []
    for place, value in enumerate(hashes):
        near = [first for first in firsts if (hashes[first] ^ value).bit_count() <= bits]
        if near:
            expected.append((str(place), str(near[0])))
        else:
            firsts.append(place)
    looks = [(str(place), look(value)) for place, value in enumerate(hashes)]
    assert list(near_duplicates(looks, bits)) == expected


@given(near_hashes(), near_hashes(), st.integers(0, 7))
def test_what_was_known_before_is_what_comparing_all_finds(hashes: list[int], before: list[int], bits: int) -> None:
    expected = {}
    for place, value in enumerate(hashes):
        near = [known for known, other in enumerate(before) if (other ^ value).bit_count() <= bits]
        if near:
            expected[str(place)] = str(near[0])
    looks, others = ([(str(place), look(value)) for place, value in enumerate(values)] for values in (hashes, before))
    assert known_before(looks, others, bits) == expected


def test_pictures_of_one_structure_and_unlike_colours_do_not_resemble_each_other() -> None:
    light, lighter, dark = (look(0, bytes([shade] * 48)) for shade in (200, 216, 183))
    assert list(near_duplicates([("light", light), ("lighter", lighter)])) == [("lighter", "light")]
    assert list(near_duplicates([("light", light), ("dark", dark)])) == []


def test_more_bits_than_bands_can_serve_are_refused() -> None:
    with pytest.raises(ValueError, match="may differ in 0 to 7 bits, not in 8"):
        list(near_duplicates([], 8))


def test_the_farthest_come_first() -> None:
    line = [bytes([place]) for place in (10, 11, 0, 30, 12)]
    assert farthest_first(line, 5) == [0, 3, 2, 4, 1]  # by hand: 20 away; then 10; then 2; the last
    assert farthest_first(line, 2, first=3) == [3, 2]


@given(st.lists(st.binary(min_size=2, max_size=2), max_size=12), st.data())
def test_every_vector_comes_once_and_no_more_than_asked_for(vectors: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, max(len(vectors) - 1, 0)))
    count = data.draw(st.integers(0, 15))
    order = farthest_first(vectors, count, first)
    assert len(order) == len(set(order)) == min(count, len(vectors))
    assert order[:1] == ([first] if order else [])


@given(st.lists(st.binary(min_size=2, max_size=2), min_size=1, max_size=8), st.integers(1, 4))
def test_none_is_left_farther_than_twice_what_the_best_choice_leaves(vectors: list[bytes], count: int) -> None:
    """Gonzalez (1985), theorem 2.2."""
    points = np.array([list(vector) for vector in vectors], float)
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    count = min(count, len(points))
    best = min(far[list(chosen)].min(axis=0).max() for chosen in combinations(range(len(points)), count))
    assert far[farthest_first(vectors, count)].min(axis=0).max() <= 2 * best + 1e-9


def test_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        farthest_first([b"ab", b"abc"], 2)
