"""CVAT's refusals, as a real server gave them, become types with its own words."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.clients.cvat import (
    BrokenError,
    ConflictError,
    CvatError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ThrottledError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreachableError,
)
from include.clients.cvat.errors import error_of, login_error, seconds_of, words_of

CVAT = "https://cvat.example.com"


@dataclass(frozen=True, slots=True)
class Refusal:
    case: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: str

    def error(self) -> CvatError:
        return error_of(self.method, CVAT + self.path, self.status, self.headers, self.body.encode())


def recorded(file: str) -> list[Any]:
    lines = Path(__file__).with_name("recordings").joinpath(file).read_text().splitlines()
    return [json.loads(line) for line in lines]


REFUSALS = {row["case"]: Refusal(**row) for row in recorded("refusals.jsonl")}
ALL = [Refusal(case=f"{n} {row['method']} {row['path']}", **row) for n, row in enumerate(recorded("errors.jsonl"))]
BY_STATUS = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    415: InvalidError,
}


def texts(value: object) -> Iterator[str]:
    """Everything that a JSON body says, from wherever it stands in it."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)
    else:
        yield str(value)


@pytest.mark.parametrize("refusal", ALL, ids=[refusal.case for refusal in ALL])
def test_every_recorded_refusal_is_of_its_kind_and_keeps_all_of_the_servers_words(refusal: Refusal) -> None:
    error, message = refusal.error(), str(refusal.error())
    read = refusal.method == "GET"
    assert type(error) is BY_STATUS.get(refusal.status, BrokenError if read else UnknownOutcomeError)
    assert refusal.path in message
    assert refusal.headers["x-request-id"] in message
    if refusal.headers["content-type"] == "application/vnd.cvat+json":
        assert all(said in message for said in texts(json.loads(refusal.body)))
    elif refusal.body.lstrip().startswith("<"):
        assert ("Server Error (500)" if refusal.status == 500 else "Not Found") in message
        assert "<" not in message
    else:
        assert refusal.body in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("rejected shape", InvalidError, "shapes: source: must be one of 'auto', 'semi-auto', 'manual'"),  # an object
        ("unknown label", InvalidError, "label_id `9999` is invalid"),  # a list
        ("frame outside the job", InvalidError, "The frame is outside the job range"),  # a string
        ("bucket not found", InvalidError, "resource: The resource nobucket not found."),  # text
        ("unknown page", NotFoundError, "Not Found"),  # a page
        ("server error", UnknownOutcomeError, "Server Error (500)"),  # a page, after a change
        ("invalid token", UnauthorizedError, "Invalid token."),
        ("unknown field", ForbiddenError, "Attempted to update an unknown field"),
        ("no such job", NotFoundError, "No Job matches the given query."),
        ("no such request", NotFoundError, "There is no request with specified id"),
        ("task is gone", InvalidError, "Task matching query does not exist."),
        ("under way", ConflictError, "rq_id: action=export&target=task&target_id=3"),
        ("only one", ConflictError, "Only one running request is allowed for the same task #3"),
        ("gone", NotFoundError, "This endpoint is no longer supported."),
        ("throttled", ThrottledError, "Expected available in 28 seconds."),
        ("no body", UnknownOutcomeError, "no words"),
    ],
)
def test_a_refusal_is_of_its_kind_and_says_the_call_the_words_and_the_servers_request_id(
    case: str, kind: type[CvatError], words: str
) -> None:
    refusal, error = REFUSALS[case], REFUSALS[case].error()
    assert type(error) is kind
    assert str(error).startswith(f"{refusal.method} {CVAT}{refusal.path}: {refusal.status}: ")
    assert words in str(error)
    assert str(error).endswith(f"(x-request-id {refusal.headers['x-request-id']})")


@pytest.mark.parametrize(
    ("method", "status", "kind"),
    [
        ("GET", 500, BrokenError),
        ("GET", 502, UnreachableError),
        ("GET", 504, UnreachableError),
        ("POST", 500, UnknownOutcomeError),
        ("PATCH", 503, UnknownOutcomeError),
        ("DELETE", 504, UnknownOutcomeError),
    ],
)
def test_a_server_error_leaves_open_whether_a_change_happened_and_a_read_changes_nothing(
    method: str, status: int, kind: type[CvatError]
) -> None:
    assert type(error_of(method, CVAT, status, {}, b"")) is kind


def test_wrong_credentials_are_cvats_400_and_a_lost_login_changed_nothing() -> None:
    refusal = REFUSALS["wrong password"]
    refused = login_error(CVAT, "anna", refusal.status, refusal.headers, refusal.body.encode())
    assert type(refused) is UnauthorizedError
    assert "'anna'" in str(refused)
    assert "Unable to log in with provided credentials." in str(refused)
    assert type(login_error(CVAT, "anna", 503, {}, b"")) is UnreachableError
    assert type(login_error(CVAT, "anna", 429, {}, b"")) is ThrottledError


def test_a_long_page_without_a_title_is_cut_and_bytes_that_are_no_text_do_no_harm() -> None:
    assert words_of(b"x" * 10_000) == "x" * 500
    assert words_of(b"\xff\xfe") == "\ufffd\ufffd"
    assert words_of(b"<html><head><TITLE>502 Bad Gateway</TITLE></head></html>") == "502 Bad Gateway"
    assert words_of(b"<html><body><h1>504 Gateway Time-out</h1></body></html>") == "504 Gateway Time-out"


# RFC 9110, section 10.2.3, has both forms and these two examples.
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 28 ", 28),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 59),
        ("Fri, 31 Dec 1999 23:00:00 GMT", 0),
        ("soon", None),
        (None, None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header, datetime(1999, 12, 31, 23, 59, 0, tzinfo=UTC)) == seconds


def test_a_throttled_call_carries_when_to_call_again() -> None:
    error = REFUSALS["throttled"].error()
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 28  # as its words say
    bare = error_of("GET", CVAT, 429, {}, b"")
    assert isinstance(bare, ThrottledError)
    assert bare.retry_after is None
