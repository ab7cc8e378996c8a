"""Blind jobs, in which people draw from scratch on images of a batch: asked for, and kept once they are finished.

A batch that is drawn for it gets one ground truth job over some of its images. Replicas, empty copies of its jobs, come
with the task itself.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from include.clients.bulk import BulkStore
from include.clients.cvat import (
    BrokenError,
    Content,
    CvatClient,
    CvatError,
    CvatJob,
    InvalidError,
    NotFoundError,
    ProjectLabels,
    UnknownOutcomeError,
    UnreachableError,
)
from include.clients.cvat.asking import Asking
from include.clients.cvat.jobs import JobChange, change_job
from include.clients.cvat.records import NotSupported
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.clients.ledger.blind import BlindJob, BlindKey, BlindKind, Kept, WantedBlind
from include.clients.tables import revision_table
from include.lifecycle.batches import Stage
from include.lifecycle.blind import copies_of, ground_truth_sample
from include.lifecycle.reviews import Acceptance, Revision, revision_id
from include.projects.model import Project
from include.steps.batches import log, task_of, words
from include.steps.collect import OVERLAP, JobError, annotations_of, assigned_at, is_done
from include.steps.route import people_of

_FROM = (Stage.CHECKED, Stage.ANNOTATED, Stage.ROUTED)  # whose frames are known to be the batch's images


class LackedError(Exception):
    """CVAT does not have the blind job that was drawn; the message says what it has instead."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A blind job that is not known to be in CVAT, and when CVAT was asked for it, if it was."""

    batch: Batch
    wanted: WantedBlind
    asked_at: datetime | None

    def __str__(self) -> str:
        return f"{words(self.batch)} blind job {self.wanted.key}"


def intend_replicas(project: Project, batch: Batch, ledger: Ledger) -> int:
    """How many replicas each job of a batch is to have; recorded before the task is made that will have them."""
    rules = project.evaluation.replicas
    copies = copies_of(batch.id, rules)
    if rules and copies:
        jobs = ledger.batches.jobs(batch.id)
        keys = ((BlindKey(batch.id, BlindKind.REPLICA, job.index, n), job) for job in jobs for n in range(copies))
        wanted = (WantedBlind(key, tuple(range(job.start, job.stop)), rules.batches) for key, job in keys)
        ledger.blind.intend(wanted, datetime.now(UTC))
    return copies


def ask_blind_jobs(project: Project, cvat: CvatClient, ledger: Ledger) -> int:
    """Give every drawn batch whose task is checked its ground truth, and learn the ids of its replicas; say how many
    blind jobs became known.

    What is there is found before anything is made. What CVAT does not have is noted with the reason and looked for
    again by the next run; the others go on. A server without ground truth is asked once a run. The first call without
    a usable answer is raised in the end. Raises UnknownAssignee before anything is asked.
    """
    all_due = [*_replicas_due(project, ledger), *_ground_truths_due(project, ledger)]
    people = people_of(project, cvat) if all_due else []
    replicas = cache(cvat.blind.replicas)
    count, lost, missing = 0, list[CvatError](), None
    for due in all_due:
        try:
            if due.wanted.key.kind is BlindKind.REPLICA:
                found: CvatJob | NotSupported = _replica(due, replicas, ledger)
            else:
                found = missing or _ground_truth(project, due, cvat, ledger)
            if isinstance(found, NotSupported):
                missing = found
                raise LackedError(f"the server has no ground truth for this account: {found.reason}")
            _give(due, found, people, cvat)
            ledger.blind.bind(due.wanted, found.id, datetime.now(UTC))
            ledger.audit.add(project.name, "blind job", str(due.wanted.key), f"job {found.id}")
            log.info("%s: job %d", due, found.id)
            count += 1
        except (LackedError, InvalidError, NotFoundError) as error:
            log.error("%s: it is not there: %s", due, error)
            ledger.blind.lack(due.wanted, str(error), datetime.now(UTC))
        except (UnreachableError, UnknownOutcomeError) as error:
            log.warning("%s: %s", due, error)
            lost.append(error)
    if lost:
        raise lost[0]
    return count


def _replicas_due(project: Project, ledger: Ledger) -> Iterator[_Due]:
    batches = {batch.id: batch for batch in ledger.batches.at(project.name, *_FROM)}
    for job in ledger.blind.of_project(project.name):
        if job.key.kind is BlindKind.REPLICA and job.cvat_id is None and job.key.batch_id in batches:
            yield _Due(batches[job.key.batch_id], WantedBlind(job.key, job.frames, job.probability), job.asked_at)


def _ground_truths_due(project: Project, ledger: Ledger) -> Iterator[_Due]:
    """What was recorded as asked for stays as it was drawn then."""
    rules = project.evaluation.ground_truth
    if rules is None:
        return
    known = {job.key: job for job in ledger.blind.of_project(project.name)}
    for batch in ledger.batches.at(project.name, *_FROM):
        key = BlindKey(batch.id, BlindKind.GROUND_TRUTH)
        if job := known.get(key):
            if job.cvat_id is None:
                yield _Due(batch, WantedBlind(key, job.frames, job.probability), job.asked_at)
            continue
        image_ids = [image.id for image in ledger.images.of_batch(batch.id)]
        if sample := ground_truth_sample(batch.id, image_ids, rules):
            yield _Due(batch, WantedBlind(key, sample.frames, sample.probability), None)


