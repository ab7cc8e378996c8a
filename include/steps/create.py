"""Create: the CVAT project with its labels, and a task a batch, found by name before it is made."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from include.clients.cvat import CvatClient
from include.clients.cvat.asking import Asking
from include.clients.cvat.labels import find_or_create_project as find_or_create
from include.clients.cvat.records import NewTask
from include.clients.cvat.tasks import find_or_create_task
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.lifecycle.batches import Stage
from include.projects.model import Project
from include.steps.batches import asking_for, each_batch, log, task_of, words
from include.steps.blind import intend_replicas
from include.steps.labels import labels_are_due, note_change

_LEASE = timedelta(minutes=5)


def find_or_create_project(project: Project, cvat: CvatClient, ledger: Ledger) -> int:
    """The CVAT project of the project's name, with its labels as the project's file has them; its id.

    Nothing in CVAT keeps two shards from making it twice: raises LeaseTakenError where another is at it, and
    TypeChangedError where CVAT has another type of a label.
    """
    project_id = cvat.find_project(project.name)
    if project_id is not None and not labels_are_due(project, project_id, cvat):
        return project_id
    asking = Asking(None, lambda _: None, project.cvat.server_timeout, f"project {project.name}")
    with ledger.leases.hold(f"cvat/{project.name}", uuid4().hex, _LEASE):
        return find_or_create(
            project.name, project.labels, asking, cvat, lambda change: note_change(project, change, ledger)
        )


def create_tasks(project: Project, batch_ids: Sequence[str], cvat: CvatClient, ledger: Ledger) -> int:
    """Find or create the task of every planned batch, and say of how many."""
    project_id = find_or_create_project(project, cvat, ledger)

    def work(batch: Batch) -> None:
        _create_task(project, project_id, batch, cvat, ledger)

    return each_batch(batch_ids, Stage.PLANNED, ledger, work)


def renew_task(project: Project, batch: Batch, reason: str, cvat: CvatClient, ledger: Ledger) -> Batch:
    """Give a batch an empty task instead of the one it has; the batch as it is then.

    It is planned again before its task is deleted: a run after a kill creates its task, or finds the old one.
    """
    log.warning("%s: a new task instead: %s", words(batch), reason)
    ledger.batches.advance(batch.id, Stage.PLANNED, task_id=None)
    cvat.delete_task(task_of(batch))
    ledger.audit.add(project.name, "delete task", batch.id, f"task {batch.task_id}: {reason}")
    (planned,) = ledger.batches.get([batch.id])
    _create_task(project, find_or_create_project(project, cvat, ledger), planned, cvat, ledger)
    (created,) = ledger.batches.get([batch.id])
    return created


def _create_task(project: Project, project_id: int, batch: Batch, cvat: CvatClient, ledger: Ledger) -> None:
    copies = intend_replicas(project, batch, ledger)
    wanted = NewTask(batch.id, project_id, segment_size=batch.job_size, replicas=copies)
    task = find_or_create_task(wanted, asking_for(project, batch, ledger), cvat, ours=True)
    ledger.batches.advance(batch.id, Stage.CREATED, task_id=task.id)
    ledger.audit.add(project.name, "create task", batch.id, f"task {task.id}")
    log.info("%s task %d: created", words(batch), task.id)
