"""Selection: which images people should see first, by how much a model would learn from them."""

import hashlib
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from include.lifecycle.extents import extent, overlap
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import ShapeType
from include.projects.fields import Order

T = TypeVar("T", bound=Hashable)


def uncertainty(order: Order, image_id: str, answers: Sequence[Sequence[Prediction]], seed: int) -> float:
    """How early people should see an image, in 0..1, from the answers of the annotators that were asked about it.

    By scores p, of the least certain object of any: least confidence 1 - p; margin 1 - |2p - 1|; entropy in bits
    (Settles 2009, Active Learning Literature Survey, section 3.1; an object is there or not). Where nothing was found,
    1: nothing is known. Disagreement: see `disagreement`. Random: a seeded draw. By URI: 0 for all.
    """
    if order == "uri":
        return 0.0
    if order == "random":
        return int.from_bytes(hashlib.sha256(f"{seed}\n{image_id}".encode()).digest()[:8], "big") / 2**64
    if order == "disagreement":
        return disagreement(answers)
    scores = [one.score for objects in answers for one in objects]
    return max(map(_BY_SCORE[order], scores), default=1.0)


def disagreement(answers: Sequence[Sequence[Prediction]], iou: float = 0.5) -> float:
    """The share of objects that have no counterpart: the mean over all pairs of annotators of 1 - F1, in 0..1.

    A counterpart has the same label and overlaps by `iou` at the least; each object is that of one other. With one
    annotator there is none to disagree: 0.
    """
    pairs = [(a, b) for place, a in enumerate(answers) for b in answers[place + 1 :]]
    return sum(_apart(a, b, iou) for a, b in pairs) / len(pairs) if pairs else 0.0


def interleaved(first: Sequence[T], second: Sequence[T], share: float) -> Iterator[T]:
    """All items once: so large a share from the second order, evenly spread, the others from the first.

    Both hold the same items, the second maybe fewer.
    """
    seen: set[T] = set()
    orders = (iter(first), iter(second))
    for place in range(len(first)):
        wanted = int((place + 1) * share) > int(place * share)
        item = next((one for one in orders[wanted] if one not in seen), None)
        if item is None:
            item = next(one for one in orders[0] if one not in seen)
        seen.add(item)
        yield item


def _entropy(p: float) -> float:
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


_BY_SCORE: Mapping[Order, Callable[[float], float]] = {
    "least_confidence": lambda p: 1 - p,
    "margin": lambda p: 1 - abs(2 * p - 1),
    "entropy": _entropy,
}


def _apart(a: Sequence[Prediction], b: Sequence[Prediction], iou: float) -> float:
    if not (a or b):
        return 0.0
    pairs = [(_overlap(one, other), i, j) for i, one in enumerate(a) for j, other in enumerate(b)]
    left, right = set[int](), set[int]()
    for common, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if common >= iou and i not in left and j not in right:
            left.add(i)
            right.add(j)
    return 1 - 2 * len(left) / (len(a) + len(b))


def _overlap(one: Prediction, other: Prediction) -> float:
    """Intersection over union of the boxes around two objects of the same label, 1 for two tags; 0 for others."""
    if one.shape.label != other.shape.label:
        return 0.0
    tags = [shape.shape.type is ShapeType.TAG for shape in (one, other)]
    if any(tags):
        return float(all(tags))  # a tag is on the whole image
    a, b = extent(one.shape), extent(other.shape)
    return 1.0 if a == b else overlap(a, b)
