"""Recorded calls made again: ids translated, answers compared by their shape."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

FOLDER = Path(__file__).with_name("sessions")
_NO_SUCH_ID = 90_000_000

_BY_ADDRESS = {
    "access_tokens": "token",
    "cloudstorages": "storage",
    "comments": "comment",
    "issues": "issue",
    "jobs": "job",
    "labels": "label",
    "projects": "project",
    "reports": "report",
    "tasks": "task",
    "users": "user",
    "webhooks": "webhook",
}
_BY_KEY = {
    "assignee": "user",
    "assignee_id": "user",
    "cloud_storage_id": "storage",
    "issue": "issue",
    "issue_id": "issue",
    "job": "job",
    "job_id": "job",
    "label_id": "label",
    "project_id": "project",
    "report_id": "report",
    "result_id": "task",
    "spec_id": "spec",
    "task": "task",
    "task_id": "task",
}
_WITHIN = {"attributes": "spec", "elements": "shape", "owner": "user", "shapes": "shape", "sublabels": "label"}
_WITHIN |= {"tags": "tag", "tracks": "track", "assignee": "user"}
_UPLOAD = re.compile(r"\b\d+_[0-9a-f]{8}-[0-9a-f-]{27}\b")
_TARGET = re.compile(r"\b(target=(task|project|job)&target_id=|user_id=)(\d+)")
_MOMENTS = {"started_date", "finished_date", "expiry_date", "started", "ended", "progress", "result_url"}


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One recorded call. `number` is its line in its file."""

    file: str
    number: int
    by: str
    method: str
    path: str
    headers: dict[str, str]
    sent: dict[str, Any] | None
    status: int
    content_type: str | None
    answered: dict[str, Any] | None

    def __str__(self) -> str:
        return f"{self.file}:{self.number} {self.method} {self.path} ({self.by})"

    @property
    def json(self) -> Any:
        """The recorded answer, where it is JSON."""
        return (self.answered or {}).get("json")

    @property
    def request_status(self) -> str | None:
        """Of a background request, where the answer is one or lists some."""
        if re.search(r"/requests(/|$)", urlsplit(self.path).path) and isinstance(self.json, dict | list):
            listed = self.json if isinstance(self.json, list) else self.json.get("results", [self.json])
            return listed[0].get("status") if listed and isinstance(listed[0], dict) else None
        return None

    @property
    def is_accepted(self) -> bool:
        """A background request has been made."""
        return self.method == "POST" and (
            (isinstance(self.json, dict) and "rq_id" in self.json and self.status == 202)
            or self.request_status == "queued"
        )

    @property
    def has_ended(self) -> bool:
        """Of a background request that is asked for."""
        return self.request_status in ("finished", "failed")

    @property
    def is_early(self) -> bool:
        """Nothing has been done yet: a request has just been made, waits, or has no result."""
        if self.is_accepted or self.status == 409 or "is not finished" in str((self.answered or {}).get("text")):
            return True
        if self.request_status in ("queued", "started"):
            return True
        return self.path.startswith("/api/jobs?task_id") and self.json.get("count") == 0


def rows(file: str) -> list[Row]:
    """The calls of a file, in order."""
    lines = (FOLDER / f"{file}.jsonl").read_text().splitlines()
    return [_row(file, number, json.loads(line)) for number, line in enumerate(lines, 1)]


def _row(file: str, number: int, line: dict[str, Any]) -> Row:
    return Row(
        file,
        number,
        line["by"],
        line["method"],
        line["path"],
        line.get("headers", {}),
        line["request_body"],
        line["status"],
        line["content_type"],
        line["response_body"],
    )


