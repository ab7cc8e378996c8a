"""How a person reviews a frame: what they change, given what is drawn and what is true, with a person's own slips."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from include.local.signs import TrueObject

Box = tuple[float, float, float, float]

_SAME_OBJECT = 0.3  # IoU from which a person takes a box for a bad one of this object, not for one of nothing
_GOOD_BOX = 0.75  # IoU from which a person leaves a box as it is
_OVERLOOKED = 0.06  # share of missing objects that stay missing
_BELIEVED = 0.08  # share of false boxes that stay
_SLOPPY = 0.15  # share of drawn boxes whose sides are off by up to an eighth of the height
_SLOP = 1 / 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """A rectangle on a frame, (x1, y1, x2, y2) in pixels; the id is the server's."""

    id: int
    label: str
    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Edits:
    """What a person does to a frame. Drawn rectangles are as they are to be afterwards; those to be added have id 0.

    A relabelled one has another label than before, and its box and text may have changed too; an edited one has only
    another box or text.
    """

    kept: tuple[int, ...]
    edited: tuple[Drawn, ...]
    relabelled: tuple[Drawn, ...]
    deleted: tuple[int, ...]
    added: tuple[Drawn, ...]


def frame_rng(seed: int, frame_name: str) -> random.Random:
    """The stream of a person's slips on one frame: it does not hang on the order in which frames are reviewed."""
    return random.Random(f"{seed}/{frame_name}")


def correct(drawn: Sequence[Drawn], truth: Sequence[TrueObject], size: tuple[int, int], rng: random.Random) -> Edits:
    """What a person changes on a frame of this width and height so that it shows the truth.

    Each object is paired with at most one rectangle, best IoU first, whatever the labels. The order and the ids of the
    rectangles make no difference.
    """
    drawn = sorted(drawn, key=lambda one: (one.box, one.label, one.text))
    pairs = _pairs([one.box for one in drawn], [one.box for one in truth])
    kept: list[int] = []
    deleted: list[int] = []
    changed: list[tuple[Drawn, Drawn]] = []
    for index, before in enumerate(drawn):
        if index not in pairs:
            (kept if rng.random() < _BELIEVED else deleted).append(before.id)
            continue
        after = _corrected(before, truth[pairs[index]], size, rng)
        if after == before:
            kept.append(before.id)
        else:
            changed.append((before, after))
    missing = [one for index, one in enumerate(truth) if index not in pairs.values()]
    noticed = [one for one in missing if rng.random() >= _OVERLOOKED]
    return Edits(
        kept=tuple(kept),
        edited=tuple(after for before, after in changed if after.label == before.label),
        relabelled=tuple(after for before, after in changed if after.label != before.label),
        deleted=tuple(deleted),
        added=tuple(Drawn(0, one.label, one.text, _draw(one, size, rng)) for one in noticed),
    )


def _pairs(drawn: Sequence[Box], truth: Sequence[Box]) -> dict[int, int]:
    """Index of a rectangle → index of its object."""
    candidates = ((iou(a, b), i, j) for i, a in enumerate(drawn) for j, b in enumerate(truth))
    pairs: dict[int, int] = {}
    for overlap, i, j in sorted(candidates, key=lambda one: -one[0]):
        if overlap >= _SAME_OBJECT and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _corrected(before: Drawn, true: TrueObject, size: tuple[int, int], rng: random.Random) -> Drawn:
    good = iou(before.box, true.box) >= _GOOD_BOX
    return Drawn(before.id, true.label, true.text, before.box if good else _draw(true, size, rng))


def _draw(true: TrueObject, size: tuple[int, int], rng: random.Random) -> Box:
    """A box drawn by hand around an object, inside the frame."""
    x1, y1, x2, y2 = true.box
    slop = (y2 - y1) * _SLOP if rng.random() < _SLOPPY else 0.0
    left, top, right, bottom = (rng.uniform(-slop, slop) for _ in range(4))
    width, height = size
    return (max(x1 + left, 0.0), max(y1 + top, 0.0), min(x2 + right, float(width)), min(y2 + bottom, float(height)))


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
