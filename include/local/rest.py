"""Airflow's REST API, as far as the embedded stack and its tests ask it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

_TIMEOUT = 30.0
_POLL_SECONDS = 0.5
_ENDED = ("success", "failed")


@dataclass(frozen=True, slots=True)
class Airflow:
    """A running Airflow: where it is, and who may do everything there."""

    url: str
    username: str
    password: str = field(repr=False)


class AirflowRefused(Exception):
    """Airflow did not do what it was asked; the message has its words."""


class AirflowApi:
    """A session with a running Airflow. A context manager that closes its connections.

    Every method raises AirflowRefused for an answer that is an error, httpx.TransportError where there is none.
    """

    def __init__(self, airflow: Airflow) -> None:
        self._http = httpx.Client(base_url=airflow.url, timeout=_TIMEOUT)
        self._account = {"username": airflow.username, "password": airflow.password}
        self._token = ""

    def __enter__(self) -> "AirflowApi":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def token(self) -> str:
        """What the UI's cookie `_token` holds, too: a day's leave to do everything."""
        if not self._token:
            answer = self._send("POST", "/auth/token", json=self._account)
            self._token = str(_content("POST", "/auth/token", answer)["access_token"])
        return self._token

    def get(self, path: str, **query: str) -> Any:
        """An answer of `/api/v2`."""
        return self._call("GET", f"/api/v2{path}", params=query)

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Ask for a run; its id. Airflow refuses values that are none of the DAG's form."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, within: float) -> str:
        """How a run ended: `success` or `failed`. Raises TimeoutError if it goes on for more than so many seconds."""
        deadline = time.monotonic() + within
        while (state := str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])) not in _ENDED:
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run_id} of {dag_id} is {state} after {within:g} s")
            time.sleep(_POLL_SECONDS)
        return state

    def unpause(self, pattern: str) -> None:
        """Let the DAGs whose ids are like the pattern (SQL's LIKE) run."""
        self._call("PATCH", "/api/v2/dags", params={"dag_id_pattern": pattern}, json={"is_paused": False})

    def _call(self, method: str, path: str, **request: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return _content(method, path, self._send(method, path, headers=headers, **request))

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise AirflowRefused(
                f"Airflow does not answer yet: wait until make up says that it is ready ({error})"
            ) from None


def _content(method: str, path: str, answer: httpx.Response) -> Any:
    if answer.is_error:
        raise AirflowRefused(f"Airflow answers {answer.status_code} to {method} {path}: {answer.text}")
    return answer.json()
