"""Serverless functions: tried on a frame, and run over tasks in the background."""

import time
from urllib.parse import quote

import pytest

from tests.contract.objects import PATIENCE_S, filled_task


@pytest.fixture(scope="module")
def labels(admin, detector):
    """The detector's labels, in its order."""
    return [label["name"] for label in admin.get(f"/api/lambda/functions/{detector}").json()["labels_v2"]]


@pytest.fixture
def own_task(admin, labels):
    """Four frames in two jobs, with the detector's labels."""
    specs = [{"name": name, "type": "any"} for name in labels]
    return filled_task(admin, frames=4, labels=specs, segment_size=2)


def _path(task):
    return f"/api/lambda/requests/{quote(f'action=autoannotate&target=task&target_id={task.id}')}"


def _run(admin, detector, task, **values):
    """Runs the detector over a task; returns what the server says at its end."""
    answer = admin.post("/api/lambda/requests", json={"function": detector, "task": task.id, **values})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "queued"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        run = admin.get(_path(task)).json()
        if run["status"] in ("finished", "failed"):
            return run
        time.sleep(0.02)
    raise TimeoutError(f"the run over task {task.id} did not end within {PATIENCE_S} s")


def _shapes(admin, task):
    return admin.get(f"/api/tasks/{task.id}/annotations").json()["shapes"]


def test_detector_is_listed(admin, detector):
    one = admin.get(f"/api/lambda/functions/{detector}").json()
    assert (one["id"], one["kind"]) == (detector, "detector")
    assert one in admin.get("/api/lambda/functions").json()


def test_unknown_function(admin, own_task):
    asked = admin.get("/api/lambda/functions/nope")
    assert asked.status_code == 404
    assert asked.json().startswith("404 Client Error: Not Found for url: ")
    run = admin.post("/api/lambda/requests", json={"function": "nope", "task": own_task.id})
    assert (run.status_code, run.json()) == (404, asked.json())


def test_trial_on_a_frame_stores_nothing(admin, detector, own_task):
    answer = admin.post(f"/api/lambda/functions/{detector}", json={"task": own_task.id, "frame": 1})
    assert answer.status_code == 200
    for shape in answer.json()["shapes"]:
        assert (shape["id"], shape["frame"], shape["source"], shape["score"]) == (None, 1, "auto", 1)
    assert _shapes(admin, own_task) == []


def test_trial_needs_a_frame_of_the_job(admin, detector, own_task):
    path = f"/api/lambda/functions/{detector}"
    outside = admin.post(path, json={"job": own_task.jobs[1], "frame": 0})
    assert (outside.status_code, outside.json()) == (400, "The frame is outside the job range")
    nothing = admin.post(path, json={"frame": 0})
    said = f"`{detector}` lambda function was run with wrong arguments ('task')"
    assert (nothing.status_code, nothing.json()) == (400, said)


def test_run_over_a_task_drops_the_scores(admin, detector, own_task):
    run = _run(admin, detector, own_task, threshold=0.1)
    assert (run["status"], run["progress"], run["exc_info"]) == ("finished", 100, None)
    assert run["function"] == {"id": detector, "task": own_task.id, "threshold": 0.1}
    assert {(shape["source"], shape["score"]) for shape in _shapes(admin, own_task)} <= {("auto", 1.0)}
    request_id = run["id"]
    assert run in admin.get("/api/lambda/requests").json()
    assert admin.get(f"/api/requests/{quote(request_id)}").status_code == 404
    assert admin.get("/api/requests", params={"action": "autoannotate"}).json()["count"] == 0


def test_run_over_a_job_keeps_to_its_frames(admin, detector, own_task):
    run = _run(admin, detector, own_task, job=own_task.jobs[1])
    assert run["function"]["job"] == own_task.jobs[1]
    assert {shape["frame"] for shape in _shapes(admin, own_task)} <= {2, 3}


def test_labels_outside_the_mapping_are_skipped(admin, detector, labels, own_task):
    rows = admin.get("/api/labels", params={"task_id": own_task.id}).json()["results"]
    [wanted] = [row["id"] for row in rows if row["name"] == labels[-1]]
    _run(admin, detector, own_task, mapping={labels[0]: {"name": labels[-1]}})
    assert {shape["label_id"] for shape in _shapes(admin, own_task)} <= {wanted}


def test_wrong_mapping_is_accepted_and_fails(admin, detector, labels, own_task):
    run = _run(admin, detector, own_task, mapping={labels[0]: {"name": "no such label"}})
    assert run["status"] == "failed"
    assert run["exc_info"].startswith("Traceback (most recent call last):")
    body = {"function": detector, "task": own_task.id}
    again = admin.post("/api/lambda/requests", json=body).json()
    assert (again["status"], again["exc_info"]) == ("queued", run["exc_info"])


def test_cleanup_deletes_what_people_drew(admin, detector, own_task):
    label = admin.get("/api/labels", params={"task_id": own_task.id}).json()["results"][0]["id"]
    shape = {"type": "rectangle", "frame": 0, "label_id": label, "points": [1, 2, 3, 4], "source": "manual"}
    path = f"/api/tasks/{own_task.id}/annotations"
    admin.patch(path, params={"action": "create"}, json={"shapes": [shape]}).raise_for_status()
    _run(admin, detector, own_task)
    assert "manual" in {shape["source"] for shape in _shapes(admin, own_task)}
    _run(admin, detector, own_task, cleanup=True)
    assert "manual" not in {shape["source"] for shape in _shapes(admin, own_task)}


@pytest.mark.parametrize(
    ("task", "said"),
    [(99999999, ["Task matching query does not exist."]), (None, {"task": ["This field is required."]})],
    ids=["unknown task", "no task"],
)
def test_run_refused(admin, detector, task, said):
    body = {"function": detector} | ({} if task is None else {"task": task})
    answer = admin.post("/api/lambda/requests", json=body)
    assert (answer.status_code, answer.json()) == (400, said)


def test_run_over_the_task_of_others(annotator, detector, own_task):
    answer = annotator.post("/api/lambda/requests", json={"function": detector, "task": own_task.id})
    assert answer.status_code == 403
