"""How long after CVAT is done the pipeline knows the job ids, and how many calls it took.

On the emulator, whose requests take from 0.6 to 2.4 s here, as a real server's do for up to 2,000 linked images. The
delay is from the request's own `finished_date` to the answer that has the jobs' ids; both clocks are this machine's.
The other ways: the SDK's `Task.upload_data(wait_for_completion=True)` as it is, and asking in fixed steps. Medians;
calls are those that read, an upload.
"""

import asyncio
import io
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median

import httpx
from PIL import Image

from benchmarks.results import Row, save
from include.clients.cvat import CvatAccess
from include.clients.cvat.lines import Watched
from include.clients.cvat.poller import wait_for_requests

_PASSWORD = "only-for-the-benchmark"
_IMAGES = 1000
_SHORTEST, _LONGEST = 0.6, 2.4  # seconds that a request takes


@dataclass(frozen=True, slots=True)
class _Cvat:
    """The emulator, and the calls that a person makes to it."""

    access: CvatAccess
    http: httpx.Client
    picture: Path

    def task(self) -> int:
        """A new task without data."""
        answer = self.http.post("/api/tasks", json={"name": "knowing", "labels": [{"name": "car"}]})
        return int(answer.raise_for_status().json()["id"])

    def submit(self, task: int) -> str:
        """Upload an image; the request that attaches it."""
        files = {"client_files[0]": ("a.jpg", self.picture.read_bytes(), "image/jpeg")}
        answer = self.http.post(f"/api/tasks/{task}/data", data={"image_quality": "70"}, files=files)
        return str(answer.raise_for_status().json()["rq_id"])

    def status(self, request_id: str) -> str:
        return str(self.http.get(f"/api/requests/{request_id.replace('&', '%26')}").json()["status"])

    def jobs(self, task: int) -> None:
        """Know the ids. Raises where there are none."""
        if not self.http.get("/api/jobs", params={"task_id": task}).json()["results"]:
            raise RuntimeError(f"task {task} has no jobs")

    def finished(self, task: int) -> datetime:
        """When CVAT was done, as it says itself."""
        request = self.http.get(f"/api/requests/action=create%26target=task%26target_id={task}").json()
        return datetime.fromisoformat(request["finished_date"])

    def take(self, seconds: float) -> None:
        """Let requests take so long."""
        self.http.post("/emulator/worker", json={"delay_s": seconds}).raise_for_status()


class _Reads(logging.Handler):
    """Counts the reading calls that httpx and urllib3 log."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        args = record.args if isinstance(record.args, tuple) else ()
        self.count += "GET" in args


@contextmanager
def _reads() -> Iterator[_Reads]:
    reads = _Reads()
    for name, level in (("httpx", logging.INFO), ("urllib3.connectionpool", logging.DEBUG)):
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).addHandler(reads)
    yield reads
    for name in ("httpx", "urllib3.connectionpool"):
        logging.getLogger(name).removeHandler(reads)


@contextmanager
def _emulator() -> Iterator[_Cvat]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "include.emulator", "--data", folder]
        environment = {**os.environ, "CVAT_ADMIN_PASSWORD": _PASSWORD}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            body = {"name": "benchmark", "read_only": False}
            answer = httpx.post(f"{url}/api/auth/access_tokens", json=body, auth=("admin", _PASSWORD))
            token, picture = answer.raise_for_status().json()["value"], Path(folder, "a.jpg")
            target = io.BytesIO()
            Image.new("RGB", (64, 48)).save(target, "JPEG")
            picture.write_bytes(target.getvalue())
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
                yield _Cvat(CvatAccess(url, token=token), http, picture)
            process.terminate()


# The ways: each attaches an image to each task, and gives when it knew the jobs of each


def _ours(cvat: _Cvat, tasks: list[int]) -> list[datetime]:
    async def known(task: int, request_id: str, deadline: datetime) -> datetime:
        ended = await wait_for_requests(cvat.access, [Watched(request_id, deadline, _IMAGES)])
        if ended[request_id].answer != "finished":
            raise RuntimeError(str(ended))
        await asyncio.to_thread(cvat.jobs, task)
        return datetime.now(UTC)

    async def all_known() -> list[datetime]:
        deadline = datetime.now(UTC) + timedelta(minutes=5)
        return await asyncio.gather(*(known(task, one, deadline) for task, one in zip(tasks, requests, strict=True)))

    requests = [cvat.submit(task) for task in tasks]
    return asyncio.run(all_known())


def _polled(seconds: float) -> Callable[[_Cvat, list[int]], list[datetime]]:
    def way(cvat: _Cvat, tasks: list[int]) -> list[datetime]:
        waiting, known = {task: cvat.submit(task) for task in tasks}, dict[int, datetime]()
        while waiting:
            time.sleep(seconds)
            for task in [task for task, request in waiting.items() if cvat.status(request) == "finished"]:
                cvat.jobs(task)
                known[task] = datetime.now(UTC)
                del waiting[task]
        return [known[task] for task in tasks]

    return way


def _sdk(cvat: _Cvat, tasks: list[int]) -> list[datetime]:
    from cvat_sdk import Client, Config
    from cvat_sdk.core.client import AccessTokenCredentials

    with Client(cvat.access.url, config=Config(), check_server_version=False) as client:
        client.login(AccessTokenCredentials(cvat.access.token or ""))
        (task_id,) = tasks
        task = client.tasks.retrieve(task_id)
        task.upload_data([cvat.picture], wait_for_completion=True)
        task.get_jobs()
        return [datetime.now(UTC)]


def _measured(
    cvat: _Cvat, way: Callable[[_Cvat, list[int]], list[datetime]], count: int, rounds: int
) -> tuple[float, float]:
    """The median delay in seconds, and the mean of calls a task."""
    chance, delays, calls = random.Random(1), list[float](), list[float]()
    for _ in range(rounds):
        cvat.take(chance.uniform(_SHORTEST, _LONGEST))
        tasks = [cvat.task() for _ in range(count)]
        with _reads() as reads:
            known = way(cvat, tasks)
        calls.append(reads.count / count)
        delays += [(at - cvat.finished(task)).total_seconds() for task, at in zip(tasks, known, strict=True)]
    return median(delays), mean(calls)


def main() -> None:
    """Measure, and save."""
    with _emulator() as cvat:
        _measured(cvat, _ours, 1, 1)  # what is imported late
        alone, five = _measured(cvat, _ours, 1, 10), _measured(cvat, _ours, 5, 2)
        theirs = {
            "SDK's defaults": _measured(cvat, _sdk, 1, 5),
            "a look each 0.5 s": _measured(cvat, _polled(0.5), 1, 8),
            "a look each 0.1 s": _measured(cvat, _polled(0.1), 1, 8),
        }
    rows = [
        row
        for name, (delay, calls) in theirs.items()
        for row in (
            Row("delay until the job ids are known", alone[0], "s", 1, name, delay),
            Row("calls for it", alone[1], "calls", 1, name, calls),
        )
    ]
    rows += [Row("the same delay, of 5 at once", five[0], "s", 5), Row("calls for each of them", five[1], "calls", 5)]
    save("knowing", rows)


if __name__ == "__main__":
    main()
