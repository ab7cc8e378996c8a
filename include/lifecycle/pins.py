"""Pins: which objects of a job are shown to its annotator first, because the model is least certain of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from include.lifecycle.boxes import Box
from include.lifecycle.extents import extent
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import ShapeType

MOST = 20  # a job: of more, people look at none


@dataclass(frozen=True, slots=True)
class Pin:
    """A place in a frame (the task's number) and what is said of it. The box is in pixels, to 0.01 as CVAT keeps
    points."""

    frame: int
    box: Box
    message: str


def pins_of(objects: Iterable[tuple[int, Prediction]], below: float) -> list[Pin]:
    """The pins of a job from what is drawn in it, each with its frame: at most MOST, the least certain first.

    Scores count as they are. A tag has no place; of objects in one place the least certain is pinned.
    """
    placed = [(frame, one) for frame, one in objects if one.shape.type is not ShapeType.TAG]
    found: dict[tuple[int, Box], Pin] = {}
    for frame, one in sorted(placed, key=lambda at: (at[1].score, at[0], at[1].id)):
        if one.score < below:
            box = place(one)
            said = f"{one.shape.label} {one.score:.2f}, below {below:g}: is it right?"
            found.setdefault((frame, box), Pin(frame, box, said))
    return list(found.values())[:MOST]


def place(one: Prediction) -> Box:
    """Where the pin of an object is, whatever it says."""
    left, top, right, bottom = (round(value, 2) for value in extent(one.shape))
    return left, top, right, bottom
