"""Quality: all that is known of a project's labels at a moment, kept for the page, the report and the metrics."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

import numpy as np

from include.clients.baselines import Baselines
from include.clients.bulk import BulkStore
from include.clients.cvat import CvatClient, CvatError
from include.clients.ledger import Ledger
from include.clients.ledger.reviews import EvaluationRecord, RevisionRecord
from include.clients.ledger.snapshots import SnapshotRecord
from include.evaluation.agreement import agreement
from include.evaluation.calibration import from_json as calibration_from
from include.evaluation.evaluation import from_json as evaluation_from
from include.evaluation.lint import lint
from include.evaluation.snapshot import (
    AnnotatorState,
    ImageLink,
    OpenAlarm,
    ServerQuality,
    Snapshot,
    UnreadableSnapshot,
    Work,
    from_json,
    to_json,
)
from include.lifecycle.alarms import Alarm
from include.lifecycle.labels import current_names
from include.lifecycle.reviews import Acceptance
from include.projects.model import Project
from include.steps.batches import log
from include.steps.compare import compare_versions
from include.steps.doubled import doubled_images
from include.steps.finals import final_images
from include.steps.funnel import funnel
from include.steps.judge import Judgement
from include.steps.reviewed import finished_by_annotator, newest
from include.steps.server_quality import server_quality
from include.steps.unbiased import unbiased

_VERSIONS = 12  # annotator versions that are shown, the newest first


def take_snapshot(
    project: Project,
    store: BulkStore,
    ledger: Ledger,
    now: datetime,
    *,
    judgements: Sequence[Judgement] = (),
    baselines: Baselines | None = None,
    cvat: CvatClient | None = None,
) -> str:
    """Keep what is known now as the project's newest snapshot, unless nothing has changed; where it is kept. Without
    baselines and CVAT it has nothing of them.

    What must be read from every finished job (slips, agreement, people, ground truths) is taken over from the snapshot
    before, where no job was finished or changed since; CVAT's reports, where CVAT does not answer.
    """
    records = newest(ledger.reviews.current(project.name), project.evaluation.newest_images)
    digest = _digest(project, records, ledger)
    known = ledger.snapshots.newest(project.name)
    last = _readable(known, store) if known else None
    before = last if known and known.digest == digest else None
    shown = Snapshot(
        project=project.name,
        made_at=now,
        min_support=project.evaluation.min_support,
        funnel=funnel(project, store, ledger),
        annotators=_annotators(project, store, ledger, judgements, baselines, before),
        people=before.people if before else _people(records),
        lint=before.lint if before else lint(final_images(project, records, store, ledger)),
        agreement=before.agreement
        if before
        else agreement(doubled_images(project, store, ledger), project.evaluation.iou),
        alarms=_alarms(project, ledger, judgements, last),
        comparisons=tuple(found.verdict for found in compare_versions(project, store, ledger, now)),
        server_quality=_server_quality(project, cvat, store, ledger, last) if cvat else (),
        links={},
        latest_release=_latest_release(project, ledger),
    )
    shown = replace(shown, links=_links(project, shown, ledger))
    if known and before and replace(before, made_at=now) == shown:
        return known.uri
    uri = store.write_text(f"snapshots/{project.name}", to_json(shown))
    ledger.snapshots.put(project.name, SnapshotRecord(uri, digest, now))
    return uri


def show_release(project: Project, store: BulkStore, ledger: Ledger, now: datetime) -> None:
    """Bring the newest snapshot's funnel up to date after a release; all else is as it was measured."""
    known = ledger.snapshots.newest(project.name)
    before = _readable(known, store) if known else None
    if known is None or before is None:
        return
    shown = replace(before, funnel=funnel(project, store, ledger), latest_release=_latest_release(project, ledger))
    if shown != before:
        uri = store.write_text(f"snapshots/{project.name}", to_json(replace(shown, made_at=now)))
        ledger.snapshots.put(project.name, replace(known, uri=uri, made_at=now))


def _latest_release(project: Project, ledger: Ledger) -> str | None:
    return next((one.tag for one in reversed(ledger.releases.all(project.name)) if one.released_at), None)


def newest_snapshot(project: Project, store: BulkStore, ledger: Ledger) -> Snapshot | None:
    """The project's newest snapshot; None before the first run of evaluate_<project>. Raises UnreadableSnapshot."""
    record = ledger.snapshots.newest(project.name)
    return from_json(store.read_text(record.uri)) if record else None


def _readable(record: SnapshotRecord, store: BulkStore) -> Snapshot | None:
    """A snapshot; None where another version of Labelcycle wrote it: what is made next takes nothing over from it."""
    try:
        return from_json(store.read_text(record.uri))
    except UnreadableSnapshot as error:
        log.warning("the snapshot %s is not as this version writes them: %s", record.uri, error)
        return None


