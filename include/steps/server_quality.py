"""CVAT's own quality reports, beside what we find in the same ground truth."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.clients.bulk import BulkStore
from include.clients.cvat import CvatClient, InvalidError
from include.clients.cvat.quality import QualityReport
from include.clients.cvat.records import NotSupported
from include.clients.ledger import Ledger
from include.clients.ledger.blind import BlindJob, BlindKind
from include.evaluation.matching import match_same_then_any_label, overlap_matrix, same_label
from include.evaluation.reviewed import FinalImage
from include.evaluation.snapshot import ServerQuality
from include.lifecycle.reviews import Annotation
from include.projects.model import Project
from include.steps.batches import log
from include.steps.doubled import blind_images
from include.steps.finals import final_images

_IOU = 0.4  # CVAT's, unless somebody changed it in the task's settings
_MOST = 20  # tasks, those whose ground truth was finished last
_ALIKE = 0.005  # shares that look alike when they are printed

Truth = Mapping[str, tuple[Annotation, ...]]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Objects of people's jobs, of the ground truth, and of both: in the same place with the same label."""

    drawn: int
    true: int
    both: int


def server_quality(project: Project, cvat: CvatClient, store: BulkStore, ledger: Ledger) -> tuple[ServerQuality, ...]:
    """The newest report of each task whose ground truth is finished, the one finished last first; none where the server
    does not make reports. One that is missing, or older than a finished job, is asked for: the next run has it.
    """
    jobs = [job for job in ledger.blind.of_project(project.name) if job.uri and job.key.kind is BlindKind.GROUND_TRUTH]
    jobs = sorted(jobs, key=lambda job: job.finished_at or job.asked_at, reverse=True)[:_MOST]
    tasks = {batch.id: batch.task_id for batch in ledger.batches.get(sorted({job.key.batch_id for job in jobs}))}
    finished = _finished([job.key.batch_id for job in jobs], project, ledger)
    reports = list(_reports(cvat, [(job, tasks[job.key.batch_id]) for job in jobs], finished))
    if not reports:
        return ()
    truth = {image.image_id: image.annotations for image in blind_images(project, store, ledger)}
    return tuple(_beside(project, batch_id, report, truth, store, ledger) for batch_id, report in reports)


def _finished(batch_ids: Collection[str], project: Project, ledger: Ledger) -> dict[str, datetime]:
    """When the last ordinary job of each batch was finished."""
    found: dict[str, datetime] = {}
    for record in ledger.reviews.current(project.name):
        if record.batch_id in batch_ids:
            found[record.batch_id] = max(record.finished_at, found.get(record.batch_id, record.finished_at))
    return found


def _reports(
    cvat: CvatClient, jobs: Sequence[tuple[BlindJob, int | None]], finished: Mapping[str, datetime]
) -> Iterator[tuple[str, QualityReport]]:
    for job, task_id in jobs:
        if task_id is None:
            continue
        report = cvat.quality.newest(task_id)
        if isinstance(report, NotSupported):
            log.info("CVAT gives no quality reports here: %s", report.reason)
            return
        moments = [moment for moment in (job.finished_at, finished.get(job.key.batch_id)) if moment]
        if report is None or report.created_date < max(moments):
            _ask(cvat, task_id)
        if report is not None:
            yield job.key.batch_id, report


def _ask(cvat: CvatClient, task_id: int) -> None:
    try:
        cvat.quality.ask(task_id)
    except InvalidError as error:
        log.info("task %d: CVAT makes no quality report yet: %s", task_id, error)


def _beside(
    project: Project, batch_id: str, report: QualityReport, truth: Truth, store: BulkStore, ledger: Ledger
) -> ServerQuality:
    records = [record for record in ledger.reviews.current(project.name) if record.batch_id == batch_id]
    ours = _counted([one for one in final_images(project, records, store, ledger) if one.image_id in truth], truth)
    newest = max((record.finished_at for record in records), default=None)
    is_old = newest is not None and report.created_date < newest
    return ServerQuality(
        task=report.task_id,
        report=report.id,
        made_at=report.created_date,
        accuracy=report.summary.accuracy,
        precision=report.summary.precision,
        recall=report.summary.recall,
        ours_precision=ours.both / ours.drawn if ours.drawn else None,
        ours_recall=ours.both / ours.true if ours.true else None,
        explanation=_explanation(report, ours, is_old=is_old),
    )


def _counted(images: Sequence[FinalImage], truth: Truth) -> _Counts:
    both = 0
    for image in images:
        a, b = [one.shape for one in image.annotations], [one.shape for one in truth[image.image_id]]
        same, overlaps = same_label(a, b), overlap_matrix(a, b, image.size)
        both += sum(bool(same[pair]) for pair in match_same_then_any_label(overlaps, same, _IOU))
    return _Counts(
        sum(len(image.annotations) for image in images), sum(len(truth[image.image_id]) for image in images), both
    )


def _explanation(report: QualityReport, ours: _Counts, *, is_old: bool) -> str:
    """Why the figures differ, as far as it can be told."""
    if is_old:
        return "CVAT's report is older than the newest finished job: ask CVAT for a new one"
    theirs = report.summary
    if (theirs.ds_count, theirs.gt_count) != (ours.drawn, ours.true):
        return (
            f"CVAT counted {theirs.ds_count} objects and {theirs.gt_count} true ones, we {ours.drawn} and {ours.true}: "
            "it also looks at jobs that nobody has finished, and not at those whose frames were taken out"
        )
    if abs(theirs.valid_count - ours.both) <= _ALIKE * max(ours.true, 1):
        return "the same"
    return "CVAT compares by its own settings of the task (IoU, attributes), we by place and label at IoU 0.4"
