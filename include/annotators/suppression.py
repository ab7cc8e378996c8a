"""One box an object: non-maximum suppression, greedy or soft.

Greedy: of boxes in the order of their scores, one that overlaps a kept one by `overlap` or more goes.
Soft (Bodla et al., "Soft-NMS: improving object detection with one line of code", ICCV 2017, equations 2 and 3): instead
of going, a box b_i loses score to each kept box M, and the order is made anew:

    linear:    s_i <- s_i (1 - iou(M, b_i))            where iou(M, b_i) >= overlap, else s_i
    gaussian:  s_i <- s_i exp(-iou(M, b_i)^2 / sigma)

Those whose score falls below the least one go.
"""

from enum import StrEnum

import numpy as np

from include.annotators.networks import Array


class Suppression(StrEnum):
    NONE = "none"
    GREEDY = "greedy"
    LINEAR = "linear"
    GAUSSIAN = "gaussian"


def suppress(
    boxes: Array, scores: Array, groups: Array, *, how: Suppression, overlap: float, sigma: float, least: float
) -> tuple[Array, Array]:
    """Which of the boxes [n, 4] stay, and with what scores, the best first.

    Boxes of unlike groups do not touch one another. The result does not hang on the order of the boxes: between equal
    scores the box furthest to the left, then to the top, comes first.
    """
    if how is Suppression.NONE:
        kept = np.arange(len(boxes))[scores >= least]
        return _ranked(boxes, groups, kept, scores[kept])
    indexes, values = [], []
    for group in np.unique(groups):
        (members,) = np.nonzero(groups == group)
        stay, new = _one_group(boxes[members], scores[members], how, overlap, sigma, least)
        indexes.append(members[stay])
        values.append(new)
    if not indexes:
        return np.zeros(0, np.intp), np.zeros(0)
    return _ranked(boxes, groups, np.concatenate(indexes), np.concatenate(values))


def iou(box: Array, boxes: Array) -> Array:
    """Intersection over union of a box with each of boxes [n, 4]; 0 where both are without area."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    both = np.prod(np.maximum(sides, 0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - both
    shares: Array = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return shares


def _one_group(
    boxes: Array, scores: Array, how: Suppression, overlap: float, sigma: float, least: float
) -> tuple[list[int], Array]:
    scores = scores.astype(np.float64)
    left = _order(boxes, scores)
    left = left[scores[left] >= least]
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        shares = iou(boxes[best], boxes[left])
        if how is Suppression.GREEDY:
            left = left[shares < overlap]
            continue
        linear = how is Suppression.LINEAR
        scores[left] *= np.where(shares >= overlap, 1 - shares, 1) if linear else np.exp(-(shares**2) / sigma)
        left = left[scores[left] >= least]
        left = left[_order(boxes[left], scores[left])]
    return kept, scores[kept]


def _order(boxes: Array, scores: Array) -> Array:
    """Indexes by score, the greatest first, then by the boxes' numbers."""
    return np.lexsort((*boxes.T[::-1], -scores))


def _ranked(boxes: Array, groups: Array, kept: Array, scores: Array) -> tuple[Array, Array]:
    order = np.lexsort((groups[kept], *boxes[kept].T[::-1], -scores))
    return kept[order], scores[order]