def _ground_truth(project: Project, due: _Due, cvat: CvatClient, ledger: Ledger) -> CvatJob | NotSupported:
    """Found or made. Raises LackedError where the task has one over other frames: nobody knows how these were drawn."""

    def intend(moment: datetime) -> None:
        ledger.blind.intend([due.wanted], moment)

    asking = Asking(due.asked_at, intend, project.cvat.server_timeout, str(due))
    found = cvat.blind.find_or_create(task_of(due.batch), due.wanted.frames, asking)
    if isinstance(found, CvatJob) and (frames := cvat.blind.frames(found.id)) != due.wanted.frames:
        raise LackedError(
            f"job {found.id} is the task's ground truth over frames {list(frames)}, and not over "
            f"{list(due.wanted.frames)}, which were drawn: somebody has made it. Delete it in CVAT to have ours"
        )
    return found


def _replica(due: _Due, replicas: Callable[[int], list[CvatJob]], ledger: Ledger) -> CvatJob:
    """The n-th copy of a job, by CVAT's ids."""
    key, task_id = due.wanted.key, task_of(due.batch)
    parent = next(job.cvat_id for job in ledger.batches.jobs(due.batch.id) if job.index == key.job_index)
    copies = [job for job in replicas(task_id) if job.parent_job_id == parent]
    if key.copy >= len(copies):
        raise LackedError(f"task {task_id} has {len(copies)} replicas of job {parent}: it was made with no more")
    return copies[key.copy]


def _give(due: _Due, found: CvatJob, people: Sequence[int], cvat: CvatClient) -> None:
    """To people in turn; a replica to somebody else than its job, as long as there are others."""
    if not people or found.assignee or (found.stage, found.state) != ("annotation", "new"):
        return
    turn = found.id if found.parent_job_id is None else found.parent_job_id + 1 + due.wanted.key.copy
    change_job(found, JobChange(assignee=people[turn % len(people)]), cvat)


def collect_blind_jobs(project: Project, cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Keep what was drawn in every blind job that was finished, or changed after it, since the last look; say of how
    many.

    Finished is what the project says (`done`), or later. One that cannot be kept is noted with its reason, and tried
    again by every run: the others go on. A project without blind jobs costs no call.
    """
    jobs = {job.cvat_id: job for job in ledger.blind.of_project(project.name) if job.cvat_id is not None}
    project_id = cvat.find_project(project.name) if jobs else None
    if project_id is None:
        return 0
    updated = cvat.blind.updated_since(project_id, project.done.state, _since(list(jobs.values())))
    labels = cvat.labels(project_id)  # after the jobs: a label that is made now changes the jobs that use it
    due = [found for found in updated if found.id in jobs and _is_due(project, found, jobs[found.id])]
    count = 0
    for found, content in zip(due, cvat.annotations.each([found.id for found in due]), strict=True):
        job = jobs[found.id]
        where = f"project {project.name} batch {job.key.batch_id} task {found.task_id} job {found.id}"
        try:
            kept = _kept(project, job, found, content, labels, store, ledger)
            ledger.blind.keep(job.key, kept)
            log.info("%s: blind job %s, kept at %s", where, job.key, kept.uri)
            count += 1
        except (JobError, InvalidError, NotFoundError, BrokenError) as error:
            log.error("%s: blind job %s cannot be collected: %s", where, job.key, error)
            ledger.blind.refuse(job.key, str(error))
            if job.note != str(error):
                ledger.audit.add(project.name, "set aside", str(job.key), f"job {found.id}: {error}")
    return count


def _since(jobs: Sequence[BlindJob]) -> datetime | None:
    """From when on changes may not have been seen; None (from the beginning) while a job is set aside, or not kept
    yet: it may have been finished before its id was known."""
    seen = [datetime.fromisoformat(job.seen_update) for job in jobs if job.seen_update and not job.note]
    return max(seen) - OVERLAP if len(seen) == len(jobs) else None


def _is_due(project: Project, found: CvatJob, job: BlindJob) -> bool:
    return (job.note is not None or found.updated_date != job.seen_update) and is_done(project, found)


def _kept(
    project: Project,
    job: BlindJob,
    found: CvatJob,
    content: Content | CvatError,
    labels: ProjectLabels,
    store: BulkStore,
    ledger: Ledger,
) -> Kept:
    if isinstance(content, CvatError):
        raise content
    batch = [image.id for image in ledger.images.of_batch(job.key.batch_id)]
    images = {frame: batch[frame] for frame in job.frames if frame not in content.deleted_frames}
    if strays := sorted({shape.frame for shape in content.annotations.objects} - set(job.frames)):
        raise JobError(f"something is drawn on frame {strays[0]}, which is none of the job's: delete it")
    annotations = annotations_of(range(len(batch)), images, content.annotations, labels)
    finished_at = datetime.fromisoformat(found.updated_date).astimezone(UTC)
    revision = Revision(
        id=revision_id(images.values(), annotations),
        batch_id=job.key.batch_id,
        job_index=job.key.job_index,
        image_ids=tuple(images.values()),
        annotations=annotations,
        accepted=Acceptance.PERSON,
        probability=job.probability,
        finished_by=found.assignee.username if found.assignee else "",
        finished_at=finished_at.isoformat(),
    )
    uri = store.write(f"blind/{project.name}", revision_table(revision))
    return Kept(uri, found.updated_date, revision.finished_by, finished_at, assigned_at(found))
