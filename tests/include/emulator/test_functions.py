"""Serverless functions that tests register: how they answer, and their runs."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract.objects import Task, filled_task, jpeg
from tests.include.emulator.waiting import until

LABELS = [{"name": "person"}, {"name": "car"}]


@pytest.fixture
def admin(emulator: httpx.Client) -> httpx.Client:
    return emulator


@pytest.fixture
def task(admin: httpx.Client) -> Task:
    return filled_task(admin, frames=4, labels=[{"name": "person"}, {"name": "car"}], segment_size=2)


def register(admin: httpx.Client, **answers: Any) -> None:
    function = {"id": "boxes", "labels": LABELS, **answers}
    admin.post("/emulator/functions", json=function).raise_for_status()


def switch(admin: httpx.Client, **values: Any) -> None:
    admin.post("/emulator/worker", json={"queue": "annotation", **values}).raise_for_status()


def start(admin: httpx.Client, task: Task, **values: Any) -> httpx.Response:
    return admin.post("/api/lambda/requests", json={"function": "boxes", "task": task.id, **values})


def run_of(admin: httpx.Client, task: Task) -> Any:
    return admin.get(f"/api/lambda/requests/{quote(f'action=autoannotate&target=task&target_id={task.id}')}").json()


def ended(admin: httpx.Client, task: Task) -> Any:
    until(lambda: run_of(admin, task)["status"] in ("finished", "failed"))
    return run_of(admin, task)


def boxes(admin: httpx.Client, task: Task) -> list[tuple[int, str, float]]:
    labels = {row["id"]: row["name"] for row in admin.get(f"/api/labels?task_id={task.id}").json()["results"]}
    shapes = admin.get(f"/api/tasks/{task.id}/annotations").json()["shapes"]
    return [(shape["frame"], labels[shape["label_id"]], shape["score"]) for shape in shapes]


def test_what_is_found_goes_by_the_frames_name(admin: httpx.Client, task: Task) -> None:
    person = {"label": "person", "points": [1, 2, 3, 4], "confidence": 0.9}
    car = {"label": "car", "points": [1, 2, 3, 4], "confidence": 0.4}
    register(admin, finds={"frame_0002.jpg": [person, car], "*": [car]})
    start(admin, task, threshold=0.3)
    assert ended(admin, task)["status"] == "finished"
    assert boxes(admin, task) == [(0, "car", 1), (1, "car", 1), (2, "person", 1), (2, "car", 1), (3, "car", 1)]
    start(admin, task, threshold=0.5, cleanup=True)
    ended(admin, task)
    assert boxes(admin, task) == [(2, "person", 1)]


def test_deleted_frames_are_left_out(admin: httpx.Client, task: Task) -> None:
    register(admin, finds={"*": [{"label": "car", "points": [1, 2, 3, 4]}]})
    admin.patch(f"/api/tasks/{task.id}/data/meta", json={"deleted_frames": [1, 2]}).raise_for_status()
    start(admin, task)
    assert ended(admin, task)["progress"] == 100
    assert [frame for frame, _, _ in boxes(admin, task)] == [0, 3]


@contextmanager
def function(answer: Any, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A function of one's own: its address, and what it is sent."""
    sent: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", sent
        server.shutdown()
        thread.join()


def test_function_elsewhere_is_sent_each_frame(admin: httpx.Client, task: Task) -> None:
    with function([{"label": "car", "type": "rectangle", "points": [1, 2, 3, 4], "confidence": "0.9"}]) as (url, sent):
        register(admin, url=url)
        start(admin, task, job=task.jobs[1], threshold=0.5)
        assert ended(admin, task)["status"] == "finished"
    assert [base64.b64decode(body["image"]) for body in sent] == [jpeg(640, 480)] * 2
    assert {body["threshold"] for body in sent} == {0.5}
    assert boxes(admin, task) == [(2, "car", 1), (3, "car", 1)]


def test_function_that_fails(admin: httpx.Client, task: Task) -> None:
    with function({}, status=500) as (url, _):
        register(admin, url=url)
        tried = admin.post("/api/lambda/functions/boxes", json={"task": task.id, "frame": 0})
        said = f"500 Server Error: Internal Server Error for url: {url}"
        assert (tried.status_code, tried.json()) == (500, said)
        start(admin, task)
        failed = ended(admin, task)
    assert failed["status"] == "failed"
    assert said in failed["exc_info"]
    assert boxes(admin, task) == []


def test_one_run_a_task_and_an_end_ahead_of_time(admin: httpx.Client, task: Task) -> None:
    register(admin, finds={"*": [{"label": "car", "points": [1, 2, 3, 4]}]})
    switch(admin, held=True)
    path = f"/api/lambda/requests/{quote(start(admin, task).json()['id'])}"
    second = start(admin, task, job=task.jobs[0])
    text = f"Only one running request is allowed for the same task #{task.id}"
    assert (second.status_code, second.json()) == (409, text)
    other = filled_task(admin, frames=1, labels=[{"name": "car"}])  # imports do not wait for it
    assert run_of(admin, task)["status"] == "queued"
    switch(admin, held=False, delay_s=1)
    until(lambda: run_of(admin, task)["status"] == "started")
    assert admin.delete(path).status_code == 204
    run = ended(admin, task)
    switch(admin, delay_s=0)
    assert (run["status"], run["progress"]) == ("finished", 25)
    assert boxes(admin, task) == [(0, "car", 1)]
    assert boxes(admin, other) == []


def test_run_that_waits_is_forgotten_when_it_is_deleted(admin: httpx.Client, task: Task) -> None:
    register(admin, finds={"*": []})
    switch(admin, held=True)
    path = f"/api/lambda/requests/{quote(start(admin, task).json()['id'])}"
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
    switch(admin, held=False)


@pytest.mark.parametrize("answers", [{}, {"finds": {}, "error": "both"}], ids=["none", "two"])
def test_function_answers_one_way(admin: httpx.Client, answers: dict[str, Any]) -> None:
    answer = admin.post("/emulator/functions", json={"id": "odd", "labels": LABELS, **answers})
    assert answer.status_code == 422
    assert "one of url, finds and error" in answer.text


def test_anonymous_calls_are_limited_where_asked(admin: httpx.Client) -> None:
    admin.post("/emulator/clock", json={"advance_s": 61}).raise_for_status()
    admin.post("/emulator/throttle", json={"on": True}).raise_for_status()
    about = f"{admin.base_url}/api/server/about"
    with httpx.Client() as nobody:
        statuses = [nobody.get(about).status_code for _ in range(100)]
        assert statuses == [200] * 100
        refused = nobody.get(about)
        assert refused.status_code == 429
        wait_s = int(refused.headers["retry-after"])
        assert 1 <= wait_s <= 60
        assert refused.json()["detail"].startswith(f"Request was throttled. Expected available in {wait_s} second")
        login = {"username": "admin", "password": "any"}
        assert nobody.post(f"{admin.base_url}/api/auth/login", json=login).status_code == 429
        assert admin.get("/api/server/about").status_code == 200
        admin.post("/emulator/clock", json={"advance_s": 61}).raise_for_status()
        assert nobody.get(about).status_code == 200
    admin.post("/emulator/throttle", json={"on": False}).raise_for_status()
