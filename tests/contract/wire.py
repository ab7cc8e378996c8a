"""Recorded calls, and where an answer differs from the recorded one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_FOLDER = Path(__file__).with_name("recordings")

# Values that depend on the server and on what it did before; everything else must be as recorded.
_OWN = {
    *("id", "url", "key", "value", "color", "data", "name", "username", "first_name", "last_name", "email"),
    *("label_id", "spec_id", "task_id", "project_id", "job_id", "parent_id", "cloud_storage_id", "rq_id"),
    *("created_date", "updated_date", "expiry_date", "last_used_date", "last_login", "date_joined"),
    *("started_date", "finished_date", "chunks_updated_date", "assignee_updated_date", "count", "next", "svg"),
    *("task_name", "project_name", "specific_attributes", "resource", "description", "display_name", "logo_url"),
    *("task_subsets", "default_value", "values"),
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call to a real server: what was sent (a JSON value or none), and what came back."""

    method: str
    path: str
    sent: Any
    status: int
    content_type: str | None
    body: Any

    def differences(self, answer: httpx.Response, *, own: frozenset[str] = frozenset()) -> list[str]:
        """Where the answer is not like the recorded one. `own` adds keys whose values may differ."""
        found = [] if answer.status_code == self.status else [f"status {answer.status_code}, not {self.status}"]
        if answer.headers.get("content-type") != self.content_type:
            found.append(f"type {answer.headers.get('content-type')}, not {self.content_type}")
        as_json = self.content_type in ("application/vnd.cvat+json", "application/json")
        body = answer.json() if as_json and not found else (answer.text or None)
        return found or list(_compared(body, self.body, "", _OWN | own))


def recorded(file: str) -> dict[str, Recorded]:
    """The calls in a file of recordings, by case."""
    calls = {}
    for line in (_FOLDER / f"{file}.jsonl").read_text().splitlines():
        row = json.loads(line)
        calls[row["case"]] = Recorded(
            row["method"],
            row["path"],
            _content(row["request_body"]),
            row["status"],
            row["content_type"],
            _content(row["response_body"]),
        )
    return calls


def _content(body: dict[str, Any] | None) -> Any:
    return None if body is None else body.get("json", body.get("text"))


def _compared(got: Any, expected: Any, where: str, own: set[str] | frozenset[str]) -> list[str]:
    if isinstance(expected, dict) and isinstance(got, dict):
        found = [f"{where}: has no {key}" for key in expected.keys() - got.keys()]
        found += [f"{where}: {key} is too much" for key in got.keys() - expected.keys()]
        for key in expected.keys() & got.keys():
            inner = f"{where}.{key}"
            same_kind = _kind(got[key]) == _kind(expected[key])
            if key in own and not isinstance(expected[key], dict):
                found += [] if same_kind else [f"{inner}: {got[key]!r} is not like {expected[key]!r}"]
            else:
                found += _compared(got[key], expected[key], inner, own)
        return found
    if isinstance(expected, list) and isinstance(got, list):
        if len(got) != len(expected):
            return [f"{where}: {len(got)} items, not {len(expected)}"]
        return [
            d for i, pair in enumerate(zip(got, expected, strict=True)) for d in _compared(*pair, f"{where}[{i}]", own)
        ]
    return [] if got == expected else [f"{where}: {got!r}, not {expected!r}"]


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
