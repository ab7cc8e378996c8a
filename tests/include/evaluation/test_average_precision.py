"""COCO's twelve figures: those of pycocotools, for boxes, polygons and points; and what weights mean."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from include.evaluation.average_precision import AveragePrecision, average_precision
from include.evaluation.columns import sheet
from include.evaluation.overlaps import pairs_of
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.coco_oracle import coco_stats
from tests.include.evaluation.objects import LABELS, box, reviewed
from tests.include.evaluation.test_detection import replace_id

SIZE = (400, 300)


def figures(images: list[ReviewedImage]) -> AveragePrecision | None:
    seen = sheet(images)
    return average_precision(seen, pairs_of(seen))


def drawn(random: np.random.Generator, type_: ShapeType, label: str) -> Shape:
    x, y = random.uniform(0, 250), random.uniform(0, 180)
    wide, high = np.exp(random.uniform(1, 4.8, 2))  # of all three of COCO's sizes
    corners = {
        ShapeType.RECTANGLE: [(0, 0), (1, 1)],
        ShapeType.POLYGON: [(0, 0.3), (0.6, 0), (1, 0.8), (0.2, 1)],
        ShapeType.POINTS: [(0, 0), (1, 0.2), (0.4, 1)],
    }[type_]
    points = [round(float(value), 2) for a, b in corners for value in (x + a * wide, y + b * high)]
    return Shape(label, type_, tuple(points))


def near(random: np.random.Generator, shape: Shape) -> Shape:
    moved = [round(max(0.0, value + random.normal(0, 2)), 2) for value in shape.points]
    if shape.type is ShapeType.RECTANGLE:
        moved[2:] = [max(value, least + 1) for value, least in zip(moved[2:], moved[:2], strict=True)]
    label = shape.label if random.random() < 0.9 else LABELS[0]
    return replace(shape, points=tuple(moved), label=label)


def dataset(seed: int, type_: ShapeType, count: int = 20) -> list[ReviewedImage]:
    """Images with some objects, each of which was predicted not at all, once or twice; scores repeat."""
    random = np.random.default_rng(seed)

    def image(number: int) -> ReviewedImage:
        final = [drawn(random, type_, str(random.choice(LABELS))) for _ in range(random.integers(0, 9))]
        again = [near(random, shape) for shape in final for _ in range(random.integers(0, 3))]
        predicted = [*again, *(drawn(random, type_, LABELS[1]) for _ in range(random.integers(0, 3)))]
        scored = [(shape, round(float(random.random()), 1)) for shape in predicted]
        return reviewed(scored, [(s, n) for n, s in enumerate(final)], image_id=f"{number:03d}", size=SIZE)

    return [image(number) for number in range(count)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("type_", "kind"), [(ShapeType.RECTANGLE, "bbox"), (ShapeType.POLYGON, "segm")])
def test_all_twelve_figures_are_those_of_pycocotools(type_: ShapeType, kind: str, seed: int) -> None:
    images = dataset(seed, type_)
    found = figures(images)
    assert found
    ours, theirs = astuple(found)[:12], coco_stats(images, kind)
    assert [value is None for value in ours] == [value is None for value in theirs]
    np.testing.assert_allclose([v or 0 for v in ours], [v or 0 for v in theirs], rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_keypoints_are_compared_as_pycocotools_does(seed: int) -> None:
    images = dataset(seed, ShapeType.POINTS)
    found = figures(images)
    assert found
    ap, ap50, ap75 = coco_stats(images, "keypoints")[:3]  # the others are of other numbers of predictions and sizes
    np.testing.assert_allclose([found.ap, found.ap50, found.ap75], [ap, ap50, ap75], rtol=0, atol=1e-9)


def test_tags_are_right_where_the_label_is_there() -> None:
    tag = Shape("word", ShapeType.TAG, ())
    images = [reviewed([(tag, 0.9), (replace(tag, label="sign"), 0.4)], [(tag, 1)])]
    found = figures(images)
    assert found
    assert found.by_class.keys() == {"word"}  # no image is a sign: there is nothing to be found
    assert (found.ap, found.ap50) == (pytest.approx(1), pytest.approx(1))


def test_a_class_without_ground_truth_is_in_no_mean() -> None:
    images = [reviewed([(box(0, 0, 50, 50), 0.9), (box(0, 0, 50, 50, "sign"), 0.8)], [(box(0, 0, 50, 50), 1)])]
    found = figures(images)
    assert found
    assert found.ap == pytest.approx(1)
    assert (found.ap_small, found.ap_large) == (None, None)
    assert found.ap_medium == pytest.approx(1)


def test_equal_scores_have_no_order_to_average_over() -> None:
    right = box(0, 0, 10, 10)
    assert figures([reviewed([(right, 1.0), (box(50, 50, 60, 60), 1.0)], [(right, 1)])]) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_class_whose_scores_are_all_equal_is_in_no_figure(seed: int) -> None:
    """The figures are pycocotools' of the other classes."""
    images = [
        replace(
            image,
            predictions=tuple(
                replace(one, score=1.0) if one.shape.label == LABELS[0] else one for one in image.predictions
            ),
        )
        for image in dataset(seed, ShapeType.RECTANGLE)
    ]
    others = [
        replace(
            image,
            predictions=tuple(one for one in image.predictions if one.shape.label != LABELS[0]),
            annotations=tuple(one for one in image.annotations if one.shape.label != LABELS[0]),
        )
        for image in images
    ]
    found = figures(images)
    assert found
    assert (found.unordered, sorted(found.by_class)) == ((LABELS[0],), sorted(LABELS[1:]))
    ours, theirs = astuple(found)[:12], coco_stats(others, "bbox")
    assert [value is None for value in ours] == [value is None for value in theirs]
    np.testing.assert_allclose([v or 0 for v in ours], [v or 0 for v in theirs], rtol=0, atol=1e-9)