@dataclass(slots=True)
class Ids:
    """Which ids here stand for the recorded ones. One that nothing has made stands for one that does not exist."""

    numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    upload: str = "1_00000000-0000-0000-0000-000000000000"  # the file that arrives in pieces

    def here(self, kind: str, number: int) -> int:
        return self.numbers.get((kind, number), _NO_SUCH_ID + number)

    def path(self, path: str) -> str:
        """A recorded address with the ids of here."""
        url = urlsplit(path)
        steps = url.path.split("/")
        for position in range(1, len(steps)):
            kind = _BY_ADDRESS.get(steps[position - 1])
            if kind and steps[position].isdecimal():
                steps[position] = str(self.here(kind, int(steps[position])))
            elif steps[position - 1] == "requests":
                steps[position] = quote(self.text(unquote(steps[position])), safe="")
            else:
                steps[position] = _UPLOAD.sub(self.upload, steps[position])
        query = [(key, self._parameter(key, value)) for key, value in parse_qsl(url.query, keep_blank_values=True)]
        return "/".join(steps) + (f"?{urlencode(query)}" if query else "")

    def _parameter(self, key: str, value: str) -> str:
        if key in _BY_KEY and value.isdecimal():
            return str(self.here(_BY_KEY[key], int(value)))
        if key == "filter" and value.endswith("}") and not value.startswith("{bad"):
            return json.dumps(self._rule(json.loads(value)))
        return self.text(_UPLOAD.sub(self.upload, value))

    def _rule(self, rule: Any) -> Any:
        """A JSON-logic filter; the one on tasks has their own ids under `id`."""
        if isinstance(rule, list) and len(rule) == 2 and isinstance(rule[0], dict) and "var" in rule[0]:
            kind = _BY_KEY.get(rule[0]["var"], "task" if rule[0]["var"] == "id" else None)
            if kind:
                several = isinstance(rule[1], list)
                ids = [self.here(kind, number) for number in (rule[1] if several else rule[1:])]
                return [rule[0], ids if several else ids[0]]
        if isinstance(rule, list):
            return [self._rule(part) for part in rule]
        return {key: self._rule(part) for key, part in rule.items()} if isinstance(rule, dict) else rule

    def text(self, text: str) -> str:
        """A background request's id."""

        def number(match: re.Match[str]) -> str:
            return f"{match[1]}{self.here(match[2] or 'user', int(match[3]))}"

        return self.texts.get(text) or _TARGET.sub(number, text)

    def body(self, value: Any, kind: str = "") -> Any:
        """A recorded JSON body with the ids of here."""
        if isinstance(value, list):
            return [self.body(item, kind) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: self._member(key, item, kind) for key, item in value.items()}

    def _member(self, key: str, value: Any, kind: str) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool)
        if key in _BY_KEY and number:
            return self.here(_BY_KEY[key], value)
        if key == "id" and number and kind:
            return self.here(kind, value)
        return self.body(value, _WITHIN.get(key, ""))

    def learn(self, path: str, recorded: Any, got: Any) -> None:
        """Takes over the ids of an answer that is like the recorded one."""
        names = [step for step in urlsplit(path).path.split("/") if step in _BY_ADDRESS]
        self._learn(_BY_ADDRESS[names[-1]] if names and "annotations" not in path else "", recorded, got)

    def _learn(self, kind: str, recorded: Any, got: Any) -> None:
        if isinstance(recorded, list) and isinstance(got, list) and len(recorded) == len(got):
            for then, now in zip(recorded, got, strict=True):
                self._learn(kind, then, now)
        if not isinstance(recorded, dict) or not isinstance(got, dict):
            return
        if isinstance(recorded.get("rq_id"), str):
            self.texts[recorded["rq_id"]] = got.get("rq_id", "")
        for key in recorded.keys() & got.keys():
            of = kind if key == "id" else _BY_KEY.get(key, "")
            if of and isinstance(recorded[key], int) and isinstance(got[key], int):
                self.numbers.setdefault((of, recorded[key]), got[key])
            else:
                self._learn(kind if key == "results" else _WITHIN.get(key, ""), recorded[key], got[key])


def differences(row: Row, status: int, content_type: str | None, content: bytes) -> list[str]:
    """Where an answer is not like the recorded one: status, media type, the shape of a JSON body."""
    if status != row.status:
        return [f"status {status}, not {row.status}: {content[:200].decode(errors='replace')}"]
    if content_type != row.content_type:
        return [f"media type {content_type}, not {row.content_type}"]
    if row.json is None:
        return []
    got = json.loads(content)
    left_out = _MOMENTS if row.request_status in ("queued", "started") else set()
    if row.has_ended and isinstance(got, dict) and got.get("status", row.request_status) != row.request_status:
        return [f"{got['status']}, not {row.request_status}: {got}"]
    return list(_compared(got, row.json, "", left_out))


def _compared(got: Any, expected: Any, where: str, left_out: set[str]) -> Iterator[str]:
    if isinstance(got, dict) and isinstance(expected, dict):
        yield from (f"{where}: has no {key}" for key in sorted(expected.keys() - got.keys()))
        yield from (f"{where}: {key} is too much" for key in sorted(got.keys() - expected.keys()))
        for key in sorted(expected.keys() & got.keys() - left_out):
            yield from _compared(got[key], expected[key], f"{where}.{key}", left_out)
    elif isinstance(got, list) and isinstance(expected, list):
        if bool(got) != bool(expected):
            yield f"{where}: {len(got)} items, not {len(expected)}"
        elif got:
            yield from _compared(got[0], expected[0], f"{where}[0]", left_out)
    elif _kind(got) != _kind(expected):
        yield f"{where}: {got!r} is not like {expected!r}"


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
