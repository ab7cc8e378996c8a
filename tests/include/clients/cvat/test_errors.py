"""CVAT's refusals, as a real server gave them, become types with its own words."""

import json
from dataclasses import dataclass
from pathlib import Path

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
from include.clients.cvat.errors import error_of, login_error, words_of

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


REFUSALS = {
    row["case"]: Refusal(**row)
    for row in map(
        json.loads, Path(__file__).with_name("recordings").joinpath("refusals.jsonl").read_text().splitlines()
    )
}


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
