"""Alarms: what is wrong with a project is opened once a cause, kept up to date, and resolved when it is over."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from include.clients.ledger import Ledger
from include.evaluation.gates import Standing, Verdict
from include.lifecycle.alarms import Alarm, Detail, Finding, Severity, words_of
from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState, Reason
from include.lifecycle.routing import Route
from include.projects.model import Project
from include.steps.batches import log
from include.steps.judge import Judgement

_UNREADABLE = (Reason.NOT_AN_IMAGE, Reason.UNDECODABLE, Reason.ANNOTATOR_FAILED)
_QUALITY = "quality/"  # begins the causes of alarms about figures
_PATIENCE = timedelta(days=1)  # until the next ingest has closed the batch
_UNDECIDED = (Standing.UNSURE, Standing.TOO_FEW)


def update_quality_alarms(
    project: Project, judgements: Sequence[Judgement], ledger: Ledger, now: datetime
) -> list[Alarm]:
    """Bring the project's alarms about figures up to date, and say which alarms are open.

    What fails opens an alarm, or brings its cause's open one up to date; what surely does not any more resolves it. A
    verdict that is unsure, or of too few objects, changes nothing.
    """
    undecided = {_cause(one, verdict) for one, verdict in _in_use(judgements) if verdict.standing in _UNDECIDED}
    mine = {cause for cause in _causes(project, ledger) if cause.startswith(_QUALITY)}
    return _update(project, list(_of_quality(judgements)), mine - undecided, ledger, now)


def update_work_alarms(project: Project, ledger: Ledger, now: datetime) -> list[Alarm]:
    """Bring the project's alarms about all but figures up to date, from the ledger alone, and say which alarms are
    open."""
    mine = {cause for cause in _causes(project, ledger) if not cause.startswith(_QUALITY)}
    return _update(project, list(_of_work(project, ledger, now)), mine, ledger, now)


def _causes(project: Project, ledger: Ledger) -> Iterator[str]:
    return (alarm.finding.cause for alarm in ledger.alarms.open(project.name))


def _update(
    project: Project, findings: Sequence[Finding], decided: Collection[str], ledger: Ledger, now: datetime
) -> list[Alarm]:
    """See what is found; of the decided causes those that are not among it are over."""
    for finding in findings:
        if ledger.alarms.see(project.name, finding, now):
            log.error("project %s: alarm: %s", project.name, finding.what)
    over = {*decided} - {finding.cause for finding in findings}
    for alarm in ledger.alarms.open(project.name):
        if alarm.finding.cause in over:
            ledger.alarms.resolve(alarm.id, now)
            log.info("project %s: over: %s", project.name, alarm.finding.what)
    return ledger.alarms.open(project.name)


def _of_quality(judgements: Sequence[Judgement]) -> Iterator[Finding]:
    for judgement, verdict in _in_use(judgements):
        if verdict.standing is Standing.FAILED:
            images = tuple(image.image_id for image in judgement.worst.get(verdict.label, ()))
            detail = Detail(judgement.annotator, verdict.label, images)
            what = f"{judgement.annotator}: {verdict.sentence}"
            yield Finding(_cause(judgement, verdict), what, Severity.CRITICAL, detail)


def _in_use(judgements: Sequence[Judgement]) -> Iterator[tuple[Judgement, Verdict]]:
    for judgement in judgements:
        if judgement.in_use:
            yield from ((judgement, verdict) for verdict in judgement.verdicts)


def _cause(judgement: Judgement, verdict: Verdict) -> str:
    """Without the version: a newer one that is as bad is no other cause."""
    return f"{_QUALITY}{judgement.annotator.partition('@')[0]}/{verdict.gate.figure}/{verdict.label}"


def _of_work(project: Project, ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """What the engineer on call has to know of."""
    yield from _quarantine(project, ledger)
    yield from _waiting(project, ledger, now)
    yield from _late(project, ledger, now)
    if aside := ledger.batches.at(project.name, Stage.FAILED):
        what = f"{_some(len(aside), 'batch', 'es')} set aside, as {aside[0].id}: {aside[0].reason}"
        yield Finding("batches set aside", what, Severity.WARNING)
    if jobs := ledger.batches.in_attention(project.name):
        what = f"{_some(len(jobs), 'job')} left for a person to decide, as job {jobs[0].cvat_id}: {jobs[0].note}"
        yield Finding("jobs left to people", what, Severity.WARNING)


def _quarantine(project: Project, ledger: Ledger) -> Iterator[Finding]:
    counts = ledger.images.counts(project.name)
    unreadable = sum(count for (_, reason), count in counts.items() if reason in _UNREADABLE)
    total, most = sum(counts.values()), project.images.max_failed_share
    if total and unreadable / total > most:
        what = f"{unreadable} of {total} images ({unreadable / total:.0%}) could not be read; {most:.0%} is allowed"
        yield Finding("quarantine", what, Severity.WARNING)


def _waiting(project: Project, ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """Not where the project has images wait by a day's or a run's cap."""
    if _used_up(project, ledger, now) or any(one.images_a_run for one in project.annotators):
        return
    waiting = ledger.funnel.images(project.name)[ImageState.WAITING]
    if waiting.since and now - waiting.since > project.batches.max_wait + _PATIENCE:
        what = f"{_some(waiting.images, 'image')} waiting, the oldest since {words_of(waiting.since)}"
        yield Finding("images wait", what, Severity.WARNING)


def _used_up(project: Project, ledger: Ledger, now: datetime) -> bool:
    """Whether today (in UTC) or yesterday people were given so many images that another batch may not have fit."""
    most = project.routing.review_a_day
    if most is None:
        return False
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = [ledger.batches.planned_since(project.name, day) for day in (today, today - timedelta(days=1))]
    given, with_yesterday = (sum(images for route, images in by.items() if route is not Route.ACCEPT) for by in since)
    return max(given, with_yesterday - given) + project.batches.size > most


def _late(project: Project, ledger: Ledger, now: datetime) -> Iterator[Finding]:
    if late := ledger.batches.late(project.name, now):
        batch_id, moment = min(late.items(), key=lambda one: one[1])
        what = f"{_some(len(late), 'batch', 'es')} late: people were asked to finish {batch_id} by {words_of(moment)}"
        yield Finding("reviews late", what, Severity.WARNING)


def _some(count: int, noun: str, plural: str = "s") -> str:
    """`1 batch is`, `2 batches are`."""
    return f"{count} {noun}{plural if count > 1 else ''} {'are' if count > 1 else 'is'}"
