"""Tasks: found by name or made, without data."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from labelcycle.links.cvat import task_path
from labelcycle.operators.base import CvatOperator
from labelcycle.operators.intents import asking
from labelcycle.operators.targets import name_of, number

if TYPE_CHECKING:
    from include.clients.cvat.records import NewTask


class CvatCreateTaskOperator(CvatOperator):
    """Find a task by its name within its project, or create it without data; returns its id.

    Of two of that name it is the lowest id with data, or else the lowest. After a call whose outcome is unknown the
    task is looked for until `server_timeout`. A task that is found stays as it is.

    :param task_name: the task's name, 1 to 256 characters; blanks at its ends are left out (templated).
    :param project_id: the project it belongs to (templated), or none: then `labels` are its own.
    :param labels: labels in CVAT's form, for a task of no project (templated). They are checked before any call.
    :param segment_size: how many frames a job has at most; 0 for one job of all.
    :param overlap: how many frames of a job are in the next one too; CVAT's own choice if not given.
    :param subset: the subset in exports, as in `Train` (templated).
    :param server_timeout: after how long a call cannot take effect any more at the server.
    """

    template_fields: Sequence[str] = (*CvatOperator.template_fields, "task_name", "project_id", "labels", "subset")

    def __init__(
        self,
        *,
        task_name: str,
        project_id: int | str | None = None,
        labels: Sequence[Mapping[str, Any]] = (),
        segment_size: int = 0,
        overlap: int | None = None,
        subset: str = "",
        server_timeout: timedelta = timedelta(seconds=60),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.task_name = task_name
        self.project_id = project_id
        self.labels = labels
        self.segment_size = segment_size
        self.overlap = overlap
        self.subset = subset
        self.server_timeout = server_timeout

    def execute(self, context: Context) -> int:
        """Find or create the task."""
        from include.clients.cvat.tasks import find_or_create_task

        name = name_of(self.task_name, "task_name")
        with self.cvat() as cvat:
            asked = asking(context, self.server_timeout, f"task {name}")
            task = find_or_create_task(self._wanted(name), asked, cvat)
            self.show(context, cvat, task_path(task.id))
        self.log.info("task %s is task %d", name, task.id)
        return task.id

    def _wanted(self, name: str) -> "NewTask":
        from include.clients.cvat.labels import WrongLabels, label_form, read_labels
        from include.clients.cvat.records import NewTask

        if (self.project_id is None) == (not self.labels):
            raise WrongLabels("a task has either a project or labels of its own: give one of the two")
        return NewTask(
            name=name,
            project_id=None if self.project_id is None else number(self.project_id, "project_id"),
            labels=tuple(label_form(label) for label in read_labels(self.labels)),
            segment_size=self.segment_size,
            overlap=self.overlap,
            subset=self.subset,
        )
