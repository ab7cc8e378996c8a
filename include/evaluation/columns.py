"""Columns: predictions and annotations of many images as arrays, an object a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from include.evaluation.regions import region_area
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.extents import extent
from include.lifecycle.reviews import Acceptance
from include.lifecycle.shapes import Shape, ShapeType

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Kind(IntEnum):
    """How two objects are compared: by their boxes, their pixels, their points, or, where they are nowhere in the
    image, by their label alone."""

    BOX = 0
    REGION = 1
    POINTS = 2
    TAG = 3


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """n objects, ordered by image: the places of their image and label, int64[n]; scores (1 for annotations) and areas
    (pixels²), float64[n]; boxes (x1, y1, x2, y2) in pixels, float64[n, 4]; kinds, int64[n].

    `shapes` has the shapes of those that are more than their box, by row.
    """

    image: Ints
    label: Ints
    score: Floats
    box: Floats
    area: Floats
    kind: Ints
    shapes: Mapping[int, Shape]

    def __len__(self) -> int:
        return len(self.image)

    def starts(self, images: int) -> Ints:
        """int64[images + 1]: the rows of image i are from the i-th to the next."""
        return np.searchsorted(self.image, np.arange(images + 1)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What people reviewed, as columns. Images are sorted by id, an image's predictions by falling score and then by
    id, its annotations by label and place, so that the order in which they came does not matter."""

    image_ids: tuple[str, ...]
    sizes: Floats  # float64[images, 2]: width, height in pixels
    weights: Floats  # float64[images]
    audited: Flags  # bool[images]
    finished_at: tuple[datetime | None, ...]
    labels: tuple[str, ...]
    predictions: Objects
    annotations: Objects

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.image_ids)


@dataclass(slots=True)
class _Rows:
    """Objects as they come."""

    image: list[int] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    box: list[tuple[float, float, float, float]] = field(default_factory=list)
    area: list[float] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    shapes: dict[int, Shape] = field(default_factory=dict)

    def add(self, image: int, shape: Shape, score: float) -> None:
        kind = _KINDS[shape.type]
        if kind is not Kind.BOX or shape.rotation % 360:
            self.shapes[len(self.image)] = shape
            kind = Kind.REGION if kind is Kind.BOX else kind
        self.image.append(image)
        self.label.append(shape.label)
        self.score.append(score)
        box = _NOWHERE if kind is Kind.TAG else extent(shape)
        self.box.append(box)
        self.area.append(region_area(shape) if kind is Kind.REGION else (box[2] - box[0]) * (box[3] - box[1]))
        self.kind.append(kind)


_NOWHERE = (0.0, 0.0, 0.0, 0.0)
_KINDS = {
    ShapeType.RECTANGLE: Kind.BOX,
    ShapeType.POLYGON: Kind.REGION,
    ShapeType.ELLIPSE: Kind.REGION,
    ShapeType.MASK: Kind.REGION,
    ShapeType.POLYLINE: Kind.BOX,  # by the box around it: a line has no area
    ShapeType.POINTS: Kind.POINTS,
    ShapeType.TAG: Kind.TAG,
}


def sheet(images: Iterable[ReviewedImage]) -> Sheet:
    """The images as columns; they are read once, one at a time.

    Raises ValueError where an image comes twice.
    """
    ids, facts, moments = list[str](), list[tuple[float, float, float, bool]](), list[datetime | None]()
    found, truth = _Rows(), _Rows()
    for place, image in enumerate(images):
        ids.append(image.image_id)
        moments.append(image.finished_at)
        facts.append((*image.size, image.weight, image.accepted is Acceptance.AUDIT))
        for prediction in sorted(image.predictions, key=lambda p: (-p.score, p.id)):
            found.add(place, prediction.shape, prediction.score)
        for shape in sorted((a.shape for a in image.annotations), key=lambda shape: (shape.label, shape.points)):
            truth.add(place, shape, 1.0)
    if len(set(ids)) < len(ids):
        raise ValueError(f"image {_twice(ids)} comes twice: take one revision an image")
    labels = sorted({*found.label, *truth.label})
    order = np.argsort(np.array(ids, dtype=object), kind="stable") if ids else np.zeros(0, np.int64)
    table = np.array(facts, dtype=np.float64).reshape(-1, 4)[order]
    return Sheet(
        image_ids=tuple(ids[place] for place in order),
        sizes=table[:, :2],
        weights=table[:, 2],
        audited=table[:, 3].astype(np.bool_),
        finished_at=tuple(moments[place] for place in order),
        labels=tuple(labels),
        predictions=_objects(found, order, labels),
        annotations=_objects(truth, order, labels),
    )


def from_score(whole: Sheet, least: float) -> tuple[Sheet, Ints]:
    """The sheet without predictions below a score, and the new row of each prediction, int64[predictions]; -1 where it
    is left out."""
    kept = whole.predictions.score >= least
    rows = np.where(kept, np.cumsum(kept) - 1, -1)
    return replace(whole, predictions=_chosen(whole.predictions, kept, np.arange(whole.images))), rows


def _objects(rows: _Rows, order: Ints, labels: Sequence[str]) -> Objects:
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    numbers = {label: number for number, label in enumerate(labels)}
    image = rank[np.array(rows.image, dtype=np.int64)] if rows.image else np.zeros(0, np.int64)
    sorted_ = np.argsort(image, kind="stable")
    shapes = {int(new): rows.shapes[int(old)] for new, old in enumerate(sorted_) if int(old) in rows.shapes}
    return Objects(
        image=image[sorted_],
        label=np.array([numbers[label] for label in rows.label], dtype=np.int64)[sorted_],
        score=np.array(rows.score, dtype=np.float64)[sorted_],
        box=np.array(rows.box, dtype=np.float64).reshape(-1, 4)[sorted_],
        area=np.array(rows.area, dtype=np.float64)[sorted_],
        kind=np.array(rows.kind, dtype=np.int64)[sorted_],
        shapes=shapes,
    )


def _chosen(objects: Objects, kept: Flags, places: Ints) -> Objects:
    rows = np.cumsum(kept) - 1
    return Objects(
        image=places[objects.image[kept]].astype(np.int64),
        label=objects.label[kept],
        score=objects.score[kept],
        box=objects.box[kept],
        area=objects.area[kept],
        kind=objects.kind[kept],
        shapes={int(rows[row]): shape for row, shape in objects.shapes.items() if kept[row]},
    )


def _twice(ids: Sequence[str]) -> str:
    seen = set[str]()
    return next(id_ for id_ in ids if id_ in seen or seen.add(id_))  # type: ignore[func-returns-value]
