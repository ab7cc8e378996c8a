"""Revision ids: the digest of what is drawn, and of nothing else."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from include.lifecycle.reviews import Annotation, revision_id
from include.lifecycle.shapes import Shape, ShapeType

IMAGES = ("a", "b", "c")
words = st.text(max_size=5)
hundredths = st.integers(-10_000, 500_000).map(lambda number: number / 100)
shapes = st.builds(
    Shape,
    label=st.sampled_from(["word", "number"]),
    type=st.sampled_from(ShapeType),
    points=st.tuples(hundredths, hundredths, hundredths, hundredths),
    rotation=st.integers(0, 35_999).map(lambda number: number / 100),
    occluded=st.booleans(),
    attributes=st.dictionaries(words, words, max_size=3).map(lambda pairs: tuple(sorted(pairs.items()))),
)
annotations = st.builds(
    Annotation,
    image_id=st.sampled_from(IMAGES),
    shape=shapes,
    source=st.sampled_from(["manual", "auto", "semi-auto"]),
    shape_id=st.integers(1),
)
some = st.lists(annotations, max_size=5)


def one(**values: object) -> Annotation:
    box = Shape("word", ShapeType.RECTANGLE, (1.0, 2.0, 30.0, 40.0), attributes=(("text", "exit"),))
    return Annotation("a", replace(box, **values), "auto", 1)  # type: ignore[arg-type]


def test_the_id_is_sha_256_over_the_images_and_rows_as_json() -> None:
    text = '[["a","b","c"],[["a","word","rectangle",[1.0,2.0,30.0,40.0],0.0,false,[["text","exit"]]]]]'
    assert revision_id(IMAGES, [one()]) == hashlib.sha256(text.encode()).hexdigest()


@given(some, st.randoms())
def test_the_order_of_annotations_does_not_count(drawn: list[Annotation], random: object) -> None:
    mixed = list(drawn)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert revision_id(IMAGES, mixed) == revision_id(IMAGES, drawn)


@given(some, st.integers(1), st.sampled_from(["manual", "file"]))
def test_how_an_annotation_came_to_be_does_not_count(drawn: list[Annotation], shape_id: int, source: str) -> None:
    others = [replace(annotation, shape_id=shape_id, source=source) for annotation in drawn]
    assert revision_id(IMAGES, others) == revision_id(IMAGES, drawn)


@given(some, annotations, st.integers(0, 3), st.integers(1, 1000), st.sampled_from([1, -1]))
def test_a_move_by_a_hundredth_of_a_pixel_counts(
    drawn: list[Annotation], last: Annotation, coordinate: int, hundredths: int, sign: int
) -> None:
    points = list(last.shape.points)
    points[coordinate] = round(points[coordinate] * 100 + sign * hundredths) / 100
    moved = replace(last, shape=replace(last.shape, points=tuple(points)))
    assert revision_id(IMAGES, [*drawn, moved]) != revision_id(IMAGES, [*drawn, last])


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_any_two_coordinates_more_than_a_hundredth_apart_differ(x: float, other: float) -> None:
    assume(abs(x - other) > 0.0101)
    assert revision_id(IMAGES, [one(points=(x, 0, 1, 1))]) != revision_id(IMAGES, [one(points=(other, 0, 1, 1))])


@given(some, some)
def test_ids_are_the_same_only_if_the_drawings_are(drawn: list[Annotation], other: list[Annotation]) -> None:
    def looks(annotations: list[Annotation]) -> list[str]:
        return sorted(repr((annotation.image_id, annotation.shape)) for annotation in annotations)

    assert (revision_id(IMAGES, drawn) == revision_id(IMAGES, other)) == (looks(drawn) == looks(other))


@pytest.mark.parametrize(
    "change",
    [
        {"label": "number"},
        {"type": ShapeType.ELLIPSE},
        {"occluded": True},
        {"rotation": 0.01},
        {"attributes": (("text", "exits"),)},
        {"attributes": (("texts", "exit"),)},
        {"attributes": ()},
        {"attributes": (("text", "exit"), ("language", "en"))},
    ],
)
def test_every_part_of_a_shape_counts(change: dict[str, object]) -> None:
    assert revision_id(IMAGES, [one(**change)]) != revision_id(IMAGES, [one()])


def test_on_which_image_and_how_often_counts() -> None:
    ids = {
        revision_id(IMAGES, drawn)
        for drawn in ([], [one()], [one(), one()], [replace(one(), image_id="b")])
    }  # fmt: skip
    assert len(ids) == 4


def test_the_images_count_in_the_order_of_their_frames() -> None:
    assert len({revision_id(images, []) for images in (("a", "b"), ("b", "a"), ("a",), ("ab",))}) == 4


@pytest.mark.parametrize(
    "same",
    [
        {"points": (1, 2, 30, 40)},
        {"points": (1.004, 1.996, 30.0, 40.0)},
        {"rotation": -0.0},
        {"rotation": 0},
        {"rotation": 360.0},
        {"rotation": 359.999},
    ],
)
def test_what_looks_the_same_is_the_same(same: dict[str, object]) -> None:
    assert revision_id(IMAGES, [one(**same)]) == revision_id(IMAGES, [one()])


def test_zero_has_no_sign() -> None:
    assert revision_id(IMAGES, [one(points=(-0.0, -0.001, 1, 1))]) == revision_id(IMAGES, [one(points=(0, 0, 1, 1))])


def test_the_order_of_attributes_does_not_count() -> None:
    pairs = (("language", "en"), ("text", "exit"))
    assert revision_id(IMAGES, [one(attributes=pairs)]) == revision_id(IMAGES, [one(attributes=pairs[::-1])])
