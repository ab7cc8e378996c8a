"""Waits for CVAT's requests that hold no worker: for any requests, for a serverless run, for the data of batches."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.failures import in_words
from labelcycle.hooks.project import ProjectClients
from labelcycle.links.cvat import OpenInCvat, show, task_path, tasks_path

if TYPE_CHECKING:
    from include.clients.cvat import CvatAccess
    from include.clients.cvat.lines import Ended, Watched

log = logging.getLogger(__name__)
_GRACE = timedelta(minutes=10)  # the trigger keeps the deadlines; Airflow's own time-out is for a dead triggerer
Result = Mapping[str, int | str | None]


class CvatRequestSensor(BaseOperator):
    """Waits until CVAT has finished some background requests, of any kind, and returns what came of each.

    The return value is `{request id: {"result_id": …, "result_url": …}}`: a restored backup has the id of what it
    became, an export the address of its file. A request that failed, or that CVAT has forgotten, fails the task for
    good; one that is not done in time fails this try.

    :param request_ids: one id, or several (templated).
    :param cvat_conn_id: the CVAT connection (templated).
    :param timeout: how long to wait at most, from the first look.
    :param images: how many images each request is about, where that is known: its end is expected by it.
    :param cancel_on_kill: whether CVAT shall cancel what it has not begun when a person ends this task.
    """

    template_fields: Sequence[str] = ("cvat_conn_id", "request_ids")

    def __init__(
        self,
        *,
        request_ids: str | Sequence[str],
        cvat_conn_id: str = CvatHook.default_conn_name,
        timeout: timedelta = timedelta(hours=1),
        images: int = 0,
        cancel_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.request_ids = request_ids
        self.cvat_conn_id = cvat_conn_id
        self.timeout = timeout
        self.images = images
        self.cancel_on_kill = cancel_on_kill

    def execute(self, context: Context) -> dict[str, Result]:
        """Look once, and wait for what has not ended."""
        from include.clients.cvat.lines import Watched

        ids = [self.request_ids] if isinstance(self.request_ids, str) else list(self.request_ids)
        deadline = datetime.now(UTC) + self.timeout
        with in_words(self.cvat_conn_id):
            ended = asyncio.run(_look(CvatHook(self.cvat_conn_id).access(), ids))
        done = self._results(ended)
        left = [Watched(one, deadline, self.images, f"request {one}") for one in ids if one not in ended]
        if left:
            how = {"ends_task": not done, "cancel_on_kill": self.cancel_on_kill}
            _defer(self, self.cvat_conn_id, left, {"done": done}, **how)
        return done

    def resume(
        self, context: Context, event: Mapping[str, Mapping[str, Any]], done: Mapping[str, Result]
    ) -> dict[str, Result]:
        """Say what came of the requests, or which did not finish."""
        from include.clients.cvat.lines import Ended

        return {**done, **self._results({request: Ended(**end) for request, end in event.items()})}

    def _results(self, ended: Mapping[str, "Ended"]) -> dict[str, Result]:
        """What came of finished requests. Raises where one did not finish."""
        from labelcycle.triggers.requests import result

        bad = {
            request: end
            for request, end in ended.items()
            if end.answer != "finished" and not (end.answer == "expired" and self._has_data(request))
        }
        if bad:
            words = "; ".join(f"request {one}: {end.answer} {end.message}".strip() for one, end in bad.items())
            overdue = any(end.answer == "overdue" for end in bad.values())
            raise (AirflowException if overdue else AirflowFailException)(f"CVAT did not finish: {words}")
        return {request: result(end) for request, end in ended.items()}

    def _has_data(self, request_id: str) -> bool:
        """Whether a forgotten request created a task that has its data: then it had finished."""
        from include.clients.cvat import NotFoundError

        beginning, _, task_id = request_id.rpartition("=")
        if beginning != "action=create&target=task&target_id":
            return False
        try:
            return CvatHook(self.cvat_conn_id).get_conn().task(int(task_id)).size > 0
        except NotFoundError:
            return False


class CvatServerlessSensor(CvatRequestSensor):
    """Waits until a serverless function has been over a CVAT task; a run that was cancelled has failed.

    :param cvat_task_id: the CVAT task (templated). One run a task is known at a time.
    """

    template_fields: Sequence[str] = ("cvat_conn_id", "cvat_task_id")

    def __init__(self, *, cvat_task_id: int | str, **kwargs: Any) -> None:
        super().__init__(request_ids=(), **kwargs)
        self.cvat_task_id = cvat_task_id

    def execute(self, context: Context) -> dict[str, Result]:
        """Look once, and wait."""
        from include.clients.cvat.serverless import request_id

        self.request_ids = request_id(int(self.cvat_task_id))
        return super().execute(context)


class WaitForDataSensor(BaseOperator):
    """Waits for the requests of many batches in one trigger, each with a deadline of its own.

    :param project_file: the project's YAML.
    :param batch_ids: the batches of a shard (templated).
    """

    template_fields: Sequence[str] = ("project_file", "batch_ids")
    operator_extra_links = (OpenInCvat(),)

    def __init__(self, *, project_file: str, batch_ids: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project_file = project_file
        self.batch_ids = batch_ids

    def execute(self, context: Context) -> int:
        """Look once, wait for what has not ended, and say how many batches have their data."""
        from include.steps.attach import look, pending, settle

        with ProjectClients(self.project_file) as clients:
            waiting = pending(self.batch_ids, clients.ledger)
            self._show(context, clients)
            outcomes = look(waiting, clients.cvat)
            attached = settle(outcomes, self.batch_ids, clients.cvat, clients.ledger)
            if left := [wait for wait in waiting if wait.request_id not in outcomes]:
                _defer(self, clients.project.cvat.connection, left)
            return attached

    def _show(self, context: Context, clients: ProjectClients) -> None:
        """The link leads to the task of one batch, or to the tasks of the project."""
        tasks = [batch.task_id for batch in clients.ledger.batches.get(self.batch_ids) if batch.task_id]
        path = task_path(tasks[0]) if len(tasks) == 1 else tasks_path(clients.project.name)
        show(context, CvatHook(clients.project.cvat.connection).access().url, path)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, str]]) -> int:
        """Record how the requests ended."""
        from include.steps.attach import Answer, Outcome, settle

        outcomes = {request: Outcome(Answer(end["answer"]), end["message"]) for request, end in event.items()}
        with ProjectClients(self.project_file) as clients:
            return settle(outcomes, self.batch_ids, clients.cvat, clients.ledger)


async def _look(access: "CvatAccess", request_ids: Sequence[str]) -> dict[str, "Ended"]:
    """How those ended that have ended. Where CVAT gives no answer, none are said to: the trigger asks again."""
    from include.clients.cvat import InvalidError, NotFoundError, ThrottledError, UnreachableError
    from include.clients.cvat.lines import Ended
    from include.clients.cvat.requests import CvatRequests

    ended: dict[str, Ended] = {}
    async with CvatRequests(access) as requests:
        for request_id in request_ids:
            try:
                end = Ended.of(await requests.get(request_id))
            except (NotFoundError, InvalidError) as error:  # 400: its task is gone
                end = Ended("expired", str(error))
            except (UnreachableError, ThrottledError) as error:
                log.warning("request %s: %s", request_id, error)
                break
            if end:
                ended[request_id] = end
    return ended


def _defer(
    sensor: BaseOperator,
    cvat_conn_id: str,
    waiting: Sequence["Watched"],
    kwargs: dict[str, Any] | None = None,
    **how: bool,
) -> NoReturn:
    """Wait in one trigger for all, until the last deadline."""
    from labelcycle.triggers.requests import RequestsTrigger

    for wait in waiting:
        sensor.log.info("%s: waiting from now until %s", wait.name, wait.deadline)
    sensor.defer(
        trigger=RequestsTrigger(
            cvat_conn_id,
            deadlines={wait.request_id: wait.deadline.isoformat() for wait in waiting},
            names={wait.request_id: wait.name for wait in waiting},
            images={wait.request_id: wait.images for wait in waiting},
            **how,
        ),
        method_name="resume",
        kwargs=kwargs,
        timeout=max(wait.deadline for wait in waiting) - datetime.now(UTC) + _GRACE,
    )
