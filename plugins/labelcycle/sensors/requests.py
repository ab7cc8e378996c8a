"""Wait until CVAT has attached the data of a shard's batches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context

from labelcycle.hooks.project import ProjectClients

if TYPE_CHECKING:
    from include.steps.attach import Pending

_GRACE = timedelta(minutes=10)  # the trigger keeps the deadlines; Airflow's own time-out is for a dead triggerer


class WaitForDataSensor(BaseOperator):
    """Waits for the requests of many batches in one trigger, each with a deadline of its own.

    :param project_file: the project's YAML.
    :param batch_ids: the batches of a shard (templated).
    """

    template_fields: Sequence[str] = ("project_file", "batch_ids")

    def __init__(self, *, project_file: str, batch_ids: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project_file = project_file
        self.batch_ids = batch_ids

    def execute(self, context: Context) -> int:
        """Look once, wait for what has not ended, and say how many batches have their data."""
        from include.steps.attach import look, pending, settle

        with ProjectClients(self.project_file) as clients:
            waiting = pending(self.batch_ids, clients.ledger)
            outcomes = look(waiting, clients.cvat)
            attached = settle(outcomes, self.batch_ids, clients.cvat, clients.ledger)
            if left := [wait for wait in waiting if wait.request_id not in outcomes]:
                self._defer(clients.project.cvat.connection, left)
            return attached

    def resume(self, context: Context, event: Mapping[str, Mapping[str, str]]) -> int:
        """Record how the requests ended."""
        from include.steps.attach import Answer, Outcome, settle

        outcomes = {request: Outcome(Answer(end["answer"]), end["message"]) for request, end in event.items()}
        with ProjectClients(self.project_file) as clients:
            return settle(outcomes, self.batch_ids, clients.cvat, clients.ledger)

    def _defer(self, cvat_conn_id: str, waiting: Sequence["Pending"]) -> None:
        from labelcycle.triggers.requests import RequestsTrigger

        for wait in waiting:
            self.log.info("%s: waiting until %s", wait.name, wait.deadline)
        self.defer(
            trigger=RequestsTrigger(
                cvat_conn_id,
                deadlines={wait.request_id: wait.deadline.isoformat() for wait in waiting},
                names={wait.request_id: wait.name for wait in waiting},
            ),
            method_name="resume",
            timeout=max(wait.deadline for wait in waiting) - datetime.now(UTC) + _GRACE,
        )
