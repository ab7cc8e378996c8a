"""Overlaps: which predictions and annotations of an image may be the same object, and how much they overlap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from include.evaluation.columns import Floats, Ints, Kind, Sheet, from_score
from include.evaluation.regions import paired_iou
from include.lifecycle.shapes import Shape

LEAST = 0.1  # TIDE's background threshold: what overlaps less has nothing to do with it
OKS_SIGMA = 0.09  # CVAT's: the standard deviation of a point, as a share of the object's size
_THINNEST = 0.1  # a side of an object of points, as a share of the other, at the least
_BLOCK = 2_000_000  # pairs looked at together: some 200 MB


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """k pairs of one image: rows of a prediction and of an annotation, int64[k], and their overlap, float64[k], from
    `LEAST` up; sorted by prediction. The overlap is IoU, OKS for points, and 1 for tags."""

    prediction: Ints
    annotation: Ints
    overlap: Floats

    def __len__(self) -> int:
        return len(self.overlap)

    def where(self, chosen: np.ndarray) -> "Pairs":
        """Those chosen (bool[k], or places)."""
        return Pairs(self.prediction[chosen], self.annotation[chosen], self.overlap[chosen])


def pairs_of(sheet: Sheet) -> Pairs:
    """All pairs of a sheet that overlap, whatever their labels. Cost is linear in the pairs of objects of one image."""
    starts = sheet.annotations.starts(sheet.images)
    return joined([_block(sheet, starts, first, last) for first, last in _blocks(sheet)])


def joined(parts: Sequence[Pairs]) -> Pairs:
    """All pairs of these, in their order."""
    none = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    every = [none, *parts]
    return Pairs(
        np.concatenate([one.prediction for one in every]),
        np.concatenate([one.annotation for one in every]),
        np.concatenate([one.overlap for one in every]),
    )


def scored_from(whole: Sheet, pairs: Pairs, least: float) -> tuple[Sheet, Pairs]:
    """A sheet and its pairs without predictions below a score."""
    kept, rows = from_score(whole, least)
    left = pairs.where(rows[pairs.prediction] >= 0)
    return kept, Pairs(rows[left.prediction], left.annotation, left.overlap)


def box_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of the i-th box of a with the i-th of b: float64[k, 4] each, as float64[k].

    Boxes are (x1, y1, x2, y2) with continuous coordinates: a side is x2 - x1 long, as in COCO, without the
    "+ 1" of PASCAL VOC. Where both boxes are empty it is 0.
    """
    wide = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    high = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    common = np.clip(wide, 0, None) * np.clip(high, 0, None)
    whole = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]) + (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) - common
    iou: Floats = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return iou


def oks(found: Floats, true: Floats, image_area: float) -> float:
    """Object keypoint similarity of points float64[n, 2] with the true ones (COCO's, all points visible and of one
    sigma). The object's size is the area of the box around its true points, of which no side counts as shorter than a
    tenth of the other, nor than a pixel: points in a line have no area. A single point has no size at all, and the
    image's counts (CVAT's way). 0 where the numbers of points differ."""
    if len(found) != len(true):
        return 0.0
    sides = true.max(axis=0) - true.min(axis=0)
    area = image_area if len(true) == 1 else float(np.maximum(sides, max(_THINNEST * sides.max(), 1.0)).prod())
    distances = ((found - true) ** 2).sum(axis=1)
    return float(np.exp(-distances / (2 * area * (2 * OKS_SIGMA) ** 2)).mean())


def _blocks(sheet: Sheet) -> Iterator[tuple[int, int]]:
    """First and last image (exclusive) of runs with so many pairs at the most, unless one image alone has more."""
    per_image = np.diff(sheet.predictions.starts(sheet.images)) * np.diff(sheet.annotations.starts(sheet.images))
    ends = np.cumsum(per_image)
    first = 0
    while first < sheet.images:
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + _BLOCK, side="right")), first + 1)
        yield first, last
        first = last


def _block(sheet: Sheet, starts: Ints, first: int, last: int) -> Pairs:
    found, true = sheet.predictions, sheet.annotations
    begin, until = np.searchsorted(found.image, [first, last])
    image = found.image[begin:until]
    counts = starts[image + 1] - starts[image]
    prediction = np.repeat(np.arange(begin, until), counts)
    within = np.arange(len(prediction)) - np.repeat(np.cumsum(counts) - counts, counts)
    annotation = np.repeat(starts[image], counts) + within
    overlap = box_iou(found.box[prediction], true.box[annotation])
    _refine(sheet, prediction, annotation, overlap)
    return Pairs(prediction, annotation, overlap).where(overlap >= LEAST)


def _refine(sheet: Sheet, prediction: Ints, annotation: Ints, overlap: Floats) -> None:
    """Put in place of the boxes' IoU what counts for pairs of regions, points and tags."""
    if not sheet.predictions.shapes or not sheet.annotations.shapes:
        return
    kinds, others = sheet.predictions.kind[prediction], sheet.annotations.kind[annotation]
    same = kinds == others
    overlap[same & (kinds == Kind.TAG)] = 1.0
    _refine_regions(sheet, prediction, annotation, overlap, same & (kinds == Kind.REGION) & (overlap > 0))
    for pair in np.flatnonzero(same & (kinds == Kind.POINTS)):
        found = sheet.predictions.shapes[int(prediction[pair])]
        true = sheet.annotations.shapes[int(annotation[pair])]
        size = sheet.sizes[sheet.predictions.image[prediction[pair]]]
        overlap[pair] = oks(points_of(found), points_of(true), float(size[0] * size[1]))


def _refine_regions(sheet: Sheet, prediction: Ints, annotation: Ints, overlap: Floats, chosen: np.ndarray) -> None:
    """An image at a time: only its regions are pixels in memory."""
    found, true, pairs = sheet.predictions, sheet.annotations, np.flatnonzero(chosen)
    images = found.image[prediction[pairs]]
    for image in np.unique(images):
        mine = pairs[slice(*np.searchsorted(images, [image, image + 1]))]
        size = int(sheet.sizes[image][0]), int(sheet.sizes[image][1])
        overlap[mine] = paired_iou(found.shapes, true.shapes, prediction[mine], annotation[mine], size)


def points_of(shape: Shape) -> Floats:
    """The points of a shape: float64[n, 2], x and y in pixels."""
    return np.array(shape.points, dtype=np.float64).reshape(-1, 2)
