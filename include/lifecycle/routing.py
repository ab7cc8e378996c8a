"""Routing: how certain a model is of an image, and which of its jobs people see all the same."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.routing import Routing


class Route(StrEnum):
    """Where a job goes."""

    ACCEPT = "accept"  # accepted unseen
    AUDIT = "audit"  # could be accepted, and was drawn for people to look at
    REVIEW = "review"  # for people


class Certainty(StrEnum):
    """What the rules say of an image; in this order, the surest first."""

    SURE = "sure"
    BETWEEN = "between"  # people see a share of these
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How certain an image is, and why, for people."""

    certainty: Certainty
    reason: str


def verdict(objects: Sequence[Prediction], rules: Routing) -> Verdict:
    """What the rules say of an image with these predictions, whose scores count as they are.

    An image without any prediction is never sure: a model says nothing about what it has missed. It is as certain as
    the least certain object on it.
    """
    if not rules.accepts:
        return Verdict(Certainty.UNSURE, "people see all")
    if not objects:
        return Verdict(Certainty.UNSURE, "nothing was found on it")
    found = [_of_object(one, rules) for one in sorted(objects, key=lambda one: (one.score, one.id))]
    return max(found, key=lambda one: list(Certainty).index(one.certainty))  # the first of the least certain


def _of_object(one: Prediction, rules: Routing) -> Verdict:
    label, side = one.shape.label, _shorter_side(one.shape)
    if label in rules.always_review.labels:
        return Verdict(Certainty.UNSURE, f"people see every {label}")
    smallest = rules.always_review.smaller_than
    if smallest is not None and side is not None and side < smallest:
        return Verdict(Certainty.UNSURE, f"a {label} of {side:.1f} px, below {smallest:g}")
    accept, below = rules.thresholds(label)
    if accept is not None and one.score >= accept:
        return Verdict(Certainty.SURE, f"{label} {one.score:.2f}, from {accept:g} on")
    if accept is not None and below is not None and one.score >= below:
        return Verdict(Certainty.BETWEEN, f"{label} {one.score:.2f}, between {below:g} and {accept:g}")
    limit = "no threshold" if below is None else f"below {below:g}"
    return Verdict(Certainty.UNSURE, f"{label} {one.score:.2f}, {limit}")


def _shorter_side(shape: Shape) -> float | None:
    """In pixels, of the box around a shape's points; None for what has no extent."""
    if shape.type in (ShapeType.TAG, ShapeType.POINTS):
        return None
    if shape.type is ShapeType.MASK:
        left, top, right, bottom = shape.points[-4:]
        return min(right - left, bottom - top) + 1
    x, y = shape.points[::2], shape.points[1::2]
    return min(max(x) - min(x), max(y) - min(y)) * (2 if shape.type is ShapeType.ELLIPSE else 1)


class NoScoresError(Exception):
    """An annotator gives every object the score 1, as where a model's scores were lost: routing by them is blind."""


_ENOUGH = 20  # objects: fewer may all be sure by chance


def check_scores(annotator: str, scores: Sequence[float], rules: Routing) -> bool:
    """Whether scores can be believed: not where all are 1.0. Raises NoScoresError where rules would go by many such."""
    believed = not scores or any(score != 1.0 for score in scores)
    if rules.accepts and not believed and len(scores) >= _ENOUGH:
        raise NoScoresError(
            f"all {len(scores)} scores of {annotator} are 1.0: it gives none, and every image would count as sure. Set "
            "routing.accept_above to null, or have the annotator say that it gives no scores (scored = False)"
        )
    return believed


def is_drawn(job: str, seed: int, share: float) -> bool:
    """Whether a job is drawn for people: each with the probability `share`, independently, the same in every run.

    The job is any string that names its content. The draw is the first 8 bytes of SHA-256 as a fraction of 2**64.
    """
    digest = hashlib.sha256(f"{seed}\n{job}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share
