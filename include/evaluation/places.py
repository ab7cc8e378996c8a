"""Places: where in the image errors are, and of which size the objects."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from include.evaluation.columns import Flags, Floats, Kind, Objects, Sheet
from include.evaluation.overlaps import Pairs

GRID = 12  # cells across and down
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, float("inf"))}  # COCO's, in pixels²

Grid = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Places:
    """How many centres of objects are in each cell of a grid over the image, row by row from the top: of all
    annotations, of predictions that are wrong, and of annotations that were not found. Counts are weighted."""

    objects: Grid
    wrong: Grid
    missed: Grid


@dataclass(frozen=True, slots=True)
class SizeCounts:
    """Of a size: annotations, how many of them were found, and predictions that are wrong; the first is a plain count,
    the others are weighted, with all annotations weighted beside them."""

    support: int
    annotations: float
    found: float
    wrong: float

    @property
    def recall(self) -> float | None:
        """The share that was found, in 0..1; None without any."""
        return self.found / self.annotations if self.annotations else None


def places(sheet: Sheet, right: Pairs) -> Places:
    """Count a sheet's objects by their place; tags are nowhere."""
    used, found = _used(sheet, right)
    return Places(
        objects=_grid(sheet, sheet.annotations, np.ones(len(sheet.annotations), np.bool_)),
        wrong=_grid(sheet, sheet.predictions, ~used),
        missed=_grid(sheet, sheet.annotations, ~found),
    )


def by_size(sheet: Sheet, right: Pairs) -> Mapping[str, SizeCounts]:
    """Count a sheet's objects by COCO's sizes: by the annotation's area, and a wrong prediction by its own."""
    used, found = _used(sheet, right)
    return {name: _of_size(sheet, ~used, found, limits) for name, limits in SIZES.items()}


def _used(sheet: Sheet, right: Pairs) -> tuple[Flags, Flags]:
    used, found = np.zeros(len(sheet.predictions), np.bool_), np.zeros(len(sheet.annotations), np.bool_)
    used[right.prediction], found[right.annotation] = True, True
    return used, found


def _grid(sheet: Sheet, objects: Objects, chosen: Flags) -> Grid:
    chosen = chosen & (objects.kind != Kind.TAG)
    centres = (objects.box[chosen, :2] + objects.box[chosen, 2:]) / 2
    cells = np.clip(centres / sheet.sizes[objects.image[chosen]] * GRID, 0, GRID - 1).astype(np.int64)
    weights = sheet.weights[objects.image[chosen]]
    counts = np.bincount(cells[:, 1] * GRID + cells[:, 0], weights, minlength=GRID * GRID).reshape(GRID, GRID)
    return tuple(tuple(float(value) for value in row) for row in counts)


def _of_size(sheet: Sheet, wrong: Flags, found: Flags, limits: tuple[float, float]) -> SizeCounts:
    true, mine = _within(sheet.annotations, limits), _within(sheet.predictions, limits) & wrong
    weights: Floats = sheet.weights[sheet.annotations.image]
    return SizeCounts(
        support=int(true.sum()),
        annotations=float(weights[true].sum()),
        found=float(weights[true & found].sum()),
        wrong=float(sheet.weights[sheet.predictions.image[mine]].sum()),
    )


def _within(objects: Objects, limits: tuple[float, float]) -> Flags:
    within: Flags = (objects.area >= limits[0]) & (objects.area < limits[1]) & (objects.kind != Kind.TAG)
    return within
