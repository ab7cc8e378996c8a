"""Trouble on demand: calls that answer with an error, before or after their work, or not at all."""

import threading
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response
from starlette.types import Receive, Send

from include.emulator.answers import HTML


class Fault(BaseModel):
    """A rule: the next `count` calls of this method and path answer with `status`, or lose their connection.

    `skip` such calls are spared first. `when` says whether the work is left undone (`before`) or done all the same
    (`after`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = "*"
    path: str = "/api/"
    count: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    when: Literal["before", "after"] = "before"
    status: int | None = Field(default=None, ge=400, le=599)
    drop: bool = False
    headers: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_way(self) -> "Fault":
        if (self.status is not None) == self.drop:
            raise ValueError("give either a status or drop: true")
        return self

    def matches(self, method: str, path: str) -> bool:
        return self.method.upper() in ("*", method) and path.startswith(self.path)

    def answer(self) -> Response:
        """A page such as a proxy in front of CVAT sends."""
        status = HTTPStatus(self.status or HTTPStatus.INTERNAL_SERVER_ERROR)
        page = f"<html><body><h1>{status.value} {status.phrase}</h1></body></html>"
        return Response(page, status, self.headers, media_type=HTML)


class Faults:
    """The rules that wait, oldest first."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The rule for this call, if there is one; it then applies to one call less."""
        with self._lock:
            for position, rule in enumerate(self._rules):
                if rule.matches(method, path):
                    used = "skip" if rule.skip else "count"
                    left = rule.model_copy(update={used: getattr(rule, used) - 1})
                    self._rules[position : position + 1] = [left] if left.count else []
                    return None if rule.skip else rule
        return None


async def drop(receive: Receive, send: Send) -> None:
    """Cuts the connection. ASGI has no word for it, so this reaches through uvicorn's own `send` for its transport."""
    cycle: Any = getattr(send, "__self__")  # noqa: B009  (a bound method, which the type does not say)
    cycle.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
