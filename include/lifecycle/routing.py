"""Routing: which images a model is sure of, and which sure jobs people see all the same."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum


class Route(StrEnum):
    """Where a job goes."""

    ACCEPT = "accept"  # accepted unseen
    AUDIT = "audit"  # sure, and drawn for people to look at
    REVIEW = "review"  # for people


def is_sure(scores: Sequence[float], accept_above: float | None) -> bool:
    """Whether an image may be accepted unseen: it has predictions, and each is at least that sure.

    An image without any prediction is never sure: a model says nothing about what it has missed.
    """
    return accept_above is not None and bool(scores) and min(scores) >= accept_above


def is_audited(job: str, seed: int, share: float) -> bool:
    """Whether a sure job is drawn: each with the probability `share`, independently, the same in every run.

    The job is any string that names its content. The draw is the first 8 bytes of SHA-256 as a fraction of 2**64.
    """
    digest = hashlib.sha256(f"{seed}\n{job}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def probability(route: Route, audit_share: float) -> float:
    """The probability with which a job of this route was given to people (design: invariant 11)."""
    return {Route.REVIEW: 1.0, Route.AUDIT: audit_share, Route.ACCEPT: 0.0}[route]
