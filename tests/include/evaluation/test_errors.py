"""Error types, each by an example of the paper's figure 2, and what must always hold."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given

from include.evaluation.columns import sheet
from include.evaluation.confusion import Confusion, confusion
from include.evaluation.drawing import Drawing
from include.evaluation.errors import ErrorTypes, error_types
from include.evaluation.overlaps import pairs_of
from include.evaluation.places import GRID, Places, SizeCounts, by_size, places
from include.evaluation.reviewed import ReviewedImage
from include.evaluation.tally import right_pairs
from include.evaluation.worst import Mark, WorstImage, worst_images
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.objects import box, datasets, reviewed

TRUE = box(0, 0, 10, 10)
LOOSE = box(0, 0, 10, 25)  # IoU 0.4
FAR = box(50, 50, 60, 60)
NOTHING = ErrorTypes(0, 0, 0, 0, 0, 0)


def as_number(shape: Shape) -> Shape:
    return replace(shape, label="number")


def errors(images: list[ReviewedImage]) -> ErrorTypes:
    seen = sheet(images)
    pairs = pairs_of(seen)
    return error_types(seen, pairs, right_pairs(seen, pairs, 0.5), 0.5)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ([(TRUE, 0.9)], NOTHING),
        ([(as_number(TRUE), 0.9)], replace(NOTHING, classification=1)),
        ([(LOOSE, 0.9)], replace(NOTHING, localization=1)),
        ([(as_number(LOOSE), 0.9)], replace(NOTHING, both=1, missed=1)),
        ([(TRUE, 0.9), (box(0, 0, 10, 9), 0.8)], replace(NOTHING, duplicate=1)),
        ([(FAR, 0.9)], replace(NOTHING, background=1, missed=1)),
        ([], replace(NOTHING, missed=1)),
    ],
    ids=["right", "classification", "localization", "both", "duplicate", "background", "missed"],
)
def test_each_type(predicted: list[tuple[Shape, float]], expected: ErrorTypes) -> None:
    assert errors([reviewed(predicted, [(TRUE, 1)])]) == expected


def test_errors_are_weighted() -> None:
    assert errors([reviewed([(FAR, 0.9)], [], weight=10)]) == replace(NOTHING, background=10)


@given(datasets())
def test_every_wrong_prediction_has_one_type(images: list[ReviewedImage]) -> None:
    seen = sheet(replace(image, weight=1.0) for image in images)
    pairs = pairs_of(seen)
    right = right_pairs(seen, pairs, 0.5)
    found = error_types(seen, pairs, right, 0.5)
    assert sum(astuple(found)[:5]) == len(seen.predictions) - len(right)
    assert found.missed <= len(seen.annotations) - len(right)


def test_confusion_by_hand() -> None:
    """A word found, a word taken for a number, a number that nothing found, and a number where nothing is."""
    predicted = [(TRUE, 0.9), (as_number(FAR), 0.8), (as_number(box(80, 0, 90, 10)), 0.7)]
    final = [(TRUE, 1), (FAR, 2), (as_number(box(0, 80, 10, 90)), 3)]
    seen = sheet([reviewed(predicted, final, weight=2)])
    pairs = pairs_of(seen)
    found = confusion(seen, pairs, right_pairs(seen, pairs, 0.5), 0.5)
    assert found == Confusion(
        ("number", "word"),
        (
            (0.0, 0.0, 2.0),
            (2.0, 2.0, 0.0),
            (2.0, 0.0, 0.0),
        ),
    )


@given(datasets())
def test_confusion_counts_every_object_once(images: list[ReviewedImage]) -> None:
    seen = sheet(replace(image, weight=1.0) for image in images)
    pairs = pairs_of(seen)
    table = confusion(seen, pairs, right_pairs(seen, pairs, 0.5), 0.5).counts
    assert sum(sum(row) for row in table[:-1]) == len(seen.annotations)
    assert sum(value for row in table for value in row[:-1]) == len(seen.predictions)


def found_places(images: list[ReviewedImage]) -> Places:
    seen = sheet(images)
    return places(seen, right_pairs(seen, pairs_of(seen), 0.5))


def test_places_of_errors_are_shares_of_the_image() -> None:
    """The corner at the top left holds a word that was found; at the bottom right is one that was not."""
    image = reviewed([(TRUE, 0.9), (FAR, 0.8)], [(TRUE, 1), (box(180, 90, 200, 100), 2)], size=(200, 100), weight=2)
    found = found_places([image])
    assert found.objects[0][0] == found.objects[GRID - 1][GRID - 1] == 2
    assert found.missed[GRID - 1][GRID - 1] == 2
    assert found.wrong[GRID * 55 // 100][GRID * 55 // 200] == 2
    assert sum(map(sum, found.wrong)) == sum(map(sum, found.missed)) == 2


def test_sizes_by_hand() -> None:
    large = box(0, 0, 200, 100)
    image = reviewed([(large, 0.9), (FAR, 0.8)], [(large, 1), (TRUE, 2)], size=(300, 300))
    seen = sheet([image])
    found = by_size(seen, right_pairs(seen, pairs_of(seen), 0.5))
    assert found["large"] == SizeCounts(1, 1.0, 1.0, 0.0)
    assert found["small"] == SizeCounts(1, 1.0, 0.0, 1.0)
    assert found["small"].recall == 0
    assert found["medium"].recall is None


def worst(images: list[ReviewedImage]) -> tuple[WorstImage, ...]:
    seen = sheet(images)
    pairs = pairs_of(seen)
    return worst_images(seen, pairs, right_pairs(seen, pairs, 0.5), 0.5)


def test_the_worst_image_comes_first_with_what_to_draw() -> None:
    fine = reviewed([(TRUE, 0.9)], [(TRUE, 1)], image_id="fine")
    bad = reviewed([(FAR, 0.6)], [(TRUE, 1)], image_id="bad")
    half = reviewed([(TRUE, 0.9)], [(TRUE, 1), (FAR, 2)], image_id="half")
    first, second = worst([fine, half, bad])
    assert (first.image_id, first.errors, second.image_id, second.errors) == ("bad", 2, "half", 1)
    assert first.predicted == (Mark("word", (50, 50, 60, 60), None, "background", 0.6),)
    assert first.final == (Mark("word", (0, 0, 10, 10), None, "missed"),)
    assert second.predicted == (Mark("word", (0, 0, 10, 10), None, None, 0.9),)


def test_an_annotation_near_a_wrong_prediction_is_not_found_but_not_missed() -> None:
    (only,) = worst([reviewed([(LOOSE, 0.6)], [(TRUE, 1)])])
    assert (only.predicted[0].wrong, only.final[0].wrong) == ("localization", "not found")


def test_polygons_keep_their_corners_and_tags_are_nowhere() -> None:
    triangle = Shape("word", ShapeType.POLYGON, (10, 10, 60, 10, 10, 60))
    (only,) = worst([reviewed([(Shape("sign", ShapeType.TAG, ()), 0.5)], [(triangle, 1)])])
    assert only.final[0].drawing == Drawing(rings=(triangle.points,))
    assert only.predicted[0].box is None


def test_a_rare_class_has_its_worst_images_among_them() -> None:
    """Whoever is told that a class got worse must see it, however many images are worse in others."""
    images = [reviewed([(TRUE, 0.5), (FAR, 0.5)], [], image_id=f"{number:04d}") for number in range(130)]
    rare = Shape("rare", ShapeType.RECTANGLE, (0, 0, 10, 10))
    images += [reviewed([], [(rare, number)], image_id=f"rare-{number}") for number in range(7)]
    found = [one.image_id for one in worst(images)]
    assert found == [f"{number:04d}" for number in range(100)] + [f"rare-{number}" for number in range(5)]


def test_a_hundred_images_at_the_most() -> None:
    images = [reviewed([(TRUE, 0.5)], [], image_id=f"{number:04d}") for number in range(130)]
    assert [one.image_id for one in worst(images)] == [f"{number:04d}" for number in range(100)]
