"""What every operator for CVAT has: its connection, its link, errors in words, and the wait for a request."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, Context, RetryPolicy
from airflow.sdk.exceptions import AirflowException

from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.failures import in_words
from labelcycle.hooks.retries import cvat_retry_policy
from labelcycle.links.cvat import OpenInCvat, show

if TYPE_CHECKING:
    from include.clients.cvat import CvatClient

_GRACE = timedelta(minutes=10)  # the trigger keeps the deadline; Airflow's own time-out is for a dead triggerer


class CvatOperator(BaseOperator):
    """A task that works on CVAT. Killed anywhere and run again, it has the effect of one run.

    :param cvat_conn_id: the connection of type `cvat` (templated).
    :param retry_policy: when it is tried again; by default as CVAT's error says.
    """

    template_fields: Sequence[str] = ("cvat_conn_id",)
    operator_extra_links = (OpenInCvat(),)
    ui_color = "#e8f1fd"

    def __init__(
        self,
        *,
        cvat_conn_id: str = CvatHook.default_conn_name,
        retry_policy: RetryPolicy | None = cvat_retry_policy,
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_policy=retry_policy, **kwargs)
        self.cvat_conn_id = cvat_conn_id

    @contextmanager
    def cvat(self, aws_conn_id: str = "") -> "Iterator[CvatClient]":
        """The connection's client, for the work inside: its errors leave in one sentence that names the connection,
        and as AirflowFailException where another try cannot mend them."""
        with in_words(self.cvat_conn_id, aws_conn_id):
            yield CvatHook(self.cvat_conn_id).get_conn()

    def show(self, context: Context, cvat: "CvatClient", path: str) -> str:
        """Let the task's link lead to a path of the server, as in `/tasks/3`; the whole address."""
        return show(context, cvat.url, path)


class CvatRequestOperator(CvatOperator):
    """A task that has CVAT work in the background, and waits for that in the triggerer.

    :param request_timeout: how long CVAT may take.
    """

    def __init__(self, *, request_timeout: timedelta = timedelta(hours=1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.request_timeout = request_timeout

    def wait_for(
        self,
        request_id: str,
        name: str,
        method_name: str,
        *,
        images: int = 0,
        deadline: datetime | None = None,
        ends_task: bool = False,
        cancel_on_kill: bool = False,
        kwargs: dict[str, Any] | None = None,
    ) -> NoReturn:
        """Defer until a request has ended, or the time is over; then the method is called with the context, the event
        and `kwargs`. The name says in logs what the request is for; how many images it is about helps to expect its
        end. Without a deadline the request has `request_timeout` from now. The others are those of RequestsTrigger."""
        from labelcycle.triggers.requests import RequestsTrigger

        end = deadline or datetime.now(UTC) + self.request_timeout
        self.log.info("%s: waiting for request %s until %s", name, request_id, end)
        trigger = RequestsTrigger(
            self.cvat_conn_id,
            deadlines={request_id: end.isoformat()},
            names={request_id: name},
            images={request_id: images} if images else {},
            ends_task=ends_task,
            cancel_on_kill=cancel_on_kill,
        )
        timeout = max(end - datetime.now(UTC), timedelta()) + _GRACE
        self.defer(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)


def ended(event: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """How the one request of an event ended: its answer (`finished`, `failed`, `expired`, `overdue`), CVAT's words."""
    if len(event) != 1:
        raise AirflowException(f"the trigger was to tell of one request, and tells of {len(event)}: {dict(event)}")
    [end] = event.values()
    return end["answer"], end["message"]
