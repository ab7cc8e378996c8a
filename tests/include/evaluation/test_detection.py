"""Detection figures, against pycocotools, by hand, and by what must always hold."""

import contextlib
import io
import sys
from dataclasses import replace
from types import FrameType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from include.evaluation.detection import Rates
from include.evaluation.overlaps import box_iou
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.objects import LABELS, box, datasets, figures_of, reviewed

HIT, MISS = box(0, 0, 10, 10), box(50, 50, 60, 60)


def coco_counts(images: list[ReviewedImage]) -> dict[str, tuple[int, int, int]]:
    """True positives, false positives and false negatives by class at IoU .5, as pycocotools sees them."""

    def row(image: int, shape: Shape) -> dict[str, object]:
        x1, y1, x2, y2 = shape.points
        bbox = [x1, y1, x2 - x1, y2 - y1]
        return {"image_id": image, "category_id": LABELS.index(shape.label), "bbox": bbox, "area": bbox[2] * bbox[3]}

    truth = [row(n, annotation.shape) for n, image in enumerate(images) for annotation in canonical(image)]
    found = [{**row(n, p.shape), "score": p.score} for n, image in enumerate(images) for p in image.predictions]
    counts = dict.fromkeys(LABELS, (0, 0, 0))
    with contextlib.redirect_stdout(io.StringIO()):
        ground, results = COCO(), COCO()
        for data, rows in ((ground, truth), (results, found)):
            data.dataset = {
                "images": [{"id": n} for n in range(len(images))],
                "categories": [{"id": n, "name": label} for n, label in enumerate(LABELS)],
                "annotations": [{**each, "id": n, "iscrowd": 0} for n, each in enumerate(rows, start=1)],
            }
            data.createIndex()
        evaluation = COCOeval(ground, results, "bbox")
        evaluation.params.iouThrs, evaluation.params.areaRng = np.array([0.5]), [[0, 1e10]]
        evaluation.evaluate()
    for of_image in filter(None, evaluation.evalImgs):
        label = LABELS[of_image["category_id"]]
        hits = int((of_image["dtMatches"] > 0).sum())
        here = (hits, len(of_image["dtIds"]) - hits, len(of_image["gtIds"]) - hits)
        counts[label] = tuple(a + b for a, b in zip(counts[label], here, strict=True))
    return counts


def canonical(image: ReviewedImage) -> list:
    """Ties between equally good ground truths are broken by position, and pycocotools' by order."""
    return sorted(image.annotations, key=lambda annotation: annotation.shape.points)


@given(datasets())
def test_counts_are_those_of_pycocotools(images: list[ReviewedImage]) -> None:
    unweighted = [replace(image, weight=1.0) for image in images]
    by_class = figures_of(unweighted).by_class
    ours = {label: (scores.tp, scores.fp, scores.fn) for label, scores in by_class.items()}
    theirs = coco_counts(unweighted) if images else {}
    assert ours == {label: counts for label, counts in theirs.items() if any(counts)}


def test_precision_recall_and_f1_by_hand() -> None:
    image = reviewed([(HIT, 0.9), (MISS, 0.8), (box(0, 0, 10, 8), 0.7)], [(HIT, 1), (box(80, 80, 90, 90), 2)])
    rates = figures_of([image]).by_class["word"].rates
    assert rates == Rates(precision=1 / 3, recall=1 / 2, f1=2 / 5, mean_iou=1.0)


def test_predictions_under_the_minimum_score_do_not_count() -> None:
    image = reviewed([(HIT, 0.9), (MISS, 0.4)], [(HIT, 1)])
    assert figures_of([image], EvaluationSettings(min_score=0.5)).micro.fp == 0
    assert figures_of([image], EvaluationSettings(min_score=0.4)).micro.fp == 1


def test_a_class_without_ground_truth_has_a_precision_of_zero_and_no_other_rate() -> None:
    image = reviewed([(HIT, 0.9), (replace(MISS, label="number"), 0.8)], [(HIT, 1)])
    figures = figures_of([image])
    assert figures.by_class["number"].rates == Rates(precision=0.0)
    assert figures.by_class["number"].fp == 1
    assert figures.macro == Rates(0.5, 1.0, 1.0, 1.0)  # each figure over the classes that have it
    assert figures.micro.rates.precision == 0.5  # its false positive is one all the same
    assert figures.worst == "word"


def test_a_class_without_predictions_has_no_precision() -> None:
    figures = figures_of([reviewed([], [(HIT, 1)])])
    assert figures.by_class["word"].rates == Rates(precision=None, recall=0.0, f1=0.0, mean_iou=None)


def test_predictions_and_their_images_are_counted_apart_from_annotations() -> None:
    images = [
        reviewed([(HIT, 0.9), (MISS, 0.8)], [(HIT, 1)], image_id="a", weight=4.0),
        reviewed([(replace(HIT, label="number"), 0.9)], [(HIT, 1), (MISS, 2)], image_id="b"),
        reviewed([], [(HIT, 1)], image_id="c"),
    ]
    figures = figures_of(images)
    found = {**figures.by_class, "micro": figures.micro}
    assert {name: (one.support, one.images, one.predictions, one.images_predicted) for name, one in found.items()} == {
        "number": (0, 0, 1, 1),
        "word": (4, 3, 2, 1),
        "micro": (4, 3, 3, 2),
    }


def test_tags_have_no_place_and_so_no_mean_iou() -> None:
    tag = Shape("scene", ShapeType.TAG, ())
    figures = figures_of([reviewed([(tag, 0.9), (box(0, 0, 10, 8), 0.8)], [(tag, 1), (HIT, 2)])])
    assert figures.by_class["scene"].rates == Rates(1.0, 1.0, 1.0, None)
    assert figures.micro.rates.mean_iou == 0.8


