"""Figures to look at: names that MLflow takes, and a table worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from include.evaluation.evaluation import Evaluation, evaluate
from include.evaluation.figures import flat_metrics, metric_label, table
from include.evaluation.reviewed import EvaluationSettings
from include.lifecycle.reviews import Acceptance
from tests.include.evaluation.objects import ANNOTATOR, box, reviewed

HIT, MISS = box(0, 0, 10, 10), box(50, 50, 60, 60)


def example(label: str = "number") -> Evaluation:
    number = box(20, 20, 40, 30, label)
    images = [
        reviewed([(HIT, 0.9), (MISS, 0.6)], [(HIT, 1), (number, 3)], applied={0: 1, 1: 2}),
        reviewed(
            [(HIT, 0.95), (box(20, 20, 40, 30, "logo"), 0.9)],
            [(HIT, 4)],
            image_id="b",
            applied={0: 4, 1: 5},
            weight=2.0,
            accepted=Acceptance.AUDIT,
        ),
    ]
    return evaluate(
        images,
        EvaluationSettings(),
        annotator=ANNOTATOR,
        revision_ids=["r1", "r2"],
        jobs_finished=3,
        images_finished=8,
    )


def test_metrics_by_hand() -> None:
    metrics = flat_metrics(example())
    expected = {
        "f1/word": 6 / 7,  # tp 1 + 2, fp 1, fn 0
        "f1/number": 0.0,
        "f1/macro": 3 / 7,
        "f1/micro": 6 / 10,  # tp 3, fp 1 + 2 (the logo), fn 1
        "precision/micro": 3 / 6,
        "recall/micro": 3 / 4,
        "mean_iou/word": 1.0,
        "support/word": 2.0,
        "fp/logo": 2.0,
        "audit/f1/micro": 4 / 6,
        "ap50": (1.0 + 0.0) / 2,  # both words come before what is wrong; the number was not found
        "ap50/word": 1.0,
        "errors/background": 1.0 + 2.0,
        "errors/missed": 1.0,
        "kept": 2.0,
        "deleted": 2.0,
        "added": 1.0,
        "added/number": 1.0,
        "share_measured": 0.25,
        "images_reviewed": 2.0,
        "jobs_finished": 3.0,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert metrics["f1_low/word"] <= metrics["f1/word"] <= metrics["f1_high/word"]


def test_a_class_whose_scores_are_all_equal_has_no_average_precision() -> None:
    sign = box(20, 20, 40, 30, "sign")
    predicted = [(HIT, 0.9), (MISS, 0.8), (sign, 1.0), (box(60, 20, 80, 30, "sign"), 1.0)]
    found = evaluate(
        [reviewed(predicted, [(HIT, 1), (sign, 2)])],
        EvaluationSettings(),
        annotator=ANNOTATOR,
        revision_ids=["r1"],
        jobs_finished=1,
        images_finished=1,
    )
    metrics = flat_metrics(found)
    assert (metrics["ap50"], metrics["ap50/word"]) == (pytest.approx(1), pytest.approx(1))
    assert not {"ap/sign", "ap50/sign", "unordered"} & metrics.keys()
    assert "mAP 1.000, AP50 1.000, AP75 1.000, without classes whose scores are all equal: sign" in table(found)


def test_what_has_no_value_is_left_out() -> None:
    metrics = flat_metrics(example())
    assert not {"f1/logo", "recall/logo", "mean_iou/number"} & metrics.keys()


@given(st.lists(st.text(min_size=1, max_size=8) | st.sampled_from(["micro", ":micro", "a/b", ".."]), unique=True))
def test_no_two_classes_share_a_metric(labels: list[str]) -> None:
    names = {metric_label(label) for label in labels}
    assert len(names) == len(labels)
    assert not names & {"micro", "macro"}


@pytest.mark.parametrize("label", ["word", "Schild (groß)", "a/../b", "..", "50 %", "a:b", "标志"])
def test_mlflow_takes_the_names(label: str) -> None:
    for name in flat_metrics(example(label)):
        _validate_metric_name(name)  # what every call that logs a metric goes through; raises


def test_the_table_by_hand() -> None:
    assert table(example()).splitlines() == [
        "detector@1: 2 of 8 finished images measured (25%), IoU 0.5, score from 0",
        "",
        "class          precision  recall     F1  mean IoU  support",
        "logo               0.000       -      -         -        0",
        "number                 -   0.000  0.000         -        1",
        "word               0.750   1.000  0.857     1.000        2",
        "micro              0.500   0.750  0.600     1.000        3",
        "macro              0.375   0.500  0.429     1.000        -",
        "audit (micro)      0.500   1.000  0.667     1.000        1",
        "",
        "mAP 0.500, AP50 0.500, AP75 0.500",
        "errors: 0 classification, 0 localization, 0 both, 0 duplicate, 3 background, 1 missed",
        "worst class: number; 2 kept, 0 edited, 0 relabelled, 2 deleted, 1 added",
    ]
