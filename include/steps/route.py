"""Route: sure jobs are accepted, save the audited ones; the others wait for people."""

from collections.abc import Sequence

from include.clients.cvat import CvatClient
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from include.projects.model import Project
from include.steps.annotate import cvat_job
from include.steps.batches import each_batch, log, words


def route_jobs(project: Project, batch_ids: Sequence[str], cvat: CvatClient, ledger: Ledger) -> int:
    """Accept the sure jobs of every annotated batch and give the others to people; say of how many batches.

    People cannot tell an audited job from another. A job that somebody has touched already is left as it is.
    """
    people = [cvat.user_id(name) for name in project.cvat.assignees]

    def work(batch: Batch) -> None:
        for job in ledger.batches.jobs(batch.id):
            if job.applied is not Applied.APPLIED:
                continue
            _route(batch, job, people, cvat)
            ledger.audit.add(project.name, "route", f"{batch.id}/{job.index}", f"job {job.cvat_id}: {job.route}")
        ledger.batches.advance(batch.id, Stage.ROUTED)

    return each_batch(batch_ids, Stage.ANNOTATED, ledger, work)


def _route(batch: Batch, job: Job, people: Sequence[int], cvat: CvatClient) -> None:
    now = cvat.job(cvat_job(job))
    if (now.stage, now.state) != ("annotation", "new") or now.assignee:
        log.info("%s job %d: left as it is: %s %s", words(batch), now.id, now.stage, now.state)
    elif job.route is Route.ACCEPT:
        cvat.update_job(now.id, stage="acceptance", state="completed")
        log.info("%s job %d: accepted unseen", words(batch), now.id)
    elif people:
        cvat.update_job(now.id, assignee=people[now.id % len(people)])
        log.info("%s job %d: %s, for people", words(batch), now.id, job.route)
