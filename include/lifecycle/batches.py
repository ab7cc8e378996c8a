"""Batches: ordered sets of images, one CVAT task each, planned so that jobs are homogeneous by route."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from include.lifecycle.assignment import Asked
from include.lifecycle.routing import Certainty, Route, Verdict, is_drawn


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
    discovered. Images of a kind are taken by their place, then by URI; the urgency tells people about it."""

    image_id: str
    uri: str
    verdict: Verdict
    waiting_since: datetime
    asked: tuple[Asked, ...] = ()
    urgency: float = 0.0
    place: int = 0


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """Frames start to stop (exclusive) of a batch, who is to look at them, with which probability, and why; the
    urgency is that of its most urgent image."""

    index: int
    start: int
    stop: int
    route: Route
    probability: float
    reason: str = ""
    urgency: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """Images in the order of their frames, about which the same annotators were asked. The digest is of that order:
    the same images, the same name."""

    digest: str
    image_ids: tuple[str, ...]
    jobs: tuple[PlannedJob, ...]
    asked: tuple[Asked, ...] = ()

    def images(self, *routes: Route) -> int:
        """How many images are in its jobs of these routes."""
        return sum(job.stop - job.start for job in self.jobs if job.route in routes)


@dataclass(frozen=True, slots=True)
class BatchRules:
    """What a project says of its batches; see its YAML. What is left of a day's images: None is any number."""

    size: int
    job_size: int
    max_wait: timedelta
    audit_share: float
    between_share: float
    seed: int
    accept_left: int | None = None
    review_left: int | None = None


def plan(candidates: Iterable[Candidate], rules: BatchRules, now: datetime) -> Iterator[PlannedBatch]:
    """Batches of the candidates that may close now; the others go on waiting.

    About all images of a batch the same annotators were asked. Sure images come first, then those between, then the
    others. Those of a kind that do not fill a job join the next kind, so that every job is homogeneous. A batch closes
    when it is full, or when one of its images has waited `max_wait`; one with more for people than is left of the day
    waits. Beyond what is left to accept, people see jobs that could be accepted, whatever a draw would say: with
    probability 1. Same candidates, rules and time, same batches.
    """
    groups: dict[tuple[Asked, ...], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.asked].append(candidate)
    left = _Left(rules.accept_left, rules.review_left)
    for asked in sorted(groups, key=lambda asked: [one.id for one in asked]):
        for members in _closing(groups[asked], rules, now):
            batch = _batch(members, rules, left)
            if left.take(batch):
                yield batch


@dataclass(slots=True)
class _Left:
    """What is left of a day: images to be accepted unseen, and images for people; None is any number."""

    accept: int | None
    review: int | None

    def take(self, batch: PlannedBatch) -> bool:
        """Whether people may be given this batch; if so, it is counted."""
        people = batch.images(Route.REVIEW, Route.AUDIT)
        if people and self.review is not None:
            if people > self.review:
                return False
            self.review -= people
        if self.accept is not None:
            self.accept -= batch.images(Route.ACCEPT)
        return True


def _closing(candidates: Sequence[Candidate], rules: BatchRules, now: datetime) -> Iterator[Sequence[Candidate]]:
    ordered = _by_certainty(candidates, rules.job_size)
    for start in range(0, len(ordered), rules.size):
        members = ordered[start : start + rules.size]
        overdue = any(now - member.waiting_since >= rules.max_wait for member in members)
        if len(members) == rules.size or overdue:
            yield members


def _by_certainty(candidates: Sequence[Candidate], job_size: int) -> list[Candidate]:
    ordered, rest = list[Candidate](), list[Candidate]()
    for certainty in Certainty:
        rest += [candidate for candidate in candidates if candidate.verdict.certainty is certainty]
        rest.sort(key=lambda candidate: (candidate.place, candidate.uri))
        if certainty is not Certainty.UNSURE:
            whole = len(rest) - len(rest) % job_size
            ordered, rest = ordered + rest[:whole], rest[whole:]
    return ordered + rest


def _batch(members: Sequence[Candidate], rules: BatchRules, left: _Left) -> PlannedBatch:
    image_ids = tuple(member.image_id for member in members)
    jobs, accept = list[PlannedJob](), left.accept
    for index, start in enumerate(range(0, len(members), rules.job_size)):
        job = _job(index, start, members, rules, accept)
        if accept is not None and job.route is Route.ACCEPT:
            accept -= job.stop - job.start
        jobs.append(job)
    return PlannedBatch(_digest(image_ids), image_ids, tuple(jobs), members[0].asked)


def _job(index: int, start: int, members: Sequence[Candidate], rules: BatchRules, accept: int | None) -> PlannedJob:
    frames = members[start : start + rules.job_size]
    kinds = list(Certainty)
    least = max((member.verdict for member in frames), key=lambda verdict: kinds.index(verdict.certainty))
    route, probability, reason = _routed(frames, least, rules, accept)
    urgency = max(member.urgency for member in frames)
    return PlannedJob(index, start, start + len(frames), route, probability, reason, urgency)


def _routed(
    frames: Sequence[Candidate], least: Verdict, rules: BatchRules, accept: int | None
) -> tuple[Route, float, str]:
    """The route of a job with this least certain verdict, the probability that people see it, and why."""
    if least.certainty is Certainty.UNSURE:
        return Route.REVIEW, 1.0, least.reason
    if accept is not None and len(frames) > accept:  # before any draw: people see it, however that would end
        return Route.REVIEW, 1.0, f"as many as the day allows are accepted: {least.reason}"
    share = rules.audit_share if least.certainty is Certainty.SURE else rules.between_share
    if is_drawn(_digest(tuple(member.image_id for member in frames)), rules.seed, share):
        return Route.AUDIT, share, f"drawn from the {least.certainty} ones: {least.reason}"
    return Route.ACCEPT, 0.0, least.reason


def _digest(image_ids: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(image_ids).encode()).hexdigest()[:12]
