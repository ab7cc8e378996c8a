"""Outcomes, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given

from include.evaluation.outcomes import Outcome, OutcomeCounts, count_outcomes, outcome_of, outcomes_of
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.objects import box, datasets, reviewed

APPLIED = replace(box(10, 10, 50, 30), attributes=(("text", "EXIT"),))


@pytest.mark.parametrize(
    ("final", "outcome"),
    [
        (APPLIED, Outcome.KEPT),
        (replace(APPLIED, points=(10.004, 9.996, 50.0, 30.0)), Outcome.KEPT),  # two decimals
        (replace(APPLIED, points=(10.0, 10.0, 50.0, 30.1)), Outcome.EDITED),
        (replace(APPLIED, attributes=(("text", "EXIT 5"),)), Outcome.EDITED),
        (replace(APPLIED, attributes=()), Outcome.EDITED),
        (replace(APPLIED, occluded=True), Outcome.EDITED),
        (replace(APPLIED, rotation=10.0), Outcome.EDITED),
        (replace(APPLIED, rotation=359.99), Outcome.KEPT),
        (replace(APPLIED, label="number"), Outcome.RELABELLED),
        (replace(APPLIED, label="number", points=(0.0, 0.0, 9.0, 9.0)), Outcome.RELABELLED),
    ],
)
def test_what_became_of_a_shape_that_is_still_there(final: Shape, outcome: Outcome) -> None:
    assert outcome_of(APPLIED, final) == outcome


def test_the_shape_id_links_however_far_it_moved() -> None:
    image = reviewed([(APPLIED, 0.9)], [(box(500, 500, 540, 520), 7)], applied={0: 7})
    assert outcomes_of(image, 0.5) == [("word", Outcome.EDITED)]


def test_the_shape_id_goes_before_overlap() -> None:
    moved, drawn_over = box(500, 500, 540, 520), APPLIED
    image = reviewed([(APPLIED, 0.9)], [(drawn_over, 8), (moved, 7)], applied={0: 7})
    assert outcomes_of(image, 0.5) == [("word", Outcome.EDITED), ("word", Outcome.ADDED)]


def test_where_ids_changed_overlap_links() -> None:
    image = reviewed([(APPLIED, 0.9)], [(APPLIED, 1007)], applied={0: 7})
    assert outcomes_of(image, 0.5) == [("word", Outcome.KEPT)]


def test_where_ids_changed_a_relabelled_shape_is_still_found() -> None:
    image = reviewed([(APPLIED, 0.9)], [(replace(APPLIED, label="number"), 1007)], applied={0: 7})
    assert outcomes_of(image, 0.5) == [("word", Outcome.RELABELLED)]


def test_too_little_overlap_is_a_deletion_and_an_addition() -> None:
    image = reviewed([(APPLIED, 0.9)], [(box(10, 10, 25, 30, "number"), 8)], applied={0: 7})  # IoU 15 / 40
    assert outcomes_of(image, 0.5) == [("word", Outcome.DELETED), ("number", Outcome.ADDED)]
    assert outcomes_of(image, 0.375) == [("word", Outcome.RELABELLED)]


def test_where_ids_changed_the_other_half_of_a_square_is_another_object() -> None:
    lower = Shape("word", ShapeType.POLYGON, (0, 0, 40, 40, 0, 40))
    upper = Shape("word", ShapeType.POLYGON, (0, 0, 40, 0, 40, 40))
    image = reviewed([(lower, 0.9)], [(upper, 1007)], applied={0: 7})
    assert outcomes_of(image, 0.5) == [("word", Outcome.DELETED), ("word", Outcome.ADDED)]


def test_a_prediction_that_nobody_was_shown_has_no_outcome() -> None:
    image = reviewed([(APPLIED, 0.1)], [(APPLIED, 8)])
    assert outcomes_of(image, 0.5) == [("word", Outcome.ADDED)]


def test_counts_by_class_and_in_total() -> None:
    wrong, missed = box(100, 0, 120, 20, "number"), box(200, 0, 220, 20, "number")
    images = [
        reviewed([(APPLIED, 0.9), (wrong, 0.6)], [(APPLIED, 1), (missed, 3)], applied={0: 1, 1: 2}),
        reviewed([(APPLIED, 0.9)], [(replace(APPLIED, label="number"), 4)], image_id="b", applied={0: 4}, weight=10),
    ]
    outcomes = count_outcomes(images, 0.5)
    assert outcomes.by_class == {
        "number": OutcomeCounts(deleted=1, added=1),
        "word": OutcomeCounts(kept=1, relabelled=1),
    }
    assert outcomes.total == OutcomeCounts(kept=1, relabelled=1, deleted=1, added=1)


@given(datasets())
def test_every_applied_prediction_and_every_annotation_is_counted_once(images: list[ReviewedImage]) -> None:
    total = count_outcomes(images, 0.5).total
    shown = sum(len(image.applied) for image in images)
    final = sum(len(image.annotations) for image in images)
    assert total.kept + total.edited + total.relabelled + total.deleted == shown
    assert total.kept + total.edited + total.relabelled + total.added == final
