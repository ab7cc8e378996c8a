"""The answers of detection networks, of each form that exporters write, as boxes with scores and classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from include.annotators.networks import Array, ModelError
from include.annotators.pictures import Channels, Fit, Pixels
from include.annotators.suppression import Suppression

REVISION = 1  # another one whenever an answer is read otherwise than before

_STRIDES = (8, 16, 32)
_MORE_STRIDES = (8, 16, 32, 64)


class Form(StrEnum):
    """How a network answers, for an input of width x height and C classes; N is any number."""

    DETR = "detr"  # logits [N, C] before the sigmoid; boxes [N, 4]: centre, width, height, in 0..1
    SEPARATE = "separate"  # boxes [N, 4]: left, top, right, bottom, in pixels; scores [N]; labels [N]
    YOLOX = "yolox"  # [cells, 5 + C]: centre and log of size in cells of strides 8, 16, 32; objectness; classes
    YOLOX_DECODED = "yolox_decoded"  # [N, 5 + C]: centre, width, height, in pixels; objectness; classes
    YOLOV8 = "yolov8"  # [4 + C, N]: centre, width, height, in pixels; classes
    NMS = "nms"  # [N, 6]: left, top, right, bottom, in pixels; score; class


@dataclass(frozen=True, slots=True)
class Habits:
    """How pictures are given to the models of a form, and what is done with their boxes, if nothing else is stated."""

    fit: Fit
    pixels: Pixels
    channels: Channels
    suppression: Suppression


_DETR = Habits(Fit.STRETCH, Pixels.UNIT, Channels.RGB, Suppression.NONE)
_YOLO = Habits(Fit.LETTERBOX, Pixels.UNIT, Channels.RGB, Suppression.GREEDY)
_YOLOX = Habits(Fit.CORNER, Pixels.BYTES, Channels.BGR, Suppression.GREEDY)
_ENDED = Habits(Fit.LETTERBOX, Pixels.UNIT, Channels.RGB, Suppression.NONE)

HABITS = {
    Form.DETR: _DETR,
    Form.SEPARATE: _DETR,
    Form.YOLOX: _YOLOX,
    Form.YOLOX_DECODED: _YOLOX,
    Form.YOLOV8: _YOLO,
    Form.NMS: _ENDED,
}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes [n, 4] (left, top, right, bottom, in the input's pixels), their scores [n] in 0..1, their classes [n].

    `count` is the number of classes, where the form shows it.
    """

    boxes: Array
    scores: Array
    classes: Array
    count: int | None


def recognise(outputs: Mapping[str, Array], size: tuple[int, int]) -> Form:
    """The form of what a network answered to one picture (no batch dimension) of an input of that width and height.

    By the names of the outputs, then by their shapes. Raises ModelError that lists the outputs where none fits, or
    more than one does.
    """
    names = {name.lower() for name in outputs}
    if {"pred_boxes", "logits"} <= names or {"pred_boxes", "pred_logits"} <= names:
        return Form.DETR
    if {"boxes", "scores", "labels"} <= names:
        return Form.SEPARATE
    shapes = [output.shape for output in outputs.values()]
    form = _by_shape(shapes[0], size) if len(shapes) == 1 and len(shapes[0]) == 2 else None
    if form is None:
        raise ModelError(f"the form of the model is not recognised: state form. {_listed(outputs)}")
    return form


def _by_shape(shape: tuple[int, ...], size: tuple[int, int]) -> Form | None:
    rows, columns = shape
    if rows in _cell_counts(size) and columns > 5:
        return Form.YOLOX
    if columns in _cell_counts(size) and rows > 4:
        return Form.YOLOV8
    return Form.NMS if columns == 6 else None


def decode(form: Form, outputs: Mapping[str, Array], size: tuple[int, int], least: float) -> Candidates:
    """The boxes of at least that score in what a network of that form answered to one picture (no batch dimension).

    Raises ModelError where the outputs are not those of the form, or a score is not in 0..1.
    """
    try:
        found = _DECODERS[form](outputs, size, least)
    except (IndexError, ValueError, TypeError) as error:
        raise ModelError(f"the outputs are not those of the form {form}: {error}. {_listed(outputs)}") from error
    if not (found.scores <= 1.001).all():
        raise ModelError(f"a score is not in 0..1: form ({form}) or pixels is wrong, or the model's numbers overflow")
    if not np.isfinite(found.boxes).all():
        raise ModelError("the model answers boxes that are no numbers: its numbers overflow")
    return Candidates(found.boxes, np.clip(found.scores, 0, 1), found.classes, found.count)


def _listed(outputs: Mapping[str, Array]) -> str:
    found = ", ".join(f"{name} {list(output.shape)}" for name, output in outputs.items())
    return f"For one picture it answers {found}; known forms are {', '.join(Form)}"


