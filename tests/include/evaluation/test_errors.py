"""Error types, each by an example of the paper's figure 2, and what must always hold."""

from collections import Counter
from dataclasses import asdict, astuple, replace

import numpy as np
import pytest
from hypothesis import given

from include.evaluation.columns import Sheet, sheet
from include.evaluation.confusion import Confusion, confusion
from include.evaluation.drawing import Drawing
from include.evaluation.errors import NAMES, ErrorTypes, error_types
from include.evaluation.overlaps import box_iou, pairs_of
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


def test_the_right_class_goes_before_the_right_place() -> None:
    """Overlap 0.3 with a word and 0.75 with a number: to TIDE it is a loose word, and would find the word alone."""
    predicted, word, number_ = box(0, 0, 10, 10), box(0, 0, 3, 10), as_number(box(0, 0, 10, 7.5))
    assert errors([reviewed([(predicted, 0.9)], [(word, 1), (number_, 2)])]) == replace(
        NOTHING, localization=1, missed=1
    )


def test_a_duplicate_in_the_place_of_another_class_is_of_the_wrong_class() -> None:
    """TIDE looks for another class before it looks for who came first."""
    final = [(TRUE, 1), (as_number(box(0, 0, 10, 8)), 2)]
    assert errors([reviewed([(TRUE, 0.9), (box(0, 0, 10, 9), 0.8)], final)]) == replace(NOTHING, classification=1)


def test_a_prediction_over_two_neighbours_would_find_one() -> None:
    wide, left, right = box(0, 0, 20, 10), box(0, 0, 9, 10), box(11, 0, 20, 10)  # IoU 0.45 with both
    assert errors([reviewed([(wide, 0.9)], [(left, 1), (right, 2)])]) == replace(NOTHING, localization=1, missed=1)


def test_a_prediction_next_to_what_is_found_helps_no_other() -> None:
    """A loose word overlaps most the word that is found, and a little another, which stays missed."""
    final = [(TRUE, 1), (box(0, 20, 10, 30), 2)]
    assert errors([reviewed([(TRUE, 0.9), (LOOSE, 0.8)], final)]) == replace(NOTHING, localization=1, missed=1)


def test_a_tag_in_the_place_of_a_tag_is_of_the_wrong_class_only_where_that_one_is_free() -> None:
    night, rain, snow, fog = (Shape(name, ShapeType.TAG, ()) for name in ("night", "rain", "snow", "fog"))
    both = [(night, 0.9), (rain, 0.8)]
    assert errors([reviewed(both, [(night, 1)])]) == replace(NOTHING, background=1)
    assert errors([reviewed(both, [(night, 1), (fog, 2)])]) == replace(NOTHING, classification=1)
    two = [(rain, 0.9), (snow, 0.8)]
    assert errors([reviewed(two, [(fog, 1)])]) == replace(NOTHING, classification=1, background=1)
    assert errors([reviewed(two, [(fog, 1), (night, 2)])]) == replace(NOTHING, classification=2)
    assert errors([reviewed([(night, 0.9), (night, 0.8)], [(night, 1)])]) == replace(NOTHING, duplicate=1)


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


@given(datasets())
def test_error_types_are_those_of_tide_one_prediction_after_another(images: list[ReviewedImage]) -> None:
    seen = sheet(replace(image, weight=1.0) for image in images)
    pairs = pairs_of(seen)
    right = right_pairs(seen, pairs, 0.5)
    expected, helped = Counter[str](), set(right.annotation.tolist())
    for row in sorted(set(range(len(seen.predictions))) - set(right.prediction.tolist())):
        name, target = _tide(seen, row)
        expected[name] += 1
        helped |= {target} - {None}
    expected["missed"] = len(seen.annotations) - len(helped)
    assert asdict(error_types(seen, pairs, right, 0.5)) == {name: expected[name] for name in NAMES}


def _tide(seen: Sheet, row: int) -> tuple[str, int | None]:
    """The paper's definitions, in the order of its authors' program, and the annotation that a mended one is."""
    mine = [n for n, image in enumerate(seen.annotations.image) if image == seen.predictions.image[row]]
    overlaps = box_iou(np.repeat(seen.predictions.box[row][None], len(mine), 0), seen.annotations.box[mine])
    by_class: dict[bool, tuple[float, int]] = {True: (0.0, -1), False: (0.0, -1)}
    for annotation, overlap in zip(mine, overlaps, strict=True):
        is_same = bool(seen.annotations.label[annotation] == seen.predictions.label[row])
        if overlap > by_class[is_same][0]:
            by_class[is_same] = float(overlap), annotation
    (same, near), (other, stranger) = by_class[True], by_class[False]
    if 0.1 <= same < 0.5:
        return "localization", near
    if other >= 0.5:
        return "classification", stranger
    if same >= 0.5:
        return "duplicate", None
    return ("both" if other >= 0.1 else "background"), None


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
