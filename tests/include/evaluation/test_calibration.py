"""A calibration: kept as text, and applied by class."""

import pytest

from include.evaluation.calibration import Calibration, ClassCalibration, from_json, to_json
from include.evaluation.curves import Curve, Kind
from include.evaluation.reliability import Bin, Reliability, Threshold


def of_class(knots: tuple[tuple[float, float], ...]) -> ClassCalibration:
    curve, before = Curve(Kind.ISOTONIC, knots=knots), Reliability((Bin(40, 0.7, 0.5),), 0.2)
    return ClassCalibration(curve, 40, 0.6, 0.5, before, Reliability((), 0.0), Threshold(0.5, 0.9, 0.8, 1.0, 0.3))


CALIBRATION = Calibration(
    "id", "model@1", of_class(((0.0, 0.0), (1.0, 0.5))), {"bird": of_class(((0.0, 0.2), (1.0, 0.4)))}
)


def test_it_is_read_as_it_was_written() -> None:
    assert from_json(to_json(CALIBRATION)) == CALIBRATION


@pytest.mark.parametrize(("label", "score", "worth"), [("bird", 0.5, 0.3), ("cat", 0.5, 0.25)])
def test_a_class_has_its_own_curve_or_that_of_all(label: str, score: float, worth: float) -> None:
    assert CALIBRATION.calibrated(label, score) == pytest.approx(worth)


def test_without_any_curve_a_score_stays() -> None:
    assert Calibration("id", "model@1", None, {}).calibrated("bird", 0.37) == 0.37


def test_text_that_is_none_says_which_field() -> None:
    with pytest.raises(ValueError, match="by_class"):
        from_json('{"id": "id", "annotator": "model@1", "pooled": null}')
