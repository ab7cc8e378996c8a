"""Waits for CVAT's requests that hold no worker: for any requests, for a serverless run, for the data of batches."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.failures import in_words
from labelcycle.hooks.project import ProjectClients
from labelcycle.hooks.timings import report_requests
from labelcycle.links.cvat import OpenInCvat, project_path, show, task_path, tasks_path
from labelcycle.operators.base import CvatRequestOperator, defer
from labelcycle.operators.targets import number

if TYPE_CHECKING:
    from include.clients.cvat import CvatAccess
    from include.clients.cvat.lines import Ended
    from include.steps.attach import Outcome

log = logging.getLogger(__name__)
Result = Mapping[str, int | str | None]


class CvatRequestSensor(CvatRequestOperator):
    """Waits until CVAT has finished some background requests, of any kind, and returns what came of each.

    The return value is `{request id: {"result_id": …, "result_url": …}}`: a restored backup has the id of what it
    became, an export the address of its file. A request that failed, or that CVAT has forgotten, fails the task for
    good; one that is not done in time fails this try. One request that has ended already is found at the first look;
    several are left to the trigger, which asks for all at once.

    :param request_ids: one id, or several (templated).
    :param cvat_conn_id: the CVAT connection (templated).
    :param request_timeout: how long to wait at most, from the first look.
    :param images: how many images each request is about, where that is known: its end is expected by it.
    :param cancel_on_kill: whether CVAT shall cancel what it has not begun when a person ends this task.
    """

    template_fields: Sequence[str] = (*CvatRequestOperator.template_fields, "request_ids")

    def __init__(
        self,
        *,
        request_ids: str | Sequence[str],
        images: int = 0,
        cancel_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.request_ids = request_ids
        self.images = images
        self.cancel_on_kill = cancel_on_kill

    def execute(self, context: Context) -> dict[str, Result]:
        """Look once, and wait for what has not ended."""
        return self.wait(context, [self.request_ids] if isinstance(self.request_ids, str) else list(self.request_ids))

    def wait(self, context: Context, ids: Sequence[str]) -> dict[str, Result]:
        """Look once where there is one, and wait for what has not ended."""
        from include.clients.cvat.lines import Watched

        if not ids:
            return {}
        deadline = datetime.now(UTC) + self.request_timeout
        with in_words(self.cvat_conn_id):
            access = CvatHook(self.cvat_conn_id).access()
            show(context, access.url, _page(ids))
            if len(ids) == 1 and (ended := asyncio.run(_look(access, ids[0]))):
                return self._results({ids[0]: ended})
        left = [Watched(one, deadline, self.images, f"request {one}") for one in ids]
        return defer(self, self.cvat_conn_id, left, "resume", ends_task=True, cancel_on_kill=self.cancel_on_kill)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, Any]]) -> dict[str, Result]:
        """Say what came of the requests, or which did not finish."""
        from include.clients.cvat.lines import Ended
        from labelcycle.triggers.requests import raise_refusal

        raise_refusal(event)
        return self._results({request: Ended(**end) for request, end in event.items()})

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
        with self.cvat() as cvat:
            try:
                return cvat.task(int(task_id)).size > 0
            except NotFoundError:
                return False


class CvatServerlessSensor(CvatRequestSensor):
    """Waits until a serverless function has been over a CVAT task; a run that was cancelled has failed.

    :param cvat_task_id: the CVAT task (templated). One run a task is known at a time.
    """

    template_fields: Sequence[str] = (*CvatRequestOperator.template_fields, "cvat_task_id")

    def __init__(self, *, cvat_task_id: int | str, **kwargs: Any) -> None:
        super().__init__(request_ids=(), **kwargs)
        self.cvat_task_id = cvat_task_id

    def execute(self, context: Context) -> dict[str, Result]:
        """Look once, and wait."""
        from include.clients.cvat.serverless import request_id

        return self.wait(context, [request_id(number(self.cvat_task_id, "cvat_task_id"))])


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
        from include.steps.attach import look, pending

        with ProjectClients(self.project_file) as clients:
            waiting = pending(self.batch_ids, clients.ledger)
            self._show(context, clients)
            outcomes = look(waiting, clients.cvat)
            attached = self._settle(outcomes, clients)
            if left := [wait for wait in waiting if wait.request_id not in outcomes]:
                defer(self, clients.project.cvat.connection, left, "resume")
            return attached

    def _show(self, context: Context, clients: ProjectClients) -> None:
        """The link leads to the task of one batch, or to the tasks of the project."""
        tasks = [batch.task_id for batch in clients.ledger.batches.get(self.batch_ids) if batch.task_id]
        path = task_path(tasks[0]) if len(tasks) == 1 else tasks_path(clients.project.name)
        show(context, CvatHook(clients.project.cvat.connection).access().url, path)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, str]]) -> int:
        """Record how the requests ended."""
        from include.steps.attach import Answer, Outcome
        from labelcycle.triggers.requests import raise_refusal

        raise_refusal(event)
        outcomes = {request: Outcome(Answer(end["answer"]), end["message"]) for request, end in event.items()}
        with ProjectClients(self.project_file) as clients:
            return self._settle(outcomes, clients)

    def _settle(self, outcomes: "Mapping[str, Outcome]", clients: ProjectClients) -> int:
        from include.steps.attach import Answer, pending, settle

        waiting = pending(self.batch_ids, clients.ledger)
        ended = {id_ for id_, outcome in outcomes.items() if outcome.answer is Answer.FINISHED}
        attached = settle(outcomes, self.batch_ids, clients.cvat, clients.ledger)
        report_requests(clients.project, [wait for wait in waiting if wait.request_id in ended])
        return attached


async def _look(access: "CvatAccess", request_id: str) -> "Ended | None":
    """How a request ended, if it has. Where CVAT gives no answer, it has not: the trigger asks again."""
    from include.clients.cvat import InvalidError, NotFoundError, ThrottledError, UnreachableError
    from include.clients.cvat.lines import Ended
    from include.clients.cvat.requests import CvatRequests

    async with CvatRequests(access) as requests:
        try:
            return Ended.of(await requests.get(request_id))
        except (NotFoundError, InvalidError) as error:  # 400: its task is gone
            return Ended("expired", str(error))
        except (UnreachableError, ThrottledError) as error:
            log.warning("request %s: %s", request_id, error)
            return None


def _page(request_ids: Sequence[str]) -> str:
    """The page of what one request is about, where its id says that; else that of all requests."""
    found = re.search(r"target=(task|project)&target_id=(\d+)", request_ids[0]) if len(request_ids) == 1 else None
    if not found:
        return "/requests"
    return task_path(int(found[2])) if found[1] == "task" else project_path(int(found[2]))
