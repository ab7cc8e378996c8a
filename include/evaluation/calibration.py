"""A calibration: what an annotator version's scores are worth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from include.evaluation.curves import Curve
from include.evaluation.reliability import Reliability, Threshold


@dataclass(frozen=True, slots=True)
class ClassCalibration:
    """A class's curve, what it was learnt from, and how it does on images that it was not fitted to.

    The losses are mean log losses in nats, held out (5 folds, by image); the reliability is of held-out answers too.
    Suggested is the lowest score, as it counts by the curve, from which on predictions (`min_each` at the
    least) have the wanted precision; None where none reaches it.
    """

    curve: Curve
    support: int
    loss_before: float
    loss_after: float
    before: Reliability
    after: Reliability
    suggested: Threshold | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curves of one annotator version. A class without one of its own has that of all classes together; without
    that, scores stay as they are."""

    id: str
    annotator: str
    pooled: ClassCalibration | None
    by_class: Mapping[str, ClassCalibration]

    def calibrated(self, label: str, score: float) -> float:
        """The probability that a prediction of this class and score is right."""
        found = self.by_class.get(label, self.pooled)
        return score if found is None else float(found.curve.apply(np.array([score]))[0])


_JSON: TypeAdapter[Calibration] = TypeAdapter(Calibration)


def to_json(calibration: Calibration) -> str:
    """The calibration as indented JSON, the same text for the same calibration; `from_json` reads it."""
    return _JSON.dump_json(calibration, indent=2).decode() + "\n"


def from_json(text: str) -> Calibration:
    """The calibration that `to_json` wrote. Raises ValueError (pydantic's, naming the field) where it is none."""
    return _JSON.validate_json(text)
