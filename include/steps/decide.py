"""Decide: what somebody says of a job is recorded once, and CVAT is told."""

from dataclasses import dataclass

from include.clients.cvat import CvatClient, NotFoundError
from include.clients.cvat.jobs import JobChange, change_job
from include.clients.ledger import Ledger
from include.clients.ledger.people import PeoplesJob
from include.lifecycle.decisions import Choice, Decision
from include.projects.model import Project
from include.steps.batches import log

_MOVES = {
    Choice.APPROVED: JobChange(stage="acceptance", state="completed"),
    Choice.REJECTED: JobChange(stage="annotation", state="rejected"),
}


class NoSuchJob(LookupError):
    """There is no such job that people could decide about."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about a job, and whether it is new: not just said once more."""

    job: PeoplesJob
    is_new: bool


def decide(project: Project, cvat_id: int, decision: Decision, cvat: CvatClient, ledger: Ledger) -> Decided:
    """Record a decision in the audit, then move the job in CVAT. Said again, it leaves one record, and CVAT is told
    what it was not told before a kill.

    Raises NoSuchJob for a job that is not the project's, has not come to people yet, or is gone from CVAT.
    """
    job = ledger.people.find(project.name, cvat_id)
    if job is None:
        raise NoSuchJob(f"project {project.name} has no job {cvat_id} that has come to people: give CVAT's id of one")
    try:
        now = cvat.job(cvat_id)
    except NotFoundError as error:
        raise NoSuchJob(f"job {cvat_id} of project {project.name} is gone from CVAT at {cvat.url}") from error
    is_new = ledger.people.decide(project.name, job, f"job {cvat_id}: {decision.sentence}")
    log.info(
        "project %s batch %s task %d job %d: %s", project.name, job.batch_id, job.task_id, cvat_id, decision.choice
    )
    if move := _MOVES.get(decision.choice):
        change_job(now, move, cvat)
    return Decided(job, is_new)
