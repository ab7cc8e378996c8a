"""Waiting for the background worker."""

import time
from collections.abc import Callable
from urllib.parse import quote

import httpx

_PATIENCE_S = 15.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {_PATIENCE_S} s"
        time.sleep(0.02)


def request_of(admin: httpx.Client, task_id: int) -> httpx.Response:
    request_id = quote(f"action=create&target=task&target_id={task_id}")
    return admin.get(f"/api/requests/{request_id}")


def status_of(admin: httpx.Client, task_id: int) -> str:
    return str(request_of(admin, task_id).json()["status"])
