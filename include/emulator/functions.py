"""Serverless functions: a registry in place of Nuclio's, and what a function finds in a frame."""

import base64
import sqlite3
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, model_validator

from include.emulator.annotations import Item
from include.emulator.answers import Refusal

_TIMEOUT_S = 60.0
_NUCLIO = "http://nuclio:8070"
ALL = "*"


class FunctionError(Exception):
    """A function that did not answer. The text is that of CVAT's HTTP library."""


class Found(BaseModel):
    """An object as a detector reports it; one without a confidence is sure."""

    label: str
    type: str = "rectangle"
    points: list[float] = []
    confidence: float = 1.0


class FunctionLabel(BaseModel):
    """A label that a function knows."""

    model_config = ConfigDict(extra="forbid")

    name: str
    type: str = "rectangle"
    attributes: list[dict[str, Any]] = []


class Function(BaseModel):
    """A detector. It answers from an address, with what it always finds, or with an error.

    `url` gets what Nuclio's functions get, `{"image": base64, "threshold": …}`, and answers a list of `Found`.
    `finds` is by frame name; `*` stands for all other frames.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str = ""
    description: str = ""
    labels: list[FunctionLabel]
    url: str | None = None
    finds: dict[str, list[Found]] | None = None
    error: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Function":
        if sum(value is not None for value in (self.url, self.finds, self.error)) != 1:
            raise ValueError("give one of url, finds and error")
        return self

    def invoke(self, name: str, image: bytes, threshold: float | None) -> list[Found]:
        """What it finds in a frame. Raises FunctionError."""
        if self.error is not None:
            raise FunctionError(self.error)
        if self.finds is not None:
            return [
                found
                for found in self.finds.get(name, self.finds.get(ALL, []))
                if threshold is None or found.confidence >= threshold
            ]
        assert self.url is not None
        body = {"image": base64.b64encode(image).decode()} | ({} if threshold is None else {"threshold": threshold})
        try:
            answer = httpx.post(self.url, json=body, timeout=_TIMEOUT_S).raise_for_status()
            return [Found.model_validate(found) for found in answer.json()]
        except httpx.HTTPStatusError as error:
            status, kind = error.response.status_code, "Server" if error.response.is_server_error else "Client"
            text = f"{status} {kind} Error: {error.response.reason_phrase} for url: {self.url}"
            raise FunctionError(text) from error
        except (httpx.HTTPError, ValueError) as error:
            raise FunctionError(f"{type(error).__name__}: {error}") from error

    def present(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": "detector",
            "labels_v2": [label.model_dump() for label in self.labels],
            "description": self.description,
            "name": self.name or self.id,
            "version": 1,
        }


def register(connection: sqlite3.Connection, function: Function) -> None:
    """Adds a function, in place of the one with its id."""
    connection.execute("INSERT OR REPLACE INTO functions VALUES (?, ?)", (function.id, function.model_dump_json()))


def known(connection: sqlite3.Connection) -> list[Function]:
    rows = connection.execute("SELECT about FROM functions ORDER BY id")
    return [Function.model_validate_json(row["about"]) for row in rows]


def get(connection: sqlite3.Connection, function_id: str) -> Function:
    """Raises a 404 refusal, in Nuclio's words, for one that is not there."""
    row = connection.execute("SELECT about FROM functions WHERE id = ?", (function_id,)).fetchone()
    if row is None:
        raise Refusal(404, f"404 Client Error: Not Found for url: {_NUCLIO}/api/functions/{function_id}")
    return Function.model_validate_json(row["about"])


def mapped(connection: sqlite3.Connection, function: Function, mapping: Any, owner: tuple[str, int]) -> dict[str, int]:
    """The task's label for each label of a function: as asked, else the one of the same name.

    Raises:
        ValueError: the mapping names a label that the function or the task does not have. The text is CVAT's.
    """
    column, owner_id = owner
    rows = connection.execute(f"SELECT id, name FROM labels WHERE {column} = ? AND parent_id IS NULL", (owner_id,))
    ours = {row["name"]: row["id"] for row in rows}
    theirs = {label.name for label in function.labels}
    if not mapping:
        return {name: ours[name] for name in theirs & ours.keys()}
    asked = {label: target["name"] if isinstance(target, Mapping) else target for label, target in mapping.items()}
    for label, target in asked.items():
        if label not in theirs:
            raise ValueError(f"Invalid mapping: function '{function.id}' has no label '{label}'")
        if target not in ours:
            raise ValueError(f"Invalid mapping: the task has no label '{target}'")
    return {label: ours[target] for label, target in asked.items()}


def as_annotations(found: list[Found], labels: Mapping[str, int], frame: int) -> dict[str, list[Item]]:
    """Tags and shapes as CVAT makes them of what was found. It drops the confidence, and labels it has none for."""
    answer: dict[str, list[Item]] = {"tags": [], "shapes": [], "tracks": []}
    for one in found:
        if one.label not in labels:
            continue
        item = {"id": None, "label_id": labels[one.label], "group": 0, "source": "auto", "frame": frame}
        if one.type == "tag":
            answer["tags"].append({**item, "attributes": []})
            continue
        geometry = {"occluded": False, "outside": False, "z_order": 0, "rotation": 0.0, "points": one.points}
        answer["shapes"].append({"type": one.type, **geometry, **item, "attributes": [], "score": 1})
    return answer
