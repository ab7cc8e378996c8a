"""Draw: the planned shapes of one job into CVAT, in parts. Intent before each part, outcome after.

What the ledger says was applied is never written again, and what a loss left open is completed only where nobody can
have been since.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from include.clients.cvat import CvatClient, CvatJob, CvatShape, NewShape
from include.clients.cvat.writing import PeopleWereThere, compare, look, parts_of
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.projects.model import Project
from include.steps.batches import BatchError, log, seconds_left, words
from include.steps.planned import JobPlan

_SAVED = timedelta(seconds=1)  # a job changed that long after it was made has been saved by somebody


def draw(project: Project, batch: Batch, job: Job, plan: JobPlan, cvat: CvatClient, ledger: Ledger) -> None:
    """Bring a job's shapes into CVAT, each once, and record that they are there.

    A job in which people may have been while a write's outcome is unknown is left to a person, with the reason. Raises
    UnknownOutcomeError where an answer is lost: the next run looks at what is there, and goes on.
    """
    try:
        ids = _brought(project, batch, job, plan, cvat, ledger)
    except PeopleWereThere as reason:
        log.error("%s: %s", words(batch, job), reason)
        ledger.batches.need_attention(batch.id, job.index, str(reason))
        ledger.audit.add(batch.project, "need attention", f"{batch.id}/{job.index}", f"job {job.cvat_id}: {reason}")
        return
    tell_refusals(batch, job, plan, ledger)
    ledger.batches.apply(batch.id, job.index, datetime.now(UTC))
    log.info("%s: %d shapes applied", words(batch, job), len(ids))


def tell_refusals(batch: Batch, job: Job, plan: JobPlan, ledger: Ledger) -> None:
    """Say in the log and the audit what of a plan is not drawn, and why."""
    if plan.refusals:
        said = f"{len(plan.refusals)} predictions are not drawn: {'; '.join(plan.refusals[:5])}"
        log.warning("%s: %s", words(batch, job), said)
        ledger.audit.add(batch.project, "refuse", f"{batch.id}/{job.index}", f"job {job.cvat_id}: {said}")


def _brought(
    project: Project, batch: Batch, job: Job, plan: JobPlan, cvat: CvatClient, ledger: Ledger
) -> Mapping[int, int]:
    """The ids of all planned shapes by their places; those that were not there are made."""
    unknown = job.applied is Applied.INTENDED and bool(plan.shapes)
    if unknown:
        time.sleep(seconds_left(job.applied_at, project))  # the server may still be writing
    ids = _there(batch, job, plan, cvat, ledger) if unknown else {}
    missing = [part for part in parts_of(plan.shapes) if part.start not in ids]
    for part in missing:
        ledger.batches.intend(batch.id, job.index, datetime.now(UTC))
        created = create_shapes(words(batch, job), cvat_job(job), plan.shapes[part.start : part.stop], cvat)
        made = {place: shape.id for place, shape in zip(part, created, strict=True)}
        _record(batch, job, plan, made, ledger)
        ids |= made
    if unknown and missing:  # what was taken for lost may have come after all
        ids = _there(batch, job, plan, cvat, ledger)
    return ids


def _there(batch: Batch, job: Job, plan: JobPlan, cvat: CvatClient, ledger: Ledger) -> dict[int, int]:
    """The ids of the planned shapes that are in the job, by their places: recorded first, then their twins removed.

    Raises PeopleWereThere where somebody may have been in the job.
    """
    recorded = ledger.batches.applied_shapes(batch.id)
    known = {place: recorded[p.id] for place, p in enumerate(plan.predictions) if p.id in recorded}
    now, drawn = cvat.job(cvat_job(job)), cvat.annotations.read(cvat_job(job))
    if (now.stage, now.state) != ("annotation", "new"):
        raise PeopleWereThere(f"were the predictions applied? The job is {now.stage} {now.state} by now")
    found = compare(plan.shapes, parts_of(plan.shapes), known, drawn)
    if not found.ids and _was_saved(now):
        raise PeopleWereThere("were the predictions applied? The job is empty, but was changed since it was made")
    new = {place: id_ for place, id_ in found.ids.items() if place not in known}
    _record(batch, job, plan, new, ledger)
    if found.twins:
        cvat.annotations.delete(now.id, found.twins)
    log.info(
        "%s: %d of %d shapes are there, %d of them twice",
        words(batch, job),
        len(found.ids),
        len(plan.shapes),
        len(found.twins),
    )
    return found.ids


def _record(batch: Batch, job: Job, plan: JobPlan, ids: Mapping[int, int], ledger: Ledger) -> None:
    ledger.batches.record(batch.id, job.index, {plan.predictions[place].id: id_ for place, id_ in ids.items()})


def _was_saved(job: CvatJob) -> bool:
    return datetime.fromisoformat(job.updated_date) - datetime.fromisoformat(job.created_date) > _SAVED


def create_shapes(where: str, cvat_id: int, shapes: Sequence[NewShape], cvat: CvatClient) -> Sequence[CvatShape]:
    """Shapes made in CVAT, which answers with those of one job in the order sent. Raises UnknownOutcomeError."""
    created = cvat.annotations.create(cvat_id, shapes)
    if [look(shape) for shape in shapes] != [look(shape) for shape in created]:
        raise BatchError(f"{where}: CVAT did not create what it was sent: {len(created)} of {len(shapes)} shapes")
    return created


def cvat_job(job: Job) -> int:
    """CVAT's id of a job that has come far enough to have one."""
    if job.cvat_id is None:
        raise RuntimeError(f"job {job.index} of {job.batch_id} has no id: the ledger was changed by hand")
    return job.cvat_id
