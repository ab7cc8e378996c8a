"""What errors are called and what is advised: every name exists, nothing is imported for it, no advice is beside it."""

import subprocess
import sys
from importlib import import_module

import pytest

from include.clients.cvat import ConflictError, CvatError, InvalidError, NotFoundError, ThrottledError, UnreachableError
from include.clients.cvat.downloads import DamagedError, OverdueError
from include.clients.cvat.serverless import FunctionFailed
from labelcycle.hooks.failures import FAILURES, failure_of, told
from labelcycle.hooks.fields import WrongConnection

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

HOST = "host is"  # "See that the host is …"


@pytest.mark.parametrize("name", sorted({failure.kind for failure in FAILURES}))
def test_every_kind_is_a_class_by_the_name_that_its_errors_have(name: str) -> None:
    module, _, short = name.rpartition(".")
    kind = getattr(import_module(module), short)
    assert issubclass(kind, Exception)
    assert f"{kind.__module__}.{kind.__qualname__}" == name


def test_an_error_is_recognized_and_nothing_is_imported_for_it() -> None:
    story = """
import sys
from include.clients.cvat import UnauthorizedError
from labelcycle.hooks.failures import failure_of
before = set(sys.modules)
assert failure_of(UnauthorizedError("401")).mends is False
assert failure_of(ValueError("a defect")) is None
print(sorted(set(sys.modules) - before), "mlflow" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[] False"


@pytest.mark.parametrize(
    ("error", "mends"),
    [
        (NotFoundError("CVAT at http://c has no user 'anna' that this account can see"), False),
        (ConflictError("POST http://c: 409: words"), True),
        (ThrottledError("GET http://c: 429: words"), True),
        (OverdueError("a: 3 of 10 bytes had come at its deadline, noon"), True),
        (DamagedError("a: what came is no zip that can be read: words"), True),
        (FunctionFailed("POST http://c: 500: words"), True),
        (UnreachableError("CVAT at https://c broke off its answer: [SSL: WRONG_VERSION_NUMBER] words"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_a_server_says_of_itself_is_not_followed_by_doubts_about_its_address(
    error: CvatError, mends: bool
) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert failure.mends is mends
    assert failure.advice
    assert HOST not in failure.advice


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("CVAT has no format. Did you mean 'COCO 1.0'?", "Did you mean 'COCO 1.0'? Correct what CVAT was given"),
        ("POST /x: 400: wrong.", "POST /x: 400: wrong. Correct what CVAT was given"),
        ("POST /x: 400: wrong", "POST /x: 400: wrong. Correct what CVAT was given"),
    ],
)
def test_a_sentence_ends_once(words: str, sentence: str) -> None:
    error = InvalidError(words)
    failure = failure_of(error)
    assert failure is not None
    assert told(error, failure).endswith(sentence)


def test_what_is_not_listed_is_a_defect() -> None:
    assert failure_of(ValueError("a defect")) is None
    assert failure_of(OSError("a defect")) is None
    wrong = failure_of(WrongConnection("c", "needs a host"))
    assert wrong is not None
    assert not wrong.mends
