"""`make up`, for real: Airflow's scheduler and triggerer, asked through the REST API, and what is left when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.local.days import land, review
from include.local.rest import AirflowApi, AirflowRefused
from include.local.running import EVALUATE, INGEST, RELEASE, running_stack
from include.local.stack import ROOT, Stack

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("default")]  # Airflow's and CVAT's own

START_SECONDS, RUN_SECONDS, STOP_SECONDS = 300.0, 300.0, 60.0
SKIPPED = {
    "prediction_shards",
    "predict",
    "judge_failures",
    "plan",
    "batch_shards",
    "refresh_shards",
    "refresh",
    "sum_up",
}


@dataclass(frozen=True)
class Up:
    """A running `make up`, as one has it before oneself: a process, its words, and the API behind its UI."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    log: Path
    stack: Stack
    api: AirflowApi

    def run(self, dag_id: str, **conf: object) -> str:
        """A run that must succeed; its id."""
        run_id = self.api.trigger(dag_id, conf)
        assert self.api.wait(dag_id, run_id, RUN_SECONDS) == "success"
        return run_id

    def tasks(self, run_id: str) -> dict[str, str | None]:
        """The states of an ingest run's tasks."""
        rows = self.api.get(f"/dags/{INGEST}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {row["task_id"]: row["state"] for row in rows}

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.api.get(path, deserialize="true")["value"]

    def images(self) -> dict[str, int]:
        ledger = self.stack.ledger()
        try:
            return {state: count for (state, _), count in ledger.images.counts("street_signs").items()}
        finally:
            ledger.engine.dispose()


def up_on(folder: Path) -> "tuple[subprocess.Popen[bytes], Path]":
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        command = [sys.executable, "-m", "include.local", "--folder", str(folder), "up"]
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT), log


@contextmanager
def started(folder: Path) -> Iterator[Up]:
    process, log = up_on(folder)
    try:
        deadline = time.monotonic() + START_SECONDS
        while "The stack runs." not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        stack, airflow = running_stack(folder)
        with AirflowApi(airflow) as api:
            yield Up(process, folder, log, stack, api)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "state"


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    with started(folder) as running:
        yield running
        running.process.terminate()
        assert running.process.wait(STOP_SECONDS) == 0
        assert "Stopped." in running.log.read_text()
        assert processes_of(folder) == {}


def processes_of(folder: Path) -> dict[int, str]:
    """The processes that run on a folder: it is in their environment or on their command line."""
    found, mark = {}, str(folder).encode()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is none of ours
            command = (path / "cmdline").read_bytes()
            if command and mark in command + (path / "environ").read_bytes():
                found[int(path.name)] = command.replace(b"\0", b" ").decode()
    found.pop(os.getpid(), None)
    return found


def test_nobody_gets_in_without_the_password(up: Up) -> None:
    _, airflow = running_stack(up.folder)
    assert httpx.get(f"{airflow.url}/api/v2/dags").status_code == 401
    wrong = {"username": airflow.username, "password": "guessed"}
    assert httpx.post(f"{airflow.url}/auth/token", json=wrong).status_code == 401
    assert airflow.password in up.log.read_text()


def test_a_second_one_on_the_same_folder_is_refused(up: Up) -> None:
    command = [sys.executable, "-m", "include.local", "--folder", str(up.folder)]
    for verb in ("up", "demo"):
        second = subprocess.run([*command, verb], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 1
        assert f"a stack runs on {up.folder} already: stop it first" in second.stderr


@pytest.mark.parametrize("conf", [{"images": 0}, {"review_by": "tomorrow"}, {"dry_run": "yes"}, {"prefix": "/x"}])
def test_what_the_form_does_not_allow_the_api_refuses(up: Up, conf: dict[str, object]) -> None:
    with pytest.raises(AirflowRefused, match=rf"40.|42.*{next(iter(conf))}"):
        up.api.trigger(INGEST, conf)


def test_the_api_answers_whom_airflow_knows(up: Up) -> None:
    url = f"{running_stack(up.folder)[1].url}/labelcycle/projects/street_signs"
    assert httpx.get(f"{url}/next").status_code == 401
    known = {"Authorization": f"Bearer {up.api.token}"}
    assert httpx.get(f"{url}/next", headers=known, timeout=60).status_code == 204
    answer = httpx.post(f"{url}/jobs/1/decision", headers=known, json={"decision": "approved"}, timeout=60)
    assert answer.json() == {
        "detail": "project street_signs has no job 1 that has come to people: give CVAT's id of one"
    }


def test_a_day_from_the_bucket_to_a_version(up: Up) -> None:
    assert land(up.stack, 1) == 48
    dry = up.run(INGEST, dry_run=True)
    seen = up.xcom(INGEST, dry, "discover", "dry_run")
    assert (seen["new"], seen["to_predict"], seen["batches"]) == (48, 48, 3)
    assert {up.tasks(dry)[task] for task in SKIPPED} == {"skipped"}
    assert up.images() == {}

    hold(up, held=True)
    run_id = up.api.trigger(INGEST, {"images": 16, "review_by": "P3D"})
    wait_until_deferred(up, run_id)
    hold(up, held=False)
    assert up.api.wait(INGEST, run_id, RUN_SECONDS) == "success"
    assert up.images() == {"batched": 16}

    assert review(up.stack).jobs > 0
    up.run(EVALUATE)
    would = up.xcom(RELEASE, up.run(RELEASE, dry_run=True), "pin_release", "dry_run")
    assert (would["tag"], sum(would["images"].values()), would["held_back"]) == ("street_signs-v1.0.0", 16, None)
    up.run(RELEASE)
    assert "street_signs-v1.0.0" in tags(up.stack)


def hold(up: Up, *, held: bool) -> None:
    httpx.post(f"{up.stack.cvat.url}/emulator/worker", json={"held": held}).raise_for_status()


def wait_until_deferred(up: Up, run_id: str) -> None:
    """The sensor gives its worker back: this is what `dag.test()` cannot show."""
    deadline = time.monotonic() + RUN_SECONDS
    while (state := up.tasks(run_id).get("carry.wait_for_data")) != "deferred":
        assert time.monotonic() < deadline, f"the wait is {state}"
        time.sleep(0.3)


def tags(stack: Stack) -> list[str]:
    command = ["git", "-C", str(stack.repository), "tag"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_nothing_outlives_a_stack_that_is_killed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    with started(tmp_path / "state") as running:
        land(running.stack, 1)
        running.api.trigger(INGEST)
        time.sleep(5)
        assert len(processes_of(running.folder)) > 10
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        deadline = time.monotonic() + STOP_SECONDS
        while left := processes_of(running.folder):
            assert time.monotonic() < deadline, left
            time.sleep(0.2)
