"""Calibration: chosen on images that were held out, with enough to learn from, and the same for the same judgements."""

import random

import numpy as np
import pytest
from scipy.special import expit, logit

from include.evaluation.calibrating import calibrate
from include.evaluation.calibration import Calibration
from include.evaluation.curves import Kind
from include.evaluation.judged import Judged
from include.projects.routing import CalibrationSettings

FEW = CalibrationSettings(min_support=50, min_each=5)


def judged(label: str, count: int, slope: float, intercept: float = 0.0, seed: int = 1) -> list[Judged]:
    """Predictions that are right with the probability that this curve gives their scores."""
    chance = np.random.default_rng(seed)
    scores = chance.uniform(0.02, 0.98, count)
    right = chance.uniform(size=count) < expit(slope * logit(scores) + intercept)
    return [
        Judged(f"image {number // 3}", label, float(score), bool(is_right), 1.0)
        for number, (score, is_right) in enumerate(zip(scores, right, strict=True))
    ]


def learnt(rows: list[Judged], settings: CalibrationSettings = FEW) -> Calibration:
    return calibrate(rows, "id", "model@1", settings)


def test_a_model_that_is_too_sure_is_toned_down() -> None:
    found = learnt(judged("word", 6000, slope=0.4)).by_class["word"]
    assert found.curve.kind in (Kind.TEMPERATURE, Kind.PLATT)
    assert found.loss_after < found.loss_before
    assert found.after.error < 0.03 < found.before.error


def test_a_model_that_is_right_about_itself_keeps_its_scores() -> None:
    calibration = learnt(judged("word", 6000, slope=1.0))
    assert all(calibration.calibrated("word", score) == pytest.approx(score, abs=0.03) for score in (0.1, 0.5, 0.9))


def test_each_class_has_its_own_curve_and_a_rare_one_that_of_all() -> None:
    rows = judged("word", 3000, slope=0.4) + judged("number", 3000, slope=1.0, intercept=-2.0, seed=2)
    rows += judged("rare", 20, slope=1.0, seed=3)
    calibration = learnt(rows)
    assert calibration.by_class.keys() == {"word", "number"}
    assert calibration.calibrated("number", 0.5) == pytest.approx(expit(-2.0), abs=0.05)
    assert calibration.pooled
    pooled = calibration.pooled.curve.apply(np.array([0.5]))[0]
    assert calibration.calibrated("rare", 0.5) == pooled


def test_too_little_teaches_nothing() -> None:
    calibration = learnt(judged("word", 30, slope=0.4))
    assert (calibration.pooled, calibration.by_class) == (None, {})
    assert calibration.calibrated("word", 0.7) == 0.7


def test_the_order_of_what_was_judged_does_not_matter() -> None:
    rows = judged("word", 300, slope=0.4) + judged("number", 300, slope=2.0, seed=2)
    shuffled = rows.copy()
    random.Random(5).shuffle(shuffled)
    assert learnt(shuffled) == learnt(rows)


def test_weights_stand_for_what_nobody_saw() -> None:
    """A sure object is seen once in ten times: without its weight, its class would look worse than it is."""
    chance = random.Random(9)
    rows = [Judged(f"i{n}", "word", 0.9, chance.random() < 0.95, 10.0) for n in range(400)]
    rows += [Judged(f"j{n}", "word", 0.9, chance.random() < 0.35, 1.0) for n in range(400)]
    expected = (10 * 0.95 + 0.35) / 11
    assert learnt(rows).calibrated("word", 0.9) == pytest.approx(expected, abs=0.04)


def test_the_score_is_suggested_from_which_on_enough_are_right() -> None:
    """Scores up to 0.98 that are right about themselves: from t on, (t + 0.98) / 2 are right; 0.9 from 0.82 on."""
    settings = CalibrationSettings(min_support=50, min_each=5, precision=0.9)
    found = learnt(judged("word", 6000, slope=1.0), settings).by_class["word"].suggested
    assert found
    assert found.score == pytest.approx(0.82, abs=0.05)
    assert found.precision == pytest.approx(0.9, abs=0.005)
    assert found.low < 0.9 < found.high
    strict = CalibrationSettings(min_support=50, min_each=20, precision=0.999)
    assert learnt(judged("word", 600, slope=0.3), strict).by_class["word"].suggested is None
