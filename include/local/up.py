"""The stack one can click through: all of it, with its UIs, until it is told to stop."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from include.local.airflow import serve_airflow
from include.local.mlflow import serve_mlflow
from include.local.processes import ServerFailed
from include.local.rest import Airflow
from include.local.stack import Stack, embedded
from include.local.state import InUse


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM. No error, so that nothing takes it for one."""


def up(folder: Path) -> int:
    """Run the stack on what a folder holds until Ctrl-C or SIGTERM; the exit code is 0 if it could be started."""
    try:
        with _until_stopped(), ExitStack() as servers:
            print(f"Starting on {folder} (half a minute to a minute) …", flush=True)
            stack = servers.enter_context(embedded(folder))
            mlflow = servers.enter_context(serve_mlflow(stack))
            airflow = servers.enter_context(serve_airflow(stack))
            print(_page(stack, airflow, mlflow), flush=True)
            servers.callback(print, "Stopping …", flush=True)
            signal.pause()
    except (InUse, ServerFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("Stopped. The state stays; make up goes on with it.", flush=True)
    return 0


@contextmanager
def _until_stopped() -> Iterator[None]:
    """End the block at the first Ctrl-C or SIGTERM, whatever it is doing; further ones do not disturb the ending."""

    def stop(_: int, __: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(_Stopped):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _page(stack: Stack, airflow: Airflow, mlflow: str) -> str:
    return f"""
The stack runs.
  quality     {airflow.url.rstrip("/")}/labelcycle/quality   log in as for Airflow
  Airflow     {airflow.url}   user {airflow.username}, password {airflow.password}
  MLflow      {mlflow}   the runs are under Model training, Experiments, labelcycle/street_signs
  CVAT        {stack.cvat.url}/api/   an emulator: the API without CVAT's pages; its data is in {stack.folder / "cvat"}
    admin     user {stack.cvat.username}, password {stack.cvat.password}
    reviewer  user {stack.reviewer.username}, password {stack.reviewer.password}
  S3          {stack.bucket.endpoint_url}   its objects are in {stack.folder / "bucket"}
  logs        {stack.folder / "logs"}

In another shell: make day lands the next day's photographs and asks for an ingest run; make review lets the reviewer
work on what it brought. The DAGs' forms are under Trigger in Airflow. Ctrl-C here stops everything.
"""
