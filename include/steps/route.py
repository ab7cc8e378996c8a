"""Route: sure jobs are accepted, save the audited ones; the others wait for people, uncertain objects pinned."""

from collections.abc import Mapping, Sequence

from include.clients.bulk import BulkStore
from include.clients.cvat import CvatClient, CvatJob, NotFoundError
from include.clients.cvat.jobs import JobChange, change_job
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from include.projects.model import Project
from include.steps.batches import BatchError, each_batch, log, task_of, words
from include.steps.draw import cvat_job
from include.steps.pin import Pins


class UnknownAssignee(ValueError):
    """The project's file gives jobs to somebody whom CVAT does not know."""


def route_jobs(project: Project, batch_ids: Sequence[str], cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Accept the sure jobs of every annotated batch and give the others to people; say of how many batches.

    People cannot tell an audited job from another. A job that somebody has touched already is left as it is, and so is
    one that waits for a decision. Raises UnknownAssignee before anything is routed.
    """
    people = people_of(project, cvat)
    pins = Pins(project, cvat, store, ledger)

    def work(batch: Batch) -> None:
        now = {job.id: job for job in cvat.jobs(task_id=task_of(batch))}
        ours = [job for job in ledger.batches.jobs(batch.id) if _is_ours(batch, job, now)]
        pins.pin(batch, [job for job in ours if job.route is not Route.ACCEPT])
        for job in ours:
            if done := _route(job, now[cvat_job(job)], people, cvat):
                log.info("%s: %s", words(batch, job), done)
                ledger.audit.add(project.name, "route", f"{batch.id}/{job.index}", f"job {job.cvat_id}: {done}")
        ledger.batches.advance(batch.id, Stage.ROUTED)

    return each_batch(batch_ids, Stage.ANNOTATED, ledger, work)


def _is_ours(batch: Batch, job: Job, now: Mapping[int, CvatJob]) -> bool:
    """Whether a job is as it was made, with its predictions: nobody has touched it, and nobody has to decide."""
    found = now.get(cvat_job(job))
    if found is None:
        raise BatchError(f"task {batch.task_id} has no job {job.cvat_id} any more")
    untouched = (found.stage, found.state) == ("annotation", "new") and found.assignee is None
    return job.applied is Applied.APPLIED and untouched


def people_of(project: Project, cvat: CvatClient) -> list[int]:
    """The ids of those that the project's jobs are given to in turn. Raises UnknownAssignee."""
    return [_user_id(name, cvat) for name in project.cvat.assignees]


def _user_id(name: str, cvat: CvatClient) -> int:
    try:
        return cvat.user_id(name)
    except NotFoundError as error:
        raise UnknownAssignee(f"{error}: correct cvat.assignees in the project's file") from error


def _route(job: Job, now: CvatJob, people: Sequence[int], cvat: CvatClient) -> str | None:
    """What was done with a job; None where there was nothing to do."""
    if job.route is Route.ACCEPT:
        change_job(now, JobChange(stage="acceptance", state="completed"), cvat)
        return "accepted unseen"
    if people:
        change_job(now, JobChange(assignee=people[now.id % len(people)]), cvat)
        return f"{job.route}, for people"
    return None
