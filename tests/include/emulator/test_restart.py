"""A server that is killed at an awkward moment, and the next one on the same folder."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.contract.objects import Task, filled_task, jpeg, new_task, upload
from tests.include.emulator.servers import running
from tests.include.emulator.waiting import status_of, until

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Survivor:
    """The second server, and what the first one was asked before it was killed."""

    admin: httpx.Client
    annotated: Task
    answers: dict[str, bytes]
    started: int
    queued: int
    half_sent: int
    parts: list[str]


def _annotate(admin: httpx.Client, task: Task) -> None:
    [label] = admin.get("/api/labels", params={"task_id": task.id}).json()["results"]
    shape = {"type": "rectangle", "frame": 2, "label_id": label["id"], "points": [1, 2, 3, 4]}
    admin.put(f"/api/tasks/{task.id}/annotations", json={"shapes": [shape]})


def _send_half(admin: httpx.Client) -> int:
    task = new_task(admin)
    path = f"/api/tasks/{task}/data/"
    admin.post(path, headers={"Upload-Start": ""})
    files = {"client_files[0]": ("a.jpg", jpeg())}
    admin.post(path, headers={"Upload-Multiple": ""}, data={"image_quality": "70"}, files=files)
    return task


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    folder = tmp_path_factory.mktemp("killed")
    with running(folder) as first:
        annotated = filled_task(first.admin, frames=3, labels=[{"name": "car"}], segment_size=2)
        _annotate(first.admin, annotated)
        rests = ("data/meta", "annotations", "data?type=frame&number=2")
        answers = {path: first.admin.get(path).content for path in (f"/api/tasks/{annotated.id}/{r}" for r in rests)}
        half_sent = _send_half(first.admin)
        (folder / "uploads" / str(half_sent) / ".half.part").write_bytes(b"what was being written")
        first.admin.post("/emulator/worker", json={"delay_s": 60})
        started, queued = (new_task(first.admin) for _ in range(2))
        for task in (started, queued):
            upload(first.admin, task, {"a.jpg": jpeg(), "b.jpg": jpeg()})
        until(lambda: status_of(first.admin, started) == "started")
        assert status_of(first.admin, queued) == "queued"
        assert first.admin.get("/api/jobs", params={"task_id": started}).json()["count"] == 0
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    with running(folder) as second:
        parts = [path.name for path in folder.glob("uploads/*/.*.part")]
        yield Survivor(second.admin, annotated, answers, started, queued, half_sent, parts)


def test_everything_that_was_answered_is_still_there(survivor):
    assert {path: survivor.admin.get(path).content for path in survivor.answers} == survivor.answers
    assert new_task(survivor.admin) > survivor.queued


def test_started_and_queued_requests_are_done_once(survivor):
    tasks = (survivor.started, survivor.queued)
    until(lambda: all(status_of(survivor.admin, task) == "finished" for task in tasks))
    for task in tasks:
        assert survivor.admin.get(f"/api/tasks/{task}").json()["size"] == 2
        assert survivor.admin.get("/api/jobs", params={"task_id": task}).json()["count"] == 1


def test_upload_goes_on(survivor):
    assert survivor.parts == []
    path = f"/api/tasks/{survivor.half_sent}/data/"
    finish = survivor.admin.post(path, headers={"Upload-Finish": ""}, json={"image_quality": 70})
    assert finish.status_code == 202
    until(lambda: status_of(survivor.admin, survivor.half_sent) == "finished")


def test_stops_cleanly_on_sigterm(tmp_path):
    with running(tmp_path) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=15) == 0
