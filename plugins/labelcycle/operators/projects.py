"""Projects: found by name or made, with their labels."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from labelcycle.links.cvat import project_path
from labelcycle.operators.base import CvatOperator
from labelcycle.operators.intents import asking
from labelcycle.operators.targets import name_of


class CvatCreateProjectOperator(CvatOperator):
    """Find a project by its name, or create it; returns its id. Of two of that name it is the one with the lowest id.

    Labels and attributes that the project lacks are added; none is ever changed or removed, because CVAT would delete
    what was drawn with it. Another type of a label that is there is an error. After a call whose outcome is unknown
    the project is looked for until `server_timeout`. Nothing in CVAT keeps two tasks that run at the same time from
    creating two projects of one name: let one task create it.

    :param project_name: the project's name, 1 to 256 characters; blanks at its ends are left out (templated).
    :param labels: its labels in CVAT's form, as the constructor shows them under Raw:
        `[{"name": "car", "type": "rectangle", "attributes": [...]}]` (templated). They are checked before any call.
    :param server_timeout: after how long a call cannot take effect any more at the server.
    """

    template_fields: Sequence[str] = (*CvatOperator.template_fields, "project_name", "labels")

    def __init__(
        self,
        *,
        project_name: str,
        labels: Sequence[Mapping[str, Any]] = (),
        server_timeout: timedelta = timedelta(seconds=60),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_name = project_name
        self.labels = labels
        self.server_timeout = server_timeout

    def execute(self, context: Context) -> int:
        """Find or create the project, and complete its labels."""
        from include.clients.cvat.labels import find_or_create_project, read_labels

        name = name_of(self.project_name, "project_name")
        with self.cvat() as cvat:
            labels = read_labels(self.labels)
            asked = asking(context, self.server_timeout, f"project {name}")
            project_id = find_or_create_project(name, labels, asked, cvat, lambda change: self.log.info("%s", change))
            self.show(context, cvat, project_path(project_id))
        self.log.info("project %s is project %d", name, project_id)
        return project_id
