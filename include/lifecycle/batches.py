"""Batches: ordered sets of images, one CVAT task each, planned so that jobs are homogeneous by route."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from include.lifecycle.assignment import Asked
from include.lifecycle.routing import Route, is_audited, probability


class Stage(StrEnum):
    """How far a batch has come. A step takes every batch whose stage is the one before its own."""

    PLANNED = "planned"
    CREATED = "created"  # its CVAT task exists
    SUBMITTED = "submitted"  # CVAT was asked to attach the data
    ATTACHED = "attached"  # CVAT has attached the data
    CHECKED = "checked"  # the frames are the batch's images, in order
    ANNOTATED = "annotated"  # the predictions are in CVAT
    ROUTED = "routed"  # people or the ledger have its jobs
    FAILED = "failed"  # set aside, with a reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that could be batched: it has the predictions of those who were asked, and waits since it was
    discovered."""

    image_id: str
    uri: str
    sure: bool
    waiting_since: datetime
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """Frames start to stop (exclusive) of a batch, and who is to look at them, with which probability."""

    index: int
    start: int
    stop: int
    route: Route
    probability: float


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Images in the order of their frames, about which the same annotators were asked. The digest is of that order:
    the same images, the same name."""

    digest: str
    image_ids: tuple[str, ...]
    jobs: tuple[PlannedJob, ...]
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchRules:
    """What a project says of its batches; see its YAML."""

    size: int
    job_size: int
    max_wait: timedelta
    audit_share: float
    seed: int


def plan(candidates: Iterable[Candidate], rules: BatchRules, now: datetime) -> Iterator[PlannedBatch]:
    """Batches of the candidates that may close now; the others go on waiting.

    About all images of a batch the same annotators were asked. Sure images come first, then the others, each by URI.
    Sure images that do not fill a job join the others, so that every job is homogeneous: sure throughout, or for
    people. A batch closes when it is full, or when one of its images has waited `max_wait`. Same candidates, rules and
    time, same batches.
    """
    groups: dict[tuple[Asked, ...], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.asked].append(candidate)
    for asked in sorted(groups, key=lambda asked: [one.id for one in asked]):
        yield from _plan(groups[asked], rules, now)


def _plan(candidates: Sequence[Candidate], rules: BatchRules, now: datetime) -> Iterator[PlannedBatch]:
    ordered = _by_route(candidates, rules.job_size)
    for start in range(0, len(ordered), rules.size):
        members = ordered[start : start + rules.size]
        overdue = any(now - member.waiting_since >= rules.max_wait for member in members)
        if len(members) == rules.size or overdue:
            yield _batch(members, rules)


def _by_route(candidates: Iterable[Candidate], job_size: int) -> list[Candidate]:
    by_uri = sorted(candidates, key=lambda candidate: candidate.uri)
    sure = [candidate for candidate in by_uri if candidate.sure]
    whole = len(sure) - len(sure) % job_size
    rest = [candidate for candidate in by_uri if not candidate.sure]
    return sure[:whole] + sorted(sure[whole:] + rest, key=lambda candidate: candidate.uri)


def _batch(members: Sequence[Candidate], rules: BatchRules) -> PlannedBatch:
    image_ids = tuple(member.image_id for member in members)
    starts = range(0, len(members), rules.job_size)
    jobs = tuple(_job(index, start, members, rules) for index, start in enumerate(starts))
    return PlannedBatch(_digest(image_ids), image_ids, jobs, members[0].asked)


def _job(index: int, start: int, members: Sequence[Candidate], rules: BatchRules) -> PlannedJob:
    frames = members[start : start + rules.job_size]
    route = Route.REVIEW
    if all(member.sure for member in frames):
        content = _digest(tuple(member.image_id for member in frames))
        route = Route.AUDIT if is_audited(content, rules.seed, rules.audit_share) else Route.ACCEPT
    return PlannedJob(index, start, start + len(frames), route, probability(route, rules.audit_share))


def _digest(image_ids: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(image_ids).encode()).hexdigest()[:12]
