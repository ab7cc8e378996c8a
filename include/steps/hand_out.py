"""Hand out: the next job for a person to work on, given to nobody else."""

from datetime import timedelta

from include.clients.cvat import CvatClient, CvatJob, NotFoundError
from include.clients.cvat.jobs import JobChange, change_job
from include.clients.ledger import Ledger
from include.clients.ledger.people import PeoplesJob
from include.projects.model import Project
from include.steps.batches import log

_AT_ONCE = 100  # jobs that CVAT is asked about in one call
_CLAIM = timedelta(minutes=30)  # longer than any call takes between looking and giving


def next_job(project: Project, reviewer: str, cvat: CvatClient, ledger: Ledger) -> PeoplesJob | None:
    """The most urgent job that this person may work on, of equals the oldest batch's; None where there is none.

    It is theirs from now on: assigned to them in CVAT, or, where CVAT does not know them, kept for them for half an
    hour. Asked again before they have finished it, they are given the same one, or a more urgent one.
    """
    user = _user_id(reviewer, cvat)
    waiting = ledger.people.waiting(project.name)
    for start in range(0, len(waiting), _AT_ONCE):
        few = waiting[start : start + _AT_ONCE]
        now = cvat.jobs_by_id([job.cvat_id for job in few])
        for job in few:
            if (found := now.get(job.cvat_id)) and _is_given(project, job, found, reviewer, ledger):
                if user is not None and change_job(found, JobChange(assignee=user), cvat):
                    log.info("project %s batch %s job %d: given to a person", project.name, job.batch_id, job.cvat_id)
                return job
    return None


def _user_id(reviewer: str, cvat: CvatClient) -> int | None:
    try:
        return cvat.user_id(reviewer)
    except NotFoundError:
        return None


def _is_given(project: Project, job: PeoplesJob, now: CvatJob, reviewer: str, ledger: Ledger) -> bool:
    """Whether the person may have a job that looks like this: of two that ask at once, one may.

    A job in progress of which CVAT does not say whose it is, is somebody else's.
    """
    if now.state == "completed":
        return False
    if now.assignee is not None:
        return now.assignee.username == reviewer
    if now.state == "in progress":
        return False
    return ledger.leases.claim(f"job/{project.name}/{job.cvat_id}", reviewer, _CLAIM)