def _server_quality(
    project: Project, cvat: CvatClient, store: BulkStore, ledger: Ledger, last: Snapshot | None
) -> tuple[ServerQuality, ...]:
    """CVAT's reports; those of the last snapshot where CVAT fails: all else is shown without it."""
    try:
        return server_quality(project, cvat, store, ledger)
    except CvatError as error:
        log.warning("project %s: CVAT's quality reports are as they were: %s", project.name, error)
        return last.server_quality if last else ()


def _digest(project: Project, records: Sequence[RevisionRecord], ledger: Ledger) -> str:
    """Names what lint, agreement, people's work and the figures on ground truth are made of."""
    keys = [f"{record.batch_id}/{record.job_index}/{record.id}/{record.finished_by}" for record in records]
    blind = [job.uri for job in ledger.blind.of_project(project.name) if job.uri]
    renamed = current_names(project)
    text = json.dumps([keys, blind, renamed, project.evaluation.iou, project.evaluation.min_score], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _annotators(
    project: Project,
    store: BulkStore,
    ledger: Ledger,
    judgements: Sequence[Judgement],
    baselines: Baselines | None,
    before: Snapshot | None,
) -> tuple[AnnotatorState, ...]:
    calibrations = ledger.calibrations.newest(project.name)
    evaluated = ledger.reviews.newest_evaluations(project.name)
    judged = {judgement.annotator: judgement for judgement in judgements}
    newest_first = sorted(evaluated.values(), key=lambda one: (one.created_at, one.annotator), reverse=True)[:_VERSIONS]
    blind = {one.evaluation.annotator: one.blind for one in before.annotators} if before else {}
    if any(record.annotator not in blind for record in newest_first):
        blind = {**unbiased(project, store, ledger)}
    names = {annotator.partition("@")[0] for annotator in evaluated}
    pinned = [baselines.current(name) for name in sorted(names)] if baselines else []
    baseline = {one.annotator for one in pinned if one}

    finished = {one.annotator: one for one in finished_by_annotator(project, ledger)}

    def state(record: EvaluationRecord) -> AnnotatorState:
        shown, said = finished.get(record.annotator), judged.get(record.annotator)
        known = calibrations.get(record.annotator)
        return AnnotatorState(
            evaluation=evaluation_from(store.read_text(record.uri)),
            made_at=record.created_at,
            mlflow_run_id=record.mlflow_run_id,
            is_baseline=record.annotator in baseline,
            work=_work(record.annotator, shown.reviewed) if shown and shown.shown else None,
            calibration=calibration_from(store.read_text(known.uri)) if known else None,
            blind=blind.get(record.annotator),
            verdicts=said.verdicts if said else (),
            unjudged=said.unjudged if said else None,
        )

    return tuple(state(record) for record in newest_first)


def _people(records: Sequence[RevisionRecord]) -> tuple[Work, ...]:
    """Those who finished jobs, by name; a job without a name is of nobody that can be told."""
    by_name = defaultdict[str, list[RevisionRecord]](list)
    for record in records:
        if record.accepted is not Acceptance.AUTOMATIC and record.finished_by:
            by_name[record.finished_by].append(record)
    return tuple(_work(name, by_name[name]) for name in sorted(by_name))


def _work(name: str, records: Sequence[RevisionRecord]) -> Work:
    minutes = [
        (record.finished_at - record.assigned_at).total_seconds() / 60
        for record in records
        if record.assigned_at and record.finished_at >= record.assigned_at
    ]
    median, p90 = np.percentile(minutes, [50, 90]).tolist() if minutes else (None, None)
    return Work(name, len(records), sum(record.images for record in records), len(minutes), median, p90)


def _alarms(
    project: Project, ledger: Ledger, judgements: Sequence[Judgement], last: Snapshot | None
) -> tuple[OpenAlarm, ...]:
    """The open alarms, with what to draw on their images; one that stays while its gate is unsure keeps what it had."""
    before = last.alarms if last else ()
    known = {(alarm.annotator, image.image_id): image for alarm in before for image in alarm.worst}
    for judgement in judgements:
        for image in chain.from_iterable(judgement.worst.values()):
            known[judgement.annotator, image.image_id] = image

    def shown(alarm: Alarm) -> OpenAlarm:
        one, detail = alarm.finding, alarm.finding.detail
        worst = tuple(known[detail.annotator, id_] for id_ in detail.images if (detail.annotator, id_) in known)
        opened_at, version = alarm.opened_at, detail.annotator
        return OpenAlarm(alarm.id, one.cause, one.what, one.severity, opened_at, version, detail.images, worst)

    return tuple(map(shown, ledger.alarms.open(project.name)))


def _links(project: Project, shown: Snapshot, ledger: Ledger) -> Mapping[str, ImageLink]:
    """Where the images are that the snapshot names."""
    named = {one.image_id for state in shown.annotators for one in state.evaluation.worst}
    named |= {finding.image_id for finding in shown.lint.findings}
    named |= {id_ for alarm in shown.alarms for id_ in alarm.images}
    places = ledger.places.of(project.name, sorted(named))
    return {
        id_: ImageLink(one.uri, one.task_id, one.job_id, one.frame, one.size) for id_, one in sorted(places.items())
    }
