"""The emulator's own switches: requests that wait or fail, calls that fail, a clock that jumps."""

import time
from uuid import uuid4

import httpx
import pytest

from tests.contract.objects import filled_task, jpeg, new_task, upload
from tests.include.emulator.waiting import request_of, status_of, until


def test_held_requests_wait_and_are_then_done_in_order(emulator):
    emulator.post("/emulator/worker", json={"held": True})
    tasks = [new_task(emulator) for _ in range(3)]
    for task in tasks:
        upload(emulator, task, {"a.jpg": jpeg()})
    time.sleep(0.1)
    assert [status_of(emulator, task) for task in tasks] == ["queued"] * 3
    assert upload(emulator, tasks[0], {"b.jpg": jpeg()}).status_code == 400
    emulator.post("/emulator/worker", json={"held": False})
    until(lambda: status_of(emulator, tasks[-1]) == "finished")
    ended = [request_of(emulator, task).json()["finished_date"] for task in tasks]
    assert ended == sorted(ended)


def test_queued_request_is_cancelled(emulator):
    emulator.post("/emulator/worker", json={"held": True})
    task = new_task(emulator)
    upload(emulator, task, {"a.jpg": jpeg()})
    url = request_of(emulator, task).request.url
    assert emulator.post(f"{url}/cancel").status_code == 200
    assert request_of(emulator, task).status_code == 404


def test_requests_fail_on_demand(emulator):
    emulator.post("/emulator/failures", json={"count": 1, "message": "Exception: out of luck\n"})
    first, second = new_task(emulator), new_task(emulator)
    for task in (first, second):
        upload(emulator, task, {"a.jpg": jpeg()})
    until(lambda: status_of(emulator, second) == "finished")
    failed = request_of(emulator, first).json()
    assert (failed["status"], failed["message"]) == ("failed", "Exception: out of luck\n")
    assert emulator.get(f"/api/tasks/{first}/status").json()["state"] == "Failed"


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_call_fails_before_or_after_its_work(emulator, when, made):
    fault = {"method": "POST", "path": "/api/tasks", "status": 504, "when": when, "headers": {"retry-after": "3"}}
    assert emulator.post("/emulator/faults", json=fault).status_code == 204
    assert emulator.get("/api/tasks").status_code == 200
    name = f"once-{uuid4()}"
    answer = emulator.post("/api/tasks", json={"name": name})
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "3")
    assert emulator.get("/api/tasks", params={"name": name}).json()["count"] == made
    assert emulator.post("/api/tasks", json={"name": "again"}).status_code == 201


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_connection_is_dropped_before_or_after_the_work(emulator, when, made):
    emulator.post("/emulator/faults", json={"path": "/api/tasks", "drop": True, "when": when})
    name = f"once-{uuid4()}"
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        emulator.post("/api/tasks", json={"name": name})
    assert emulator.get("/api/tasks", params={"name": name}).json()["count"] == made


def test_faults_count_and_are_forgotten(emulator):
    emulator.post("/emulator/faults", json={"status": 500, "count": 2})
    emulator.post("/emulator/faults", json={"status": 429, "count": 5})
    assert [emulator.get("/api/tasks").status_code for _ in range(3)] == [500, 500, 429]
    emulator.delete("/emulator/faults")
    assert emulator.get("/api/tasks").status_code == 200


@pytest.mark.parametrize("fault", [{}, {"status": 500, "drop": True}, {"status": 200}, {"statsu": 500}])
def test_wrong_fault_is_refused(emulator, fault):
    assert emulator.post("/emulator/faults", json=fault).status_code == 422


def test_finished_request_expires_and_a_failed_one_stays(emulator):
    good = filled_task(emulator, frames=1).id
    bad = new_task(emulator)
    upload(emulator, bad, {"a.jpg": b"garbage"})
    until(lambda: status_of(emulator, bad) == "failed")
    emulator.post("/emulator/clock", json={"advance_s": 490})
    assert request_of(emulator, good).status_code == 200
    emulator.post("/emulator/clock", json={"advance_s": 20})
    gone = request_of(emulator, good)
    assert (gone.status_code, gone.text) == (404, "There is no request with specified id")
    assert emulator.get("/api/requests", params={"task_id": good}).json()["count"] == 0
    assert request_of(emulator, bad).status_code == 200


@pytest.mark.parametrize("path", ["/api/server/about", "/api/nope", "/api/tasks/1", "/emulator/health"])
def test_every_answer_says_who_gives_it(emulator, path):
    assert emulator.get(path).headers["x-labelcycle-emulator"] == "1"


def test_calls_are_spared_before_a_fault(emulator):
    emulator.post("/emulator/faults", json={"path": "/api/server/about", "status": 503, "skip": 1, "count": 2})
    answers = [emulator.get("/api/server/about").status_code for _ in range(4)]
    assert answers == [200, 503, 503, 200]
