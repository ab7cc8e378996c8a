"""Models that run beside CVAT (Nuclio functions): CVAT feeds them a task's frames and keeps what they find.

CVAT drops the scores that a function gives: every shape has score 1. Its requests are known to /api/lambda alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from include.clients.cvat.drawn import Annotations, CvatShape, NewShape
from include.clients.cvat.errors import InvalidError, NotFoundError, UnknownOutcomeError, UnreachableError
from include.clients.cvat.exports import Kind, Target
from include.clients.cvat.records import LabelRow
from include.clients.cvat.wire import Wire


class FunctionLabel(msgspec.Struct, frozen=True):
    """A label that a function gives: its name, and the type of its shapes."""

    name: str
    type: str = "unknown"


class Function(msgspec.Struct, frozen=True):
    """A function as CVAT shows it."""

    id: str
    kind: str
    labels_v2: list[FunctionLabel] = []


class Asked(msgspec.Struct, frozen=True):
    """What a run was asked for."""

    id: str
    task: int
    job: int | None = None
    threshold: float | None = None


class Run(msgspec.Struct, frozen=True):
    """A run of a function over a task or job: queued, started, finished or failed. Progress is in percent.

    One that was cancelled is `finished`, with less than 100. While it is queued, `exc_info` may be that of the run
    before, under the same id.
    """

    id: str
    status: str
    function: Asked
    enqueued: datetime
    progress: int | None = None
    exc_info: str | None = None

    @property
    def active(self) -> bool:
        """Whether CVAT is at it, or will be."""
        return self.status in ("queued", "started")

    @property
    def complete(self) -> bool:
        """Whether it has been over every frame."""
        return self.status == "finished" and self.progress == 100


class Seen(msgspec.Struct, frozen=True):
    """What a function finds in a frame, by the task's labels; tags and tracks as they came."""

    shapes: list[NewShape] = []
    tags: list[msgspec.Raw] = []
    tracks: list[msgspec.Raw] = []


class FunctionFailed(UnreachableError):
    """A function gave no answer about a frame, or an error: another try may have one. Nothing was changed."""


class WrongFunction(InvalidError):
    """The function does not exist, is no detector, or cannot be mapped to the task's labels."""


class Serverless:
    """The functions of one server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def function(self, function_id: str) -> Function:
        """A detector. Raises WrongFunction, naming those that there are."""
        known = {one.id: one for one in self._wire.get("/api/lambda/functions", list[Function])}
        found = known.get(function_id)
        if found is None:
            there = ", ".join(sorted(known)) or "none at all"
            raise WrongFunction(f"CVAT at {self._wire.url} has no function {function_id!r}. It has {there}")
        if found.kind != "detector":
            raise WrongFunction(f"function {function_id!r} is a {found.kind}: only a detector annotates whole tasks")
        return found

    def labels(self, target: Target) -> list[LabelRow]:
        """The labels of a task or job."""
        return list(self._wire.list("/api/labels", LabelRow, {f"{target.kind}_id": str(target.id)}))

    def last_run(self, task_id: int) -> Run | None:
        """The task's last run of any function; None where there was none, or CVAT has forgotten it."""
        with suppress(NotFoundError):
            return self._wire.get(_path(request_id(task_id)), Run)
        return None

    def look(
        self, function_id: str, task_id: int, frame: int, *, mapping: Mapping[str, str], threshold: float | None = None
    ) -> tuple[Seen, str]:
        """What a function finds in one frame of a task, and CVAT's id of this request; nothing is stored.

        The mapping is from its labels to the task's; others are left out. Raises FunctionFailed.
        """
        body: dict[str, Any] = {"task": task_id, "frame": frame, "mapping": _sent(mapping)}
        body |= {} if threshold is None else {"threshold": threshold}
        try:
            return self._wire.traced("POST", f"/api/lambda/functions/{quote(function_id, safe='')}", Seen, body)
        except UnknownOutcomeError as error:
            raise FunctionFailed(str(error)) from error

    def start(
        self,
        function_id: str,
        task_id: int,
        job_id: int | None = None,
        *,
        mapping: Mapping[str, str],
        threshold: float | None = None,
        cleanup: bool = False,
    ) -> Run:
        """Run a function over a task, or one job of it. The mapping is from its labels to the task's.

        `cleanup` deletes first **everything** that is there, what people drew too. Raises ConflictError where a run
        over the task is under way.
        """
        body: dict[str, Any] = {
            "function": function_id,
            "task": task_id,
            "cleanup": cleanup,
            "mapping": _sent(mapping),
        }
        body |= {} if job_id is None else {"job": job_id}
        body |= {} if threshold is None else {"threshold": threshold}
        return self._wire.call("POST", "/api/lambda/requests", Run, body=body)

    def automatic(self, target: Target) -> list[CvatShape]:
        """The shapes in a task or job whose source is `auto`: a model's, which no person has moved or relabelled."""
        found = self._wire.get(f"{target.path}/annotations", Annotations)
        return [shape for shape in found.shapes if shape.source == "auto"]

    def delete(self, target: Target, shapes: list[CvatShape]) -> None:
        """Delete shapes; one that is gone already is no error."""
        body = {"version": 0, "tags": [], "tracks": [], "shapes": msgspec.to_builtins(shapes)}
        self._wire.call("PATCH", f"{target.path}/annotations", None, query={"action": "delete"}, body=body)


def _sent(mapping: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {theirs: {"name": ours} for theirs, ours in mapping.items()}


def _path(run_id: str) -> str:
    return f"/api/lambda/requests/{quote(run_id, safe='')}"


def request_id(task_id: int) -> str:
    """The id of every run over a task: CVAT has one at a time."""
    return f"action=autoannotate&target={Kind.TASK}&target_id={task_id}"


def checked_mapping(function: Function, labels: list[LabelRow], wanted: Mapping[str, str] | None) -> dict[str, str]:
    """The mapping that is sent: the one wanted, or from every label of the function to the task's of the same name.

    CVAT takes a wrong one, and fails later. Raises WrongFunction for labels that do not exist, whose types do not go
    together, and where nothing would be mapped.
    """
    theirs = {label.name: label.type for label in function.labels_v2}
    ours = {label.name: label.type for label in labels}
    mapping = {name: name for name in theirs if name in ours} if wanted is None else dict(wanted)
    problems = [problem for pair in mapping.items() if (problem := _problem(*pair, theirs, ours))]
    if not mapping:
        problems = [f"it gives {_listed(theirs)}, and none of these is a label here ({_listed(ours)}): give a mapping"]
    if problems:
        raise WrongFunction(f"function {function.id!r} cannot be mapped: {'; '.join(problems)}")
    return mapping


def _problem(name: str, label: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> str | None:
    if name not in theirs:
        return f"it gives no {name!r}, but {_listed(theirs)}"
    if label not in ours:
        return f"{label!r} is no label here: there are {_listed(ours)}"
    if not _together(theirs[name], ours[label]):
        return f"{name!r} gives a {theirs[name]}, and {label!r} takes a {ours[label]}"
    return None


def _together(theirs: str, ours: str) -> bool:
    """As CVAT decides it (`labels_compatible` in cvat/apps/lambda_manager/views.py)."""
    if ours == "any":
        return theirs != "skeleton"
    if theirs == "unknown":
        return ours != "skeleton"
    return theirs == ours or {theirs, ours} <= {"mask", "polygon"}


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(sorted(names)) or "none"
