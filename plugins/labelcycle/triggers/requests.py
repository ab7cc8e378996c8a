"""The wait for CVAT's requests: one trigger for as many as a task waits for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from include.clients.cvat import CvatError
from include.clients.cvat.lines import Ended, Watched
from include.clients.cvat.poller import wait_for_requests
from include.clients.cvat.requests import CvatRequests
from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.failures import in_words

_CANCEL_SECONDS = 20.0  # Airflow itself gives on_kill 30 s


class RequestsTrigger(BaseTrigger):
    """Fires once, when every request has ended or its deadline has passed. All triggers on a server ask it together.

    Deadlines are absolute (ISO 8601 in UTC, by request id): a restart of the triggerer does not move them. Names, by
    request id, say in the log what each is for; images, how many it is about, by which its end is expected. The
    event's payload is `{request id: {"answer": "finished" | "failed" | "expired" | "overdue" | "refused",
    "message": …, "result_id": …, "result_url": …}}`; with `kept`, what the task needs when it goes on (JSON),
    that is in each under `kept`. Refused: CVAT or Airflow's connection forbids the wait; see raise_refusal.

    With `ends_task` the task ends here where all have finished: its return value is `returns`, or, without one, what
    came of each, by request id. With `cancel_on_kill` the requests are cancelled in CVAT when a person ends the task,
    never when a triggerer stops.
    """

    def __init__(
        self,
        cvat_conn_id: str,
        deadlines: dict[str, str],
        names: dict[str, str],
        images: dict[str, int] | None = None,
        ends_task: bool = False,
        cancel_on_kill: bool = False,
        kept: dict[str, Any] | None = None,
        returns: int | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cvat_conn_id = cvat_conn_id
        self.deadlines = deadlines
        self.names = names
        self.images = images or {}
        self.ends_task = ends_task
        self.cancel_on_kill = cancel_on_kill
        self.kept = kept
        self.returns = returns

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The trigger as the triggerer makes it again."""
        names = ("cvat_conn_id", "deadlines", "names", "images", "ends_task", "cancel_on_kill", "kept", "returns")
        return "labelcycle.triggers.requests.RequestsTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire."""
        try:
            with in_words(self.cvat_conn_id):
                access = await CvatHook(self.cvat_conn_id).aaccess()
                ended = await wait_for_requests(access, [self._watched(request) for request in self.deadlines])
        except AirflowFailException as error:  # raised here, Airflow would make it one that is tried again
            ended = {request: Ended("refused", str(error)) for request in self.deadlines}
        kept = {"kept": self.kept} if self.kept else {}
        payload = {request: {**asdict(end), **kept} for request, end in ended.items()}
        if not (self.ends_task and all(end.answer == "finished" for end in ended.values())):
            yield TriggerEvent(payload)
            return
        came = {request: result(end) for request, end in ended.items()}
        event = TaskSuccessEvent(xcoms={"return_value": came if self.returns is None else self.returns})
        event.payload = payload  # a triggerer ends the task without it; `dag.test()` resumes the task with it
        yield event

    async def on_kill(self) -> None:
        """Cancel what CVAT has not begun, if that was asked for."""
        if not self.cancel_on_kill:
            return
        access = await CvatHook(self.cvat_conn_id).aaccess()
        async with asyncio.timeout(_CANCEL_SECONDS), CvatRequests(access) as requests:
            for request in self.deadlines:
                try:
                    await requests.cancel(request)
                except CvatError as error:
                    self.log.warning("%s is not cancelled: %s", self.names.get(request, request), error)
                else:
                    self.log.info("%s is cancelled", self.names.get(request, request))

    def _watched(self, request: str) -> Watched:
        deadline = datetime.fromisoformat(self.deadlines[request])
        return Watched(request, deadline, self.images.get(request, 0), self.names.get(request, f"request {request}"))


def raise_refusal(event: Mapping[str, Mapping[str, Any]]) -> None:
    """Fail for good where an event says that CVAT could not be asked: by its sentence, which is the same for each."""
    for end in event.values():
        if end["answer"] == "refused":
            raise AirflowFailException(end["message"])


def result(ended: Ended) -> dict[str, int | str | None]:
    """What came of a request, for XCom: ids and addresses alone."""
    return {"result_id": ended.result_id, "result_url": ended.result_url}