def test_the_worst_class_is_that_of_lowest_f1() -> None:
    number = replace(MISS, label="number")
    image = reviewed([(HIT, 0.9)], [(HIT, 1), (number, 2)])
    figures = figures_of([image])
    assert figures.worst == "number"
    assert figures.macro.f1 == 0.5


def test_no_images_no_figures() -> None:
    figures = figures_of([])
    assert (figures.by_class, figures.micro.rates, figures.macro, figures.worst) == ({}, Rates(), Rates(), None)


def test_an_image_counts_by_the_inverse_of_its_probability() -> None:
    # Ten sure images, one in ten audited (wrong); one unsure image, reviewed (right): 1 of 11 is right.
    images = [
        reviewed([(HIT, 0.9)], [(HIT, 1)], image_id="reviewed"),
        reviewed([(HIT, 0.9)], [(MISS, 2)], image_id="audited", weight=10.0),
    ]
    micro = figures_of(images).micro
    assert (micro.tp, micro.fp, micro.fn, micro.support) == (1, 10, 10, 2)
    assert micro.rates.recall == 1 / 11
    assert micro.rates.f1 == 1 / 11


def test_a_weight_is_as_many_equal_images() -> None:
    image = reviewed([(HIT, 0.9), (MISS, 0.8)], [(box(0, 0, 10, 8), 1), (box(80, 80, 90, 90), 2)])
    other = reviewed([(HIT, 0.9)], [(HIT, 1)], image_id="other")
    copies = [replace_id(image, f"copy{n}") for n in range(4)]
    weighted = figures_of([replace(image, weight=4.0), other]).micro
    repeated = figures_of([*copies, other]).micro
    assert weighted.rates == repeated.rates
    assert (weighted.tp, weighted.fp, weighted.fn) == (repeated.tp, repeated.fp, repeated.fn)


def replace_id(image: ReviewedImage, image_id: str) -> ReviewedImage:
    return replace(
        image,
        image_id=image_id,
        predictions=tuple(replace(prediction, image_id=image_id) for prediction in image.predictions),
        annotations=tuple(replace(annotation, image_id=image_id) for annotation in image.annotations),
    )


@given(datasets(), st.randoms(use_true_random=False))
def test_the_order_of_images_and_objects_does_not_matter(images: list[ReviewedImage], random) -> None:
    def shuffled(things: tuple) -> tuple:
        return tuple(random.sample(things, len(things)))

    mixed = [
        replace(image, predictions=shuffled(image.predictions), annotations=shuffled(image.annotations))
        for image in shuffled(tuple(images))
    ]
    assert figures_of(mixed) == figures_of(images)


@given(datasets())
def test_perfect_predictions_are_perfect(images: list[ReviewedImage]) -> None:
    perfect = [
        replace(
            reviewed([(annotation.shape, 0.9) for annotation in image.annotations], [], image_id=image.image_id),
            annotations=image.annotations,
            weight=image.weight,
        )
        for image in images
    ]
    figures = figures_of(perfect)
    expected = Rates(1.0, 1.0, 1.0, 1.0) if figures.by_class else Rates()
    for rates in (figures.micro.rates, figures.macro, *(scores.rates for scores in figures.by_class.values())):
        assert rates == expected


@given(datasets(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_minimum_score_finds_no_more(images: list[ReviewedImage], one: float, other: float) -> None:
    low, high = sorted([one, other])
    some = figures_of(images, EvaluationSettings(min_score=high)).micro
    more = figures_of(images, EvaluationSettings(min_score=low)).micro
    assert some.tp <= more.tp
    assert some.fp <= more.fp
    assert some.fn >= more.fn


@given(datasets())
def test_rates_are_shares(images: list[ReviewedImage]) -> None:
    figures = figures_of(images)
    for scores in (*figures.by_class.values(), figures.micro):
        rates = scores.rates
        values = [rates.precision, rates.recall, rates.f1, rates.mean_iou]
        assert all(0 <= value <= 1 for value in values if value is not None)
        assert (rates.f1 is None) == (scores.support == 0)


def comparisons(count: int) -> int:
    """How many pairs of boxes are compared in evaluating so many images of two objects each."""
    image = reviewed([(HIT, 0.9), (MISS, 0.8)], [(HIT, 1), (MISS, 2)])
    images = [replace_id(image, f"image{n}") for n in range(count)]
    pairs = 0

    def on_call(frame: FrameType, event: str, _: object) -> None:
        nonlocal pairs
        if event == "call" and frame.f_code is box_iou.__code__:
            pairs += len(frame.f_locals["a"])

    previous = sys.getprofile()
    sys.setprofile(on_call)
    try:
        figures_of(images)
    finally:
        sys.setprofile(previous)
    return pairs


def test_the_cost_grows_with_the_images_not_their_square() -> None:
    assert comparisons(10) == 10 * 4
    assert comparisons(100) == 100 * 4


@pytest.mark.parametrize("wrong", [{"iou": 0.0}, {"iou": 1.1}, {"min_score": -0.1}, {"outcome_iou": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EvaluationSettings(**wrong)


@pytest.mark.parametrize("weight", [0.5, 0.0, float("inf"), float("nan")])
def test_a_weight_is_the_inverse_of_a_probability(weight: float) -> None:
    with pytest.raises(ValueError, match="not the inverse of a probability"):
        reviewed([], [], weight=weight)
