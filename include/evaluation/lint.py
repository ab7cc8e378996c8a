"""Lint: final annotations that look like slips, which reviewers hate to find by hand."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from include.evaluation.columns import Floats
from include.evaluation.matching import paired_overlap, same_label
from include.evaluation.reviewed import FinalImage
from include.lifecycle.boxes import Box
from include.lifecycle.extents import bounds, extent
from include.lifecycle.reviews import Annotation
from include.lifecycle.shapes import ShapeType

TINY = 3.0  # pixels: a side below which nobody means an object
_TWIN = 0.9  # IoU from which on two objects of one class are one drawn twice
_NOISE = 0.5  # pixels by which rounding reaches over the edge
_UNLIKELY = 4.0  # robust standard deviations of the logarithm of the area
_ENOUGH = 30  # objects of a class, to know its usual size
_MOST = 500  # findings that are listed


class Slip(StrEnum):
    """What looks wrong."""

    TINY = "tiny"
    OUTSIDE = "outside"
    DUPLICATE = "duplicate"
    INVERTED = "inverted"
    UNLIKELY_SIZE = "unlikely size"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Finding:
    """A slip on an image; the label and box (pixels) of the object are None for an image without any."""

    slip: Slip
    image_id: str
    label: str | None
    box: Box | None
    detail: str


@dataclass(frozen=True, slots=True)
class LintReport:
    """How many slips of each kind there are, in so many images, and those that are listed, by kind: 500 at the
    most, which the kinds share, so that a slip that is everywhere hides no other."""

    images: int
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]


def lint(images: Iterable[FinalImage]) -> LintReport:
    """Look at the final annotations of images, each once; the order does not matter.

    A side below 3 pixels is tiny, of a line the longer one; points have no size. What is turned may reach over the
    edge. An object of a class is of an unlikely size where the logarithm of the area of the box around it is more than
    4 robust standard deviations (1.4826 times the median absolute deviation; Hampel 1974) from the class's median, of
    30 objects at the least. An image is called empty where nothing is drawn on it and it is no negative by intent that
    can be told: these are for people to look at.
    """
    findings, sizes, number = list[Finding](), dict[str, list[tuple[float, str, Box]]](), 0
    for image in images:
        number += 1
        findings += _of_image(image)
        for shape in (annotation.shape for annotation in image.annotations if _has_place(annotation)):
            box = extent(shape)
            sizes.setdefault(shape.label, []).append(((box[2] - box[0]) * (box[3] - box[1]), image.image_id, box))
    for label, found in sizes.items():
        findings += _unlikely(label, found)
    kinds = list(Slip)
    findings.sort(key=lambda one: (kinds.index(one.slip), one.image_id, one.label or "", one.box or ()))
    counts = Counter(one.slip.value for one in findings)
    return LintReport(number, {slip.value: counts[slip.value] for slip in Slip}, _listed(findings))


def _listed(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The first of each kind, then the second of each, and so on, as many as there is room for; in their order."""
    seen, turns = Counter[Slip](), list[tuple[int, int]]()
    for place, finding in enumerate(findings):
        turns.append((seen[finding.slip], place))
        seen[finding.slip] += 1
    return tuple(findings[place] for place in sorted(place for _, place in sorted(turns)[:_MOST]))


def _of_image(image: FinalImage) -> list[Finding]:
    if not image.annotations:
        return [Finding(Slip.EMPTY, image.image_id, None, None, "nothing is drawn on it")]
    found = [one for annotation in image.annotations if _has_place(annotation) for one in _of_object(image, annotation)]
    return found + _twins(image)


def _of_object(image: FinalImage, annotation: Annotation) -> list[Finding]:
    shape, (width, height), found = annotation.shape, image.size, list[Finding]()
    box, (left, top, right, bottom) = extent(shape), bounds(replace(shape, rotation=0.0))

    def add(slip: Slip, detail: str) -> None:
        found.append(Finding(slip, image.image_id, shape.label, box, detail))

    if shape.type is ShapeType.RECTANGLE and (shape.points[0] > shape.points[2] or shape.points[1] > shape.points[3]):
        add(Slip.INVERTED, "its corners are the wrong way round")
    sides = right - left, bottom - top
    side = max(sides) if shape.type is ShapeType.POLYLINE else min(sides)
    if shape.type is not ShapeType.POINTS and side < TINY:
        add(Slip.TINY, f"{sides[0]:.1f} x {sides[1]:.1f} pixels")
    outside = min(left, top, width - right, height - bottom)
    if not shape.rotation % 360 and outside < -_NOISE:
        add(Slip.OUTSIDE, f"it reaches {-outside:.1f} pixels over the edge")
    return found


def _twins(image: FinalImage) -> list[Finding]:
    shapes = [annotation.shape for annotation in image.annotations]
    rows, columns = np.nonzero(np.triu(same_label(shapes, shapes), k=1))
    overlaps = paired_overlap(shapes, shapes, rows, columns, image.size)
    return [
        Finding(
            Slip.DUPLICATE,
            image.image_id,
            shapes[column].label,
            None if shapes[column].type is ShapeType.TAG else extent(shapes[column]),
            f"another {shapes[row].label!r} is in its place (IoU {overlap:.2f})",
        )
        for row, column, overlap in zip(rows, columns, overlaps, strict=True)
        if overlap >= _TWIN
    ]


def _unlikely(label: str, found: list[tuple[float, str, Box]]) -> list[Finding]:
    if len(found) < _ENOUGH:
        return []
    logs: Floats = np.log(np.maximum([area for area, _, _ in found], 1e-6))
    median = np.median(logs)
    spread = 1.4826 * float(np.median(np.abs(logs - median)))
    if not spread:
        return []
    far = np.abs(logs - median) > _UNLIKELY * spread
    usual = np.exp(median)
    return [
        Finding(Slip.UNLIKELY_SIZE, image_id, label, box, f"{area:.0f} pixels², usual for {label!r} is {usual:.0f}")
        for (area, image_id, box), is_far in zip(found, far, strict=True)
        if is_far
    ]


def _has_place(annotation: Annotation) -> bool:
    return annotation.shape.type is not ShapeType.TAG
