"""The stack's MLflow server: the UI on the database into which the DAGs log."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from include.local.processes import running
from include.local.stack import Stack
from include.local.state import State


@contextmanager
def serve_mlflow(stack: Stack) -> Iterator[str]:
    """Serve MLflow's UI on loopback for as long as the context lasts; its URL.

    Raises ServerFailed if the server does not start, OSError if its port has been taken.
    """
    state = State(stack.folder)
    port = state.port("mlflow")
    url = state.address("mlflow")
    with running(
        "MLflow server",
        [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--backend-store-uri", stack.mlflow),
            *("--artifacts-destination", str(stack.folder / "mlflow")),
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        ],
        log=state.log("mlflow"),
        answers=lambda: _answers(url),
        environment={"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        within=120.0,
    ):
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
