"""Airflow's REST API, as far as a day needs it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_POLL_SECONDS = 1.0


class RunFailed(Exception):
    """A DAG run did not succeed, or not in time."""


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """A task of a run; `operator` is its class."""

    task_id: str
    operator: str
    state: str
    tries: int


class Airflow:
    """A user's session at an API server. It is a context manager."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False)
        answer = self._http.post("/auth/token", json={"username": username, "password": password})
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> "Airflow":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """Wait until the DAG processor has read it, and unpause it."""
        deadline = time.monotonic() + seconds
        while self._http.get(f"/api/v2/dags/{dag_id}").status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                errors = self._get("/api/v2/importErrors")["import_errors"]
                raise RunFailed(f"there is no DAG {dag_id} after {seconds:g} s; import errors: {errors}")
            time.sleep(_POLL_SECONDS)
        self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def run(self, dag_id: str, seconds: float) -> list[TaskInstance]:
        """Trigger a DAG, wait until it has succeeded, and say what its tasks did."""
        asked = self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": {}})
        asked.raise_for_status()
        run = f"/api/v2/dags/{dag_id}/dagRuns/{asked.json()['dag_run_id']}"
        deadline = time.monotonic() + seconds
        while (state := self._get(run)["state"]) in ("queued", "running") and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        tasks = [_task(row) for row in self._get(f"{run}/taskInstances?limit=1000")["task_instances"]]
        if state != "success":
            left = ", ".join(f"{task.task_id} {task.state}" for task in tasks if task.state != "success")
            raise RunFailed(f"{dag_id} is {state} after at most {seconds:g} s: {left}")
        return tasks

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._http.get(path)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


def _task(row: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(row["task_id"], row["operator_name"], str(row["state"]), row["try_number"])
