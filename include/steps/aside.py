"""Batches that were set aside: what waits for a decision, and the way back."""

from include.clients.ledger import Ledger
from include.lifecycle.batches import Stage
from include.projects.model import Project
from include.steps.batches import log


class SetAsideError(Exception):
    """Batches are set aside, and nobody has decided about them yet."""


def require_none_aside(project: Project, ledger: Ledger) -> None:
    """Raise SetAsideError, with each reason, while batches are set aside. All others have gone on."""
    if aside := ledger.batches.at(project.name, Stage.FAILED):
        reasons = "; ".join(f"{batch.id}: {batch.reason}" for batch in aside)
        raise SetAsideError(
            f"{len(aside)} batches of {project.name} are set aside, the others went on. Mend the reason, then run "
            f"ingest with 'Try again what was set aside': {reasons}"
        )


def left_open(project: Project, ledger: Ledger) -> dict[str, str]:
    """What a run could not do and somebody should know of, with the reason: batches whose data is to be attached anew
    by the next run, and jobs in which a write's outcome is unknown and people have been since."""
    batches = ledger.batches.at(project.name, Stage.PLANNED)
    again = {batch.id: f"to be attached anew: {batch.reason}" for batch in batches if batch.reason}
    asked = {
        f"{job.batch_id} job {job.cvat_id}": f"to be decided by a person: {job.note}"
        for job in ledger.batches.in_attention(project.name)
    }
    for subject, reason in (again | asked).items():
        log.warning("project %s batch %s: %s", project.name, subject, reason)
    return again | asked


def take_back(project: Project, ledger: Ledger) -> int:
    """Put the batches that were set aside back at their beginning, and say how many. Images that an annotator failed
    on leave quarantine: once it is mended, it is asked about them again.

    Every step finds what is there already, so nothing is made twice: a task with data keeps it, what was drawn stays.
    """
    ids = ledger.batches.take_back(project.name)
    for batch_id in ids:
        log.info("project %s batch %s: taken back from where it was set aside", project.name, batch_id)
        ledger.audit.add(project.name, "take back", batch_id, "to be tried again")
    if images := ledger.images.ask_again(project.name):
        log.info("project %s: %d images are tried again that an annotator failed on", project.name, images)
        ledger.audit.add(project.name, "take back", "images", f"{images} that an annotator failed on")
    return len(ids)
