"""The stack's Airflow: its components as servers of their own, and a login that stays.

What `airflow standalone` starts, started here one by one: standalone leaves its components behind when it is told to
end (SIGTERM), and a component that dies takes its reason with it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from include.local.processes import ServerFailed, run_once, running
from include.local.rest import Airflow, AirflowApi
from include.local.stack import Stack
from include.local.state import State

USER = "admin"
PATTERN = "%street_signs"  # the demo project's DAGs, for SQL's LIKE
DAGS = 3
_HEALTH = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
_ARGUMENTS = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}  # the API server reads the files
_START_SECONDS = 180.0
_POLL_SECONDS = 0.5


@contextmanager
def serve_airflow(stack: Stack) -> Iterator[Airflow]:
    """Run Airflow on the stack's folder, with the database that the demo used, for as long as the context lasts. It
    begins when every component is healthy and the demo project's DAGs are there and not paused.

    Raises ServerFailed if a component does not start, OSError if the API server's port has been taken.
    """
    state = State(stack.folder)
    port = state.port("airflow")
    airflow = airflow_of(state)
    environment = stack.environment() | _settings(state, airflow, port)
    _write_password(Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]), airflow)
    run_once(
        "Airflow migration", _airflow("db", "migrate"), log=state.log("airflow-migration"), environment=environment
    )
    with ExitStack() as servers, AirflowApi(airflow) as api:

        def start(component: str, answers: Callable[[], bool]) -> None:
            command, log = _airflow(component, *_ARGUMENTS.get(component, [])), state.log(f"airflow-{component}")
            servers.enter_context(
                running(
                    f"Airflow {component}",
                    command,
                    log=log,
                    answers=answers,
                    environment=environment,
                    within=_START_SECONDS,
                )
            )

        start("api-server", lambda: _answers(airflow.url))  # first: the others' tasks fail if it is not there
        for component in _HEALTH:
            start(component, lambda: True)
        _wait_until_ready(api, state)
        api.unpause(PATTERN)
        yield airflow


def airflow_of(state: State) -> Airflow:
    """The Airflow of a stack, whether it runs or not."""
    return Airflow(state.address("airflow"), USER, state.secret("airflow admin password"))


def _airflow(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


def _settings(state: State, airflow: Airflow, port: int) -> dict[str, str]:
    """What the components need beyond the settings that the demo's own runs have."""
    return {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": airflow.url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{airflow.url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:ADMIN",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state.folder / "airflow" / "passwords.json"),
        "AIRFLOW__API__SECRET_KEY": state.secret("airflow secret key"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "".join(state.secret(f"airflow token key {half}") for half in (1, 2)),
    }


def _write_password(path: Path, airflow: Airflow) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
        json.dump({airflow.username: airflow.password}, file)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/version", timeout=2).is_success
    except httpx.TransportError:
        return False


def _wait_until_ready(api: AirflowApi, state: State) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while lacking := _lacking(api):
        if time.monotonic() > deadline:
            logs = state.log("airflow").parent
            raise ServerFailed(f"Airflow has no {' and no '.join(lacking)} after {_START_SECONDS:g} s: see {logs}")
        time.sleep(_POLL_SECONDS)


def _lacking(api: AirflowApi) -> list[str]:
    """What is not there yet: components, and the demo project's DAGs."""
    health: dict[str, dict[str, str]] = api.get("/monitor/health")
    lacking = [name for name, key in _HEALTH.items() if health[key]["status"] != "healthy"]
    dags = int(api.get("/dags", dag_id_pattern=PATTERN)["total_entries"])
    return lacking if dags >= DAGS else [*lacking, "DAGs of the demo"]
