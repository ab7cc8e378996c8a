"""Evaluations as a whole: what is refused, what identifies one, and that JSON loses nothing."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from include.evaluation.evaluation import Evaluation, evaluate, evaluation_id, from_json, to_json
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.lifecycle.reviews import Acceptance
from tests.include.evaluation.objects import ANNOTATOR, box, datasets, reviewed

HIT = box(0, 0, 10, 10)


def evaluated(images: list[ReviewedImage], settings: EvaluationSettings | None = None) -> Evaluation:
    return evaluate(
        images,
        settings or EvaluationSettings(),
        annotator=ANNOTATOR,
        revision_ids=["r2", "r1"],
        jobs_finished=8,
        images_finished=40,
    )


def test_a_job_that_nobody_saw_is_refused() -> None:
    unseen = reviewed([(HIT, 0.9)], [(HIT, 1)], accepted=Acceptance.AUTOMATIC)
    with pytest.raises(ValueError, match="image a was accepted automatically"):
        evaluated([unseen])


def test_an_image_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="image a comes twice"):
        evaluated([reviewed([], []), reviewed([], [])])


def test_predictions_of_another_annotator_are_refused() -> None:
    image = reviewed([(HIT, 0.9)], [])
    stranger = replace(image, predictions=(replace(image.predictions[0], annotator="other@2"),))
    with pytest.raises(ValueError, match="other@2 predicted it, not detector@1"):
        evaluated([stranger])


def test_objects_of_another_image_are_refused() -> None:
    image = reviewed([], [(HIT, 1)])
    with pytest.raises(ValueError, match="image b has objects of other images: a"):
        replace(image, image_id="b")


def test_no_more_can_be_reviewed_than_is_finished() -> None:
    with pytest.raises(ValueError, match="more is reviewed than is finished"):
        evaluate(
            [reviewed([], [])],
            EvaluationSettings(),
            annotator=ANNOTATOR,
            revision_ids=["r1"],
            jobs_finished=1,
            images_finished=0,
        )


def test_the_share_measured_is_of_the_finished_images() -> None:
    coverage = evaluated([reviewed([], []), reviewed([], [], image_id="b")]).coverage
    assert (coverage.jobs_reviewed, coverage.jobs_finished) == (2, 8)
    assert coverage.share_measured == 2 / 40


def test_the_audit_sample_has_figures_of_its_own() -> None:
    right = reviewed([(HIT, 0.9)], [(HIT, 1)])
    wrong = reviewed([(HIT, 0.9)], [], image_id="b", weight=10, accepted=Acceptance.AUDIT)
    found = reviewed([(HIT, 0.9)], [(HIT, 2)], image_id="c", weight=10, accepted=Acceptance.AUDIT)
    evaluation = evaluated([right, wrong, found])
    assert evaluation.audit is not None
    assert evaluation.audit.micro.rates.precision == 0.5
    assert evaluation.figures.micro.rates.precision == 11 / 21
    assert evaluated([right]).audit is None


def test_the_id_is_of_the_question() -> None:
    settings = EvaluationSettings()
    name = evaluation_id(["r1", "r2"], ANNOTATOR, settings)
    assert evaluated([]).id == name == evaluation_id(["r2", "r1", "r1"], ANNOTATOR, settings)
    others = {
        evaluation_id(["r1"], ANNOTATOR, settings),
        evaluation_id(["r1", "r2"], "detector@2", settings),
        evaluation_id(["r1", "r2"], ANNOTATOR, EvaluationSettings(iou=0.75)),
        evaluation_id(["r1", "r2"], ANNOTATOR, EvaluationSettings(min_score=0.1)),
        evaluation_id(["r1", "r2"], ANNOTATOR, EvaluationSettings(outcome_iou=0.4)),
    }
    assert len(others | {name}) == 6


@settings(max_examples=25)  # each draws a thousand times
@given(datasets())
def test_json_loses_nothing(images: list[ReviewedImage]) -> None:
    evaluation = evaluated(images)
    assert from_json(to_json(evaluation)) == evaluation


@settings(max_examples=25)
@given(datasets())
def test_the_same_evaluation_is_the_same_text(images: list[ReviewedImage]) -> None:
    assert to_json(evaluated(images)) == to_json(evaluated(images[::-1]))


def test_what_is_no_evaluation_names_the_field() -> None:
    document = json.loads(to_json(evaluated([])))
    del document["annotator"]
    with pytest.raises(ValueError, match="annotator"):
        from_json(json.dumps(document))
