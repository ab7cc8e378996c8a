"""Agreement between people who saw the same image."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from include.evaluation.doubled import DoubledImage, DrawnBy
from include.evaluation.matching import match_same_then_any_label, overlap_matrix, same_label

_MISSING = ""  # no label is called so


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far people agree, on so many images and pairs of people's work on one; objects are the same from the
    evaluation's IoU on, of their pixels where they are more than boxes (see `matching.paired_overlap`).

    kappa: Cohen's (1960), on the classes of objects that both drew; None where they drew of one class alone, or none.
    alpha: Krippendorff's, nominal, over all objects that either drew, with "missing" as a value: 1 is full agreement, 0
    what chance would give; None where they drew of one class alone, or none: nobody draws what both miss, so that it
    would be 0 or less however well they agree. mean_iou: of the objects that both drew.
    found: the share of objects drawn by either that both drew."""

    images: int
    pairs: int
    objects: int
    kappa: float | None
    alpha: float | None
    mean_iou: float | None
    found: float | None


def agreement(images: Iterable[DoubledImage], iou: float) -> Agreement | None:
    """Compare every two people on every image; None where there is no image that two people saw."""
    number, units, overlaps, compared = 0, list[tuple[str, str]](), list[float](), 0
    for image in images:
        number += 1
        for one, other in combinations(image.drawn, 2):
            compared += 1
            found, same = _units(one, other, image.size, iou)
            units += found
            overlaps += same
    if not number:
        return None
    both = [unit for unit in units if _MISSING not in unit]
    return Agreement(
        images=number,
        pairs=compared,
        objects=len(units),
        kappa=_kappa(both),
        alpha=alpha(units) if _classes(units) > 1 else None,
        mean_iou=float(np.mean(overlaps)) if overlaps else None,
        found=len(both) / len(units) if units else None,
    )


def alpha(units: list[tuple[str, str]]) -> float | None:
    """Krippendorff's alpha for nominal values of units that two people valued (Content Analysis, 4th ed. 2019, ch. 12):
    1 - observed / expected disagreement. None where only one value is there."""
    values = Counter(value for unit in units for value in unit)
    total = sum(values.values())
    expected = total * total - sum(count * count for count in values.values())
    if not expected:
        return None
    observed = sum(2 for a, b in units if a != b)
    return 1 - (total - 1) * observed / expected


def _units(
    one: DrawnBy, other: DrawnBy, size: tuple[int, int], iou: float
) -> tuple[list[tuple[str, str]], list[float]]:
    """Each object as the two labels, and the overlap of those that both drew."""
    a, b = [x.shape for x in one.annotations], [x.shape for x in other.annotations]
    overlaps = overlap_matrix(a, b, size)
    pairs = match_same_then_any_label(overlaps, same_label(a, b), iou) if a and b else []
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    units = [(a[row].label, b[column].label) for row, column in pairs]
    units += [(shape.label, _MISSING) for row, shape in enumerate(a) if row not in rows]
    units += [(_MISSING, shape.label) for column, shape in enumerate(b) if column not in columns]
    return units, [float(overlaps[row, column]) for row, column in pairs]


def _kappa(both: list[tuple[str, str]]) -> float | None:
    # takes seconds, and who loads this file for its records does not compare
    from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

    if _classes(both) < 2:
        return None
    return float(cohen_kappa_score([a for a, _ in both], [b for _, b in both]))


def _classes(units: list[tuple[str, str]]) -> int:
    return len({label for unit in units for label in unit} - {_MISSING})
