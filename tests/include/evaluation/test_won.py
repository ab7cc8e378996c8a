"""What would be won without an error, by hand."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given

from include.evaluation.columns import sheet
from include.evaluation.errors import ErrorTypes
from include.evaluation.overlaps import pairs_of
from include.evaluation.reviewed import ReviewedImage
from include.evaluation.tally import right_pairs
from include.evaluation.won import won
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.objects import box, datasets, reviewed

SURE, OTHER, FAR = box(0, 0, 10, 10), box(30, 0, 40, 10), box(60, 60, 70, 70)
LOOSE = box(30, 0, 40, 25)  # IoU 0.4 with OTHER
NOTHING = ErrorTypes(0, 0, 0, 0, 0, 0)


def gains(images: list[ReviewedImage]) -> ErrorTypes | None:
    seen = sheet(images)
    pairs = pairs_of(seen)
    return won(seen, pairs, right_pairs(seen, pairs, 0.5), 0.5)


def number(shape: Shape) -> Shape:
    return replace(shape, label="number")


@pytest.mark.parametrize(
    ("predicted", "final", "name", "gain"),
    [
        # Two words, one found first: 51 of 101 recalls have precision 1, the others 0.
        ([(SURE, 0.9), (LOOSE, 0.8)], [SURE, OTHER], "localization", 50 / 101),
        ([(SURE, 0.9), (FAR, 0.8)], [SURE, OTHER], "missed", 50 / 101),
        # One word found after something that is nothing: precision is 1/2 everywhere.
        ([(FAR, 0.9), (SURE, 0.8)], [SURE], "background", 1 / 2),
        # Found, found again, and then the other: 51 recalls have precision 1, the others 2/3.
        ([(SURE, 0.9), (box(0, 0, 10, 9), 0.8), (OTHER, 0.7)], [SURE, OTHER], "duplicate", 50 / 101 / 3),
        # A number taken for a word, last: numbers have 0, and would have 1; words have 1 either way.
        ([(SURE, 0.9), (OTHER, 0.8)], [SURE, number(OTHER)], "classification", 1 / 2),
    ],
    ids=["localization", "missed", "background", "duplicate", "classification"],
)
def test_each_type(predicted: list[tuple[Shape, float]], final: list[Shape], name: str, gain: float) -> None:
    found = gains([reviewed(predicted, [(shape, place) for place, shape in enumerate(final)])])
    assert found
    assert asdict(found)[name] == pytest.approx(gain)


def test_where_all_is_right_there_is_nothing_to_win() -> None:
    assert gains([reviewed([(SURE, 0.9), (OTHER, 0.8)], [(SURE, 1), (OTHER, 2)])]) == NOTHING


def test_a_mended_prediction_takes_no_annotation_twice() -> None:
    """Two loose words over one object: the surer is mended, the other goes."""
    found = gains([reviewed([(LOOSE, 0.9), (box(30, 0, 40, 24), 0.8)], [(OTHER, 1)])])
    assert found
    assert found.localization == pytest.approx(1)


def test_a_loose_word_over_two_is_mended_into_one_and_the_other_is_missed() -> None:
    """Two words, the first half of the recalls with precision 1; the other half would have it, either way."""
    wide = box(0, 0, 20, 10)
    found = gains([reviewed([(wide, 0.9), (FAR, 0.8)], [(box(0, 0, 9, 10), 1), (box(11, 0, 20, 10), 2)])])
    assert found
    assert found.localization == pytest.approx(51 / 101)
    assert found.missed == 0  # nothing is right: without the missed one there is still no precision


def test_a_tag_too_many_is_no_wrong_class() -> None:
    """Night has precision 1; rain is said first where it is not, and so has 1/2 of the 1 that it could have."""
    night, rain = Shape("night", ShapeType.TAG, ()), Shape("rain", ShapeType.TAG, ())
    images = [reviewed([(rain, 0.9), (night, 0.8)], [(night, 1)]), reviewed([(rain, 0.7)], [(rain, 2)], image_id="b")]
    assert gains(images) == replace(NOTHING, background=pytest.approx(1 / 4))


def test_without_an_order_there_is_nothing_to_say() -> None:
    assert gains([reviewed([(SURE, 1.0)], [(SURE, 1)])]) is None
    assert gains([reviewed([], [(SURE, 1)])]) is None


@given(datasets())
def test_gains_are_shares(images: list[ReviewedImage]) -> None:
    found = gains(images)
    assert found is None or all(0 <= value <= 1 for value in asdict(found).values())