def _detr(outputs: Mapping[str, Array], size: tuple[int, int], least: float) -> Candidates:
    """As RT-DETR and D-FINE do: each query may be of several classes, each with the sigmoid of its logit."""
    logits = _named(outputs, "logits", "pred_logits").astype(np.float64)
    boxes = _named(outputs, "pred_boxes")
    scores = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    queries, classes = np.nonzero(~(scores < least))  # what is no number is kept, to be told
    corners = _corners(boxes[queries]) * np.array([*size, *size])
    return Candidates(corners, scores[queries, classes], classes, logits.shape[1])


def _separate(outputs: Mapping[str, Array], _size: tuple[int, int], least: float) -> Candidates:
    boxes, scores, labels = (_named(outputs, name) for name in ("boxes", "scores", "labels"))
    return _rows(boxes, scores, labels, least)


def _nms(outputs: Mapping[str, Array], _size: tuple[int, int], least: float) -> Candidates:
    rows = _only(outputs)
    if rows.shape[1] != 6:
        raise ValueError("six numbers a box are expected")
    return _rows(rows[:, :4], rows[:, 4], rows[:, 5], least)


def _yolox(outputs: Mapping[str, Array], size: tuple[int, int], least: float) -> Candidates:
    """As YOLOX's demo_postprocess does: the export leaves the cells' places to who reads it."""
    rows = _only(outputs).astype(np.float64)
    if len(rows) not in _cell_counts(size):
        raise ValueError(f"{len(rows)} cells are none of {size[0]} x {size[1]} pixels")
    strides = _STRIDES if len(rows) == _cells(size, _STRIDES) else _MORE_STRIDES
    cells, stride = _grid(size, strides)
    sides = np.exp(np.minimum(rows[:, 2:4], 20))  # beyond is wider than any picture, and soon than any number
    boxes = np.hstack([(rows[:, :2] + cells) * stride, sides * stride])
    return _objects(boxes, rows, least)


def _yolox_decoded(outputs: Mapping[str, Array], _size: tuple[int, int], least: float) -> Candidates:
    rows = _only(outputs).astype(np.float64)
    return _objects(rows[:, :4], rows, least)


def _yolov8(outputs: Mapping[str, Array], _size: tuple[int, int], least: float) -> Candidates:
    rows = _only(outputs).T
    return _best(rows[:, :4], rows[:, 4:], least)


_DECODERS: dict[Form, Callable[[Mapping[str, Array], tuple[int, int], float], Candidates]] = {
    Form.DETR: _detr,
    Form.SEPARATE: _separate,
    Form.YOLOX: _yolox,
    Form.YOLOX_DECODED: _yolox_decoded,
    Form.YOLOV8: _yolov8,
    Form.NMS: _nms,
}


def _objects(boxes: Array, rows: Array, least: float) -> Candidates:
    """The score is that of being an object times that of being of the class."""
    return _best(boxes, rows[:, 4:5] * rows[:, 5:], least)


def _best(boxes: Array, scores: Array, least: float) -> Candidates:
    """Each box with its best class."""
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes].astype(np.float64)
    kept = ~(best < least)
    return Candidates(_corners(boxes[kept]), best[kept], classes[kept], scores.shape[1])


def _rows(boxes: Array, scores: Array, classes: Array, least: float) -> Candidates:
    """Boxes as they are; those of class -1 fill up."""
    kept = ~(scores < least) & (classes >= 0)
    return Candidates(boxes[kept].astype(np.float64), scores[kept].astype(np.float64), classes[kept].astype(int), None)


def _corners(boxes: Array) -> Array:
    """Left, top, right, bottom of boxes [n, 4] that are given by centre, width and height."""
    centres, halves = boxes[:, :2].astype(np.float64), boxes[:, 2:4].astype(np.float64) / 2
    return np.hstack([centres - halves, centres + halves])


def _cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def _cell_counts(size: tuple[int, int]) -> set[int]:
    return {_cells(size, _STRIDES), _cells(size, _MORE_STRIDES)}


def _grid(size: tuple[int, int], strides: tuple[int, ...]) -> tuple[Array, Array]:
    """Column and row [cells, 2] and stride [cells, 1] of each cell, row by row, the least stride first."""
    places, widths = [], []
    for stride in strides:
        rows, columns = np.indices((size[1] // stride, size[0] // stride))
        places.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        widths.append(np.full((rows.size, 1), stride))
    return np.concatenate(places), np.concatenate(widths)


def _only(outputs: Mapping[str, Array]) -> Array:
    if len(outputs) != 1:
        raise ValueError("one output is expected")
    (output,) = outputs.values()
    return output


def _named(outputs: Mapping[str, Array], *names: str) -> Array:
    found = [output for name, output in outputs.items() if name.lower() in names]
    if not found:
        raise ValueError(f"there is no output {names[0]}")
    return found[0]