def test_a_class_with_one_prediction_has_an_order() -> None:
    word, sign = box(0, 0, 50, 50), box(0, 0, 50, 50, "sign")
    images = [reviewed([(word, 0.9), (word, 0.8), (sign, 0.7)], [(word, 1), (sign, 2), (box(9, 9, 50, 50, "logo"), 3)])]
    found = figures(images)
    assert found
    assert {label: one.ap for label, one in found.by_class.items()} == pytest.approx({"word": 1, "sign": 1, "logo": 0})
    assert found.unordered == ()
    assert (figures([reviewed([(word, 0.9)], [(word, 1)])]) or pytest.fail("none")).ap == pytest.approx(1)


def test_where_no_annotated_class_has_an_order_there_is_no_mean() -> None:
    right, sign = box(0, 0, 10, 10), box(0, 0, 10, 10, "sign")
    found = figures([reviewed([(right, 1.0), (box(50, 50, 60, 60), 1.0), (sign, 0.4)], [(right, 1)])])
    assert found
    assert (found.ap, found.ar100, found.by_class, found.unordered) == (None, None, {}, ("word",))


def test_without_predictions_the_figures_are_zero_and_without_objects_there_are_none() -> None:
    assert (figures([reviewed([], [(box(0, 0, 10, 10), 1)])]) or pytest.fail("none")).ap == 0.0
    assert (figures([reviewed([], [])]) or pytest.fail("none")).ap is None


def test_an_image_of_weight_three_counts_like_three_alike() -> None:
    one, *others = dataset(1, ShapeType.RECTANGLE)
    weighted = figures([replace(one, weight=3.0), *others])
    copied = figures([one, *others, *(replace_id(one, f"{one.image_id}+{n}") for n in range(2))])
    assert weighted
    assert copied
    np.testing.assert_allclose(astuple(weighted)[:3], astuple(copied)[:3], rtol=0, atol=1e-9)
