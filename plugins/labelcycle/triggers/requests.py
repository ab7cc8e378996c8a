"""The wait for CVAT's requests: one trigger for all requests of a shard."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.clients.cvat.requests import wait_for_requests
from labelcycle.hooks.cvat import CvatHook


class RequestsTrigger(BaseTrigger):
    """Fires once, when every request has ended or its deadline has passed.

    Deadlines are absolute (ISO 8601 in UTC, by request id): a restart of the triggerer does not move them. Names, by
    request id, say in the log what each is for. The event's payload is
    `{request id: {"answer": "finished" | "failed" | "expired" | "overdue", "message": …}}`.
    """

    def __init__(self, cvat_conn_id: str, deadlines: dict[str, str], names: dict[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cvat_conn_id = cvat_conn_id
        self.deadlines = deadlines
        self.names = names

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The trigger as the triggerer makes it again."""
        path = "labelcycle.triggers.requests.RequestsTrigger"
        return path, {"cvat_conn_id": self.cvat_conn_id, "deadlines": self.deadlines, "names": self.names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire."""
        access = await CvatHook(self.cvat_conn_id).aaccess()
        deadlines = {request: datetime.fromisoformat(moment) for request, moment in self.deadlines.items()}
        ended = await wait_for_requests(access, deadlines, names=self.names)
        yield TriggerEvent({request: asdict(end) for request, end in ended.items()})
