"""Create: the CVAT project with its labels, and a task a batch, found by name before it is made."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from include.clients.cvat import CvatClient, CvatTask, UnknownOutcomeError
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch
from include.lifecycle.batches import Stage
from include.projects.model import Label, Project
from include.steps.batches import each_batch, log, look_until_known, words


def find_or_create_project(project: Project, cvat: CvatClient) -> int:
    """The CVAT project of the project's name, with all of its labels; its id.

    Labels that CVAT lacks are added. None is ever deleted: that would delete annotations.
    """
    project_id = cvat.find_project(project.name)
    if project_id is None:
        return cvat.create_project(project.name, [_label(label) for label in project.labels])
    known = cvat.labels(project_id).ids
    if missing := [_label(label) for label in project.labels if label.name not in known]:
        cvat.add_labels(project_id, missing)
    return project_id


def create_tasks(project: Project, batch_ids: Sequence[str], cvat: CvatClient, ledger: Ledger) -> int:
    """Find or create the task of every planned batch, and say of how many."""
    project_id = find_or_create_project(project, cvat)

    def work(batch: Batch) -> None:
        task = _find_or_create(project, project_id, batch, cvat, ledger)
        ledger.batches.advance(batch.id, Stage.CREATED, task_id=task.id)
        ledger.audit.add(project.name, "create task", batch.id, f"task {task.id}")
        log.info("%s: task %d", words(batch), task.id)

    return each_batch(batch_ids, Stage.PLANNED, ledger, work)


def _find_or_create(project: Project, project_id: int, batch: Batch, cvat: CvatClient, ledger: Ledger) -> CvatTask:
    def look() -> CvatTask | None:
        return one_task(cvat.tasks_named(project_id, batch.id), batch, cvat)

    if found := look_until_known(look, batch.asked_at, project):
        return found
    ledger.batches.ask(batch.id, datetime.now(UTC))
    try:
        return cvat.create_task(project_id, batch.id, batch.job_size)
    except UnknownOutcomeError as error:
        log.warning("%s: %s", words(batch), error)
        found = look_until_known(look, datetime.now(UTC), project)
        return found or cvat.create_task(project_id, batch.id, batch.job_size)


def one_task(tasks: Sequence[CvatTask], batch: Batch, cvat: CvatClient) -> CvatTask | None:
    """Of several tasks of a batch's name: the lowest id with data, or else the lowest. The empty others go."""
    ordered = sorted(tasks, key=lambda task: (not task.has_data, task.id))
    for twin in ordered[1:]:
        if not twin.has_data:
            log.warning("%s: deleting the empty twin task %d of task %d", words(batch), twin.id, ordered[0].id)
            cvat.delete_task(twin.id)
    return ordered[0] if ordered else None


def _label(label: Label) -> Mapping[str, Any]:
    attributes = [
        {
            "name": attribute.name,
            "mutable": False,
            "input_type": attribute.input_type,
            "values": list(attribute.values) or [attribute.default_value],
            "default_value": attribute.default_value,
        }
        for attribute in label.attributes
    ]
    return {"name": label.name, "type": label.type, "attributes": attributes}
