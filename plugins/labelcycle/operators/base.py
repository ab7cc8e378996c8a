"""What every operator for CVAT has: its connection, its link, errors in words, and the wait for requests."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    from include.clients.cvat.lines import Watched

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
        **how: Any,
    ) -> NoReturn:
        """Defer until a request has ended, or the time is over; then the method is called with the context and the
        event. The name says in logs what the request is for; how many images it is about helps to expect its end.
        Without a deadline the request has `request_timeout` from now. The others are those of RequestsTrigger."""
        from include.clients.cvat.lines import Watched

        end = deadline or datetime.now(UTC) + self.request_timeout
        defer(self, self.cvat_conn_id, [Watched(request_id, end, images, name)], method_name, **how)


def defer(
    operator: BaseOperator, cvat_conn_id: str, waiting: Sequence["Watched"], method_name: str, **how: Any
) -> NoReturn:
    """Wait in one trigger for all, until the last deadline; then the method is called with the context and the event.

    It gets nothing else, because `dag.test()` hands on nothing else. The others are those of RequestsTrigger.
    """
    from labelcycle.triggers.requests import RequestsTrigger

    for wait in waiting:
        operator.log.info("%s: waiting for request %s until %s", wait.name, wait.request_id, wait.deadline)
    operator.defer(
        trigger=RequestsTrigger(
            cvat_conn_id,
            deadlines={wait.request_id: wait.deadline.isoformat() for wait in waiting},
            names={wait.request_id: wait.name for wait in waiting},
            images={wait.request_id: wait.images for wait in waiting if wait.images},
            **how,
        ),
        method_name=method_name,
        timeout=max(max(wait.deadline for wait in waiting) - datetime.now(UTC), timedelta()) + _GRACE,
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request ended: `finished`, `failed`, `expired`, `overdue`; CVAT's words, what came of it, what was kept."""

    request_id: str
    answer: str
    message: str
    result_id: int | None = None
    result_url: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


def ended(event: Mapping[str, Mapping[str, Any]]) -> Answered:
    """How the one request of an event ended."""
    from labelcycle.triggers.requests import raise_refusal

    raise_refusal(event)
    if len(event) != 1:
        raise AirflowException(f"the trigger was to tell of one request, and tells of {len(event)}: {', '.join(event)}")
    [(request_id, end)] = event.items()
    return Answered(request_id, **end)
