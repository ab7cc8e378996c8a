"""Labels: what the project's file changed is added and renamed in CVAT. Nothing is ever deleted there."""

from include.clients.cvat import CvatClient
from include.clients.cvat.labels import planned
from include.clients.ledger import Ledger
from include.lifecycle.labels import Change, Different, Unwanted, plan_changes
from include.projects.model import Project
from include.steps.batches import log


def plan_labels(project: Project, cvat: CvatClient) -> tuple[Change, ...]:
    """What the next run would do, and what it would leave alone; each change's text is a sentence for people.

    Only reads. A project that CVAT does not have yet lacks all labels. Raises TypeChangedError where CVAT has another
    type of a label or attribute.
    """
    project_id = cvat.find_project(project.name)
    return plan_changes((), project.labels) if project_id is None else planned(project_id, project.labels, cvat)


def labels_are_due(project: Project, project_id: int, cvat: CvatClient) -> bool:
    """Whether anything is to be changed. What would be left alone is logged."""
    due = False
    for change in planned(project_id, project.labels, cvat):
        if isinstance(change, Unwanted | Different):
            log.warning("project %s: %s", project.name, change)
        else:
            due = True
    return due


def note_change(project: Project, change: Change, ledger: Ledger) -> None:
    """A row in the audit, and a line in the log, for a change that was carried out."""
    ledger.audit.add(project.name, "change labels", f"project {project.name}", str(change))
    log.info("project %s: %s", project.name, change)
