"""Refresh: a newer version of an annotator takes its older one's place in the jobs that wait for people.

Only jobs that nobody has begun are looked at. In them what nobody touched is replaced and what was never there is
added; what anyone changed, drew or deleted stays so (`include/clients/cvat/difference.py`). A refreshed job counts for
the version that it shows, and no longer for the older one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from include.annotators.registry import Annotator
from include.clients.bulk import BulkStore
from include.clients.cvat import Canvas, CvatClient, NewShape
from include.clients.cvat.difference import difference
from include.clients.cvat.records import Meta
from include.clients.cvat.writing import PeopleWereThere
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch, Job
from include.clients.ledger.refreshes import Refresh, WaitingJob
from include.lifecycle.assignment import Asked, Version
from include.lifecycle.batches import Stage
from include.lifecycle.images import Image
from include.lifecycle.predictions import Prediction
from include.projects.model import Project
from include.steps.batches import BatchError, each_batch, log, task_of, words
from include.steps.draw import cvat_job, tell_refusals
from include.steps.pin import Pins
from include.steps.plan import asked_about
from include.steps.planned import JobPlan, answers_of, check_refusals, labels_in, new_shape, plan_job
from include.steps.predict import predict_images, read_predictions
from include.steps.renew import Addition, NotWaiting, Renewal, RenewalPlan, is_waiting


def refresh_shards(
    project: Project, versions: Sequence[Version], ledger: Ledger, size: int, *, wanted: bool
) -> list[list[str]]:
    """The batches with waiting jobs that show older versions, if that is wanted; and those that a killed run left
    halfway. Cut into shards of batch ids; the versions are those of the project's annotators, in the file's order."""
    found = {refresh.batch_id for refresh in ledger.refreshes.under_way(project.name)}
    if wanted:
        found |= {job.batch_id for job in ledger.refreshes.waiting(project.name) if _is_old(project, versions, job)}
    ids = [batch.id for batch in ledger.batches.at(project.name, Stage.ROUTED) if batch.id in found]
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _is_old(project: Project, versions: Sequence[Version], job: WaitingJob) -> bool:
    return newest(project, versions, job.batch_id, job.asked) != job.asked


def newest(project: Project, versions: Sequence[Version], batch_id: str, asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """The annotators that a batch's jobs are to show, where they were planned with others.

    One whose version the project has no more gives way to the version of its name; where several share the images, to
    that which the batch falls to. Functions in CVAT, and annotators with a limit of images a run, are not asked again.
    """
    current = {version.id for version in versions}
    limited = {
        version.id
        for version, section in zip(versions, project.annotators, strict=True)
        if version.deferred or section.images_a_run is not None
    }
    today = (one.id for one in asked_about(project, versions, batch_id) if one.id not in limited)
    by_name = {id_.partition("@")[0]: id_ for id_ in today}
    return tuple(
        one if one.id in current else replace(one, id=by_name.get(one.id.partition("@")[0], one.id)) for one in asked
    )


class Refresher:
    """Brings a project's waiting jobs up to date."""

    def __init__(
        self,
        project: Project,
        annotators: Sequence[Annotator],
        cvat: CvatClient,
        bucket: ImageBucket,
        store: BulkStore,
        ledger: Ledger,
    ) -> None:
        self._project, self._annotators = project, annotators
        self._cvat, self._bucket, self._store, self._ledger = cvat, bucket, store, ledger
        self._labels, self._pins = labels_in(cvat, project), Pins(project, cvat, store, ledger)
        self._waiting: list[WaitingJob] = []
        self._done = 0

    def refresh(self, batch_ids: Sequence[str], *, wanted: bool) -> int:
        """Complete what a killed run left, then, if wanted, bring the waiting jobs of these batches up to date; say how
        many jobs that was.

        A batch for which it cannot be done stays with people as it is, with the reason in the log and the audit. Raises
        AnnotatorUnavailable, and UnknownOutcomeError where an answer of CVAT's is lost: the next run goes on.
        """

        each_batch(batch_ids, Stage.ROUTED, self._ledger, self._complete, _not_refreshed)
        if wanted:
            self._waiting = self._ledger.refreshes.waiting(self._project.name)
            each_batch(batch_ids, Stage.ROUTED, self._ledger, self._begin, _not_refreshed)
        return self._done

    def _complete(self, batch: Batch) -> None:
        jobs = {job.index: job for job in self._ledger.batches.jobs(batch.id)}
        for refresh in self._ledger.refreshes.under_way(self._project.name):
            if refresh.batch_id == batch.id:
                self._carry_out(batch, jobs[refresh.job_index], refresh)

    def _begin(self, batch: Batch) -> None:
        jobs = {job.index: job for job in self._ledger.batches.jobs(batch.id)}
        due = self._due(batch, jobs)
        if not due:
            return
        images = self._ledger.images.of_batch(batch.id)
        self._predict(due, jobs, images)
        meta = self._cvat.meta(task_of(batch))
        plans: dict[int, JobPlan] = {}
        for index, asked in self._answered(batch, due, jobs, images).items():
            job = jobs[index]
            answers = answers_of(self._project, asked, images[job.start : job.stop], self._store, self._ledger)
            plans[index] = plan_job(Canvas(cvat_job(job), job.start, job.stop, meta, self._labels), images, answers)
        check_refusals(self._project, next(iter(due.values())), list(plans.values()))
        for index, plan in plans.items():
            self._renew(batch, jobs[index], due[index], plan, images, meta)

    def _due(self, batch: Batch, jobs: Mapping[int, Job]) -> dict[int, tuple[Asked, ...]]:
        """The annotators that each waiting job is to show and does not yet, by its index."""
        versions = [annotator.loaded for annotator in self._annotators]
        now = {job.id: job for job in self._cvat.jobs(task_id=task_of(batch))}
        found: dict[int, tuple[Asked, ...]] = {}
        for job in self._waiting:
            if job.batch_id == batch.id and _is_old(self._project, versions, job):
                there = now.get(cvat_job(jobs[job.index]))
                if there and is_waiting(there):
                    found[job.index] = newest(self._project, versions, batch.id, job.asked)
        return found

    def _predict(self, due: Mapping[int, tuple[Asked, ...]], jobs: Mapping[int, Job], images: Sequence[Image]) -> None:
        """Ask about the images of the due jobs, where an answer is not kept yet."""
        for annotator in self._annotators:
            wanted = [
                image
                for index, asked in due.items()
                if annotator.id in {one.id for one in asked}
                for image in images[jobs[index].start : jobs[index].stop]
            ]
            known = self._ledger.predictions.uris(self._project.name, annotator.id, [image.id for image in wanted])
            if lacking := [image for image in wanted if image.id not in known]:
                predict_images(self._project, annotator, lacking, self._bucket, self._store, self._ledger)

    def _answered(
        self,
        batch: Batch,
        due: Mapping[int, tuple[Asked, ...]],
        jobs: Mapping[int, Job],
        images: Sequence[Image],
    ) -> dict[int, tuple[Asked, ...]]:
        """The due jobs of whose images each has an answer: the others stay as they are."""
        found: dict[int, tuple[Asked, ...]] = {}
        for index, asked in due.items():
            ids = [image.id for image in images[jobs[index].start : jobs[index].stop]]
            known = [self._ledger.predictions.uris(self._project.name, one.id, ids) for one in asked]
            if all(len(uris) == len(ids) for uris in known):
                found[index] = asked
            else:
                said = "%s: not brought up to date: an image of it has no predictions of the newer version"
                log.warning(said, words(batch, jobs[index]))
        return found

    def _renew(
        self, batch: Batch, job: Job, asked: tuple[Asked, ...], plan: JobPlan, images: Sequence[Image], meta: Meta
    ) -> None:
        now = self._cvat.job(cvat_job(job))
        drawn = self._cvat.annotations.read(now.id)
        if not is_waiting(now):
            return  # somebody has just begun
        recorded = self._ledger.refreshes.applied(batch.id, job.index)
        was = self._as_written(job, recorded, images)
        written = {id_: was[one] for one, id_ in recorded.items() if was[one].frame not in meta.deleted_frames}
        found = difference(plan.shapes, written, drawn.objects)
        names = [prediction.id for prediction in plan.predictions]
        renewal = RenewalPlan(
            asked=asked,
            add=[Addition(names[place], plan.shapes[place]) for place in found.add],
            remove=found.remove,
            keep={names[place]: id_ for place, id_ in found.keep.items()},
        )
        held = len(names) - len(found.add) - len(found.keep)
        message = "%s: %d shapes to add, %d to take out, %d stay, %d are held back: people decided about them"
        log.info(message, words(batch, job), len(found.add), len(found.remove), len(found.keep), held)
        tell_refusals(batch, job, plan, self._ledger)
        uri = self._store.write_text(f"refreshes/{self._project.name}", msgspec.json.encode(renewal).decode())
        self._ledger.refreshes.begin(batch.id, job.index, uri, now.updated_date)
        self._carry_out(batch, job, Refresh(batch.id, job.index, uri, now.updated_date, None))

    def _as_written(self, job: Job, recorded: Mapping[str, int], images: Sequence[Image]) -> dict[str, NewShape]:
        """The shapes that were ever written into a job, as they were written, by their predictions."""
        frames = {images[frame].id: frame for frame in range(job.start, job.stop)}
        kept: dict[str, Prediction] = {}
        for annotator in self._ledger.predictions.annotators(self._project.name, list(frames)):
            answers = read_predictions(self._project, annotator, list(frames), self._store, self._ledger)
            kept |= {one.id: one for answer in answers.values() for one in answer.objects}
        if lacking := recorded.keys() - kept.keys():
            raise BatchError(f"the ledger has no prediction {min(lacking)}, which was applied: it was changed by hand")
        return {one: new_shape(frames[kept[one].image_id], kept[one], self._labels) for one in recorded}

    def _carry_out(self, batch: Batch, job: Job, refresh: Refresh) -> None:
        """Carry out a plan that is recorded; a job that somebody was in meanwhile is left as it is, or to a person."""
        plan = msgspec.json.decode(self._store.read_text(refresh.plan), type=RenewalPlan)
        shown, subject = ", ".join(one.id for one in plan.asked), f"{batch.id}/{job.index}"
        try:
            renewal = Renewal(self._project, batch, job, refresh, plan, self._cvat, self._ledger)
            renewal.carry_out()
            self._pins.renew(batch, job, plan.asked, plan.keep.keys())
            renewal.finish()
        except NotWaiting as reason:
            log.info("%s: stays as it is: %s", words(batch, job), reason)
            self._ledger.refreshes.drop(batch.id, job.index)
        except PeopleWereThere as reason:
            log.error("%s: %s", words(batch, job), reason)
            self._ledger.refreshes.need_attention(batch.id, job.index, f"{shown}: {reason}")
            self._ledger.audit.add(batch.project, "need attention", subject, f"job {job.cvat_id}: {shown}: {reason}")
        else:
            self._done += 1
            log.info("%s: shows %s", words(batch, job), shown)
            self._ledger.audit.add(batch.project, "refresh", subject, f"job {job.cvat_id}: shows {shown}")


def _not_refreshed(batch: Batch, reason: str, ledger: Ledger) -> None:
    log.error("%s: not brought up to date: %s", words(batch), reason)
    ledger.audit.add(batch.project, "not refreshed", batch.id, reason)
