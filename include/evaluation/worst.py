"""The worst images: those that a person should look at first, with what to draw on them."""

from dataclasses import dataclass

import numpy as np

from include.evaluation.columns import Flags, Ints, Kind, Objects, Sheet
from include.evaluation.drawing import Drawing, drawing_of
from include.evaluation.errors import NAMES, Errors, errors_of
from include.evaluation.overlaps import Pairs
from include.lifecycle.boxes import Box

MOST = 100
OF_CLASS = 5  # that show best what is wrong with a class, which may be too rare for the others to show it


@dataclass(frozen=True, slots=True)
class Mark:
    """An object to draw: its class, the box around it (x1, y1, x2, y2) in pixels (None for a tag, which is nowhere),
    how it is drawn where it is more than its box, and what is wrong with it: a name of `ErrorTypes`, `not found` for an
    annotation that a wrong prediction, mended, would find, None where nothing is. The score is a prediction's."""

    label: str
    box: Box | None
    drawing: Drawing | None
    wrong: str | None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class WorstImage:
    """An image with errors: how many predictions are wrong and how many annotations were not found, its size (width,
    height in pixels), what was predicted and what is final."""

    image_id: str
    size: tuple[int, int]
    wrong: int
    not_found: int
    predicted: tuple[Mark, ...]
    final: tuple[Mark, ...]

    @property
    def errors(self) -> int:
        """All errors; the more, the worse."""
        return self.wrong + self.not_found


def worst_images(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> tuple[WorstImage, ...]:
    """The images with the most errors, at most 100, and of each class the five with the most of its errors; the worst
    first, of equal ones by id."""
    errors = errors_of(sheet, pairs, right, iou)
    unfound = np.ones(len(sheet.annotations), np.bool_)
    unfound[right.annotation] = False
    image = np.concatenate([sheet.predictions.image[errors.kind > 0], sheet.annotations.image[unfound]])
    label = np.concatenate([sheet.predictions.label[errors.kind > 0], sheet.annotations.label[unfound]])
    chosen = [_most(image, MOST), *(_most(image[label == one], OF_CLASS) for one in np.unique(label))]
    places = np.unique(np.concatenate(chosen))
    numbers = np.bincount(image, minlength=sheet.images)[places]
    order = places[np.argsort(-numbers, kind="stable")]
    return tuple(_image(sheet, int(place), errors, unfound) for place in order)


def _most(image: Ints, most: int) -> Ints:
    """The images that come most often, of equal ones those that come first."""
    places, times = np.unique(image, return_counts=True)
    return places[np.argsort(-times, kind="stable")[:most]]


def _image(sheet: Sheet, place: int, errors: Errors, unfound: Flags) -> WorstImage:
    predicted = [
        _mark(sheet, sheet.predictions, row, NAMES[kind - 1] if (kind := int(errors.kind[row])) else None, scored=True)
        for row in _rows(sheet.predictions, place)
    ]
    final = [
        _mark(
            sheet, sheet.annotations, row, ("missed" if errors.missed[row] else "not found") if unfound[row] else None
        )
        for row in _rows(sheet.annotations, place)
    ]
    width, height = (int(side) for side in sheet.sizes[place])
    return WorstImage(
        sheet.image_ids[place],
        (width, height),
        wrong=sum(mark.wrong is not None for mark in predicted),
        not_found=sum(mark.wrong is not None for mark in final),
        predicted=tuple(predicted),
        final=tuple(final),
    )


def _rows(objects: Objects, place: int) -> range:
    return range(*np.searchsorted(objects.image, [place, place + 1]).tolist())


def _mark(sheet: Sheet, objects: Objects, row: int, wrong: str | None, *, scored: bool = False) -> Mark:
    x1, y1, x2, y2 = (float(value) for value in objects.box[row])
    shape = objects.shapes.get(row)
    return Mark(
        label=sheet.labels[objects.label[row]],
        box=None if objects.kind[row] == Kind.TAG else (x1, y1, x2, y2),
        drawing=drawing_of(shape) if shape else None,
        wrong=wrong,
        score=float(objects.score[row]) if scored else None,
    )
