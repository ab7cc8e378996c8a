"""What is worth another try, and when: by recorded refusals and by Airflow's own evaluation."""

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowException

from include.clients.cvat import CvatError, UnreachableError
from include.clients.cvat.errors import error_of
from labelcycle.hooks.failures import in_words
from labelcycle.hooks.retries import cvat_retry_policy

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

CVAT = "https://cvat.example.com/api/tasks"


def answered(status: int, method: str = "POST", **headers: str) -> CvatError:
    return error_of(method, CVAT, status, headers, b'{"detail": "words"}')


def as_operators_raise(error: Exception) -> AirflowException:
    with pytest.raises(AirflowException) as raised, in_words("cvat_default"):
        raise error
    return raised.value


@pytest.mark.parametrize(("header", "delay"), [({"retry-after": "28"}, 28), ({}, 15), ({"retry-after": "86400"}, 3600)])
def test_a_throttled_task_is_tried_again_when_the_server_says(header: dict[str, str], delay: int) -> None:
    for error in (answered(429, **header), as_operators_raise(answered(429, **header))):
        decision = cvat_retry_policy.evaluate(error, 1, 3)
        assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, timedelta(seconds=delay))


def test_an_unreachable_server_is_given_more_and_more_time() -> None:
    error = as_operators_raise(UnreachableError("refused"))
    delays = [cvat_retry_policy.evaluate(error, n, 99).retry_delay for n in (1, 2, 3, 4, 6, 7, 99)]
    assert delays == [timedelta(seconds=s) for s in (15, 30, 60, 120, 480, 600, 600)]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_no_other_try_can_mend_is_never_tried_again(status: int) -> None:
    decision = cvat_retry_policy.evaluate(answered(status), 1, 3)
    assert decision.action is RetryAction.FAIL
    assert "words" in str(decision.reason)


@pytest.mark.parametrize("error", [answered(500), ValueError("a defect"), AirflowException("of somebody else")])
def test_all_else_is_as_the_task_says(error: Exception) -> None:
    assert cvat_retry_policy.evaluate(error, 1, 3).action is RetryAction.DEFAULT


def test_an_operators_sentence_names_the_connection() -> None:
    assert str(as_operators_raise(answered(401))).startswith("connection 'cvat_default': POST ")
