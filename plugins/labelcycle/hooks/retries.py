"""When a task that CVAT has failed is tried again: a retry policy for operators and for tasks of one's own."""

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException

from labelcycle.hooks.failures import failure_of

if TYPE_CHECKING:
    from airflow.sdk import Context

_FIRST, _LONGEST = timedelta(seconds=15), timedelta(minutes=10)  # of the pauses while CVAT does not answer
_ASKED = timedelta(hours=1)  # a server that asks for more patience is asked again all the same


class CvatRetryPolicy(RetryPolicy):
    """Throttled: when CVAT's Retry-After says. Not reached: after 15 s, 30 s, 1 min … 10 min. What no other try can
    mend (credentials, rights, wrong input): never. All else, errors that are not CVAT's among them: as the task says.

    A rule of Airflow's ExceptionRetryPolicy has one delay for good, and imports the exceptions it names (cvat-sdk with
    them) while DAG files are parsed; so this is a policy of its own. The task's `retries` bound it.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: "Context | None" = None,
    ) -> RetryDecision:
        """What becomes of the task; `try_number` is 1 after the first try."""
        from include.clients.cvat import ThrottledError, UnreachableError

        # the sentence for people is raised while the client's error is handled
        cause = exception.__context__ or exception if isinstance(exception, AirflowException) else exception
        failure = failure_of(cause)
        if failure and not failure.mends:
            return RetryDecision.fail(f"no other try can mend it: {cause}")
        if isinstance(cause, ThrottledError):
            delay = min(timedelta(seconds=cause.retry_after), _ASKED) if cause.retry_after is not None else _FIRST
            return RetryDecision.retry(delay, f"CVAT is asked again in {delay}")
        if isinstance(cause, UnreachableError):
            delay = min(_FIRST * 2 ** min(max(try_number - 1, 0), 10), _LONGEST)
            return RetryDecision.retry(delay, f"CVAT may answer again in {delay}")
        return RetryDecision.default()


cvat_retry_policy = CvatRetryPolicy()
