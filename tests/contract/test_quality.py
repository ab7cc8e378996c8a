"""Blind jobs: ground truth, the quality reports that are made with it, and consensus replicas."""

import pytest

from tests.contract.objects import Task, filled_task, new_task, request_ended
from tests.contract.wire import recorded

CALLS = recorded("quality")
LABELS = {"labels": [{"name": "person", "type": "rectangle"}, {"name": "car", "type": "rectangle"}]}
IDS = frozenset({"obj_id", "target_last_updated", "gt_last_updated", "result_id", "report_id", "all", "started_date"})
CHOSEN = [1, 6, 7, 9]  # as the server of the recordings had drawn them


@pytest.fixture
def task(admin):
    """Ten frames in two jobs."""
    return filled_task(admin, 10, **LABELS, segment_size=5)


def _ground_truth(admin, task: Task, frames=CHOSEN):
    body = {"type": "ground_truth", "task_id": task.id, "frame_selection_method": "manual", "frames": frames}
    return admin.post("/api/jobs", json=body)


def _drawn(admin, task: Task, case: str):
    """The shapes that were sent then, with the labels of here."""
    found = admin.get("/api/labels", params={"task_id": task.id}).json()["results"]
    labels = dict(zip((97, 98), (label["id"] for label in found), strict=True))
    sent = CALLS[case].sent
    return {**sent, "shapes": [{**shape, "label_id": labels[shape["label_id"]]} for shape in sent["shapes"]]}


def test_ground_truth_is_a_job_of_chosen_frames(admin, task):
    made = _ground_truth(admin, task)
    assert CALLS["ground truth"].differences(made) == []
    meta = admin.get(f"/api/jobs/{made.json()['id']}/data/meta")
    assert CALLS["meta of ground truth"].differences(meta, own=frozenset({"image_quality"})) == []
    assert [frame["name"] for frame in meta.json()["frames"]] == [
        f"frame_{n:04d}.jpg" if n in CHOSEN else "placeholder.jpg" for n in range(10)
    ]
    listed = admin.get("/api/jobs", params={"task_id": task.id, "sort": "id"})
    assert CALLS["jobs with ground truth"].differences(listed) == []
    assert admin.get("/api/jobs", params={"task_id": task.id, "type": "ground_truth"}).json()["count"] == 1
    assert admin.get(f"/api/tasks/{task.id}").json()["validation_mode"] == "gt"


def test_the_same_seed_chooses_the_same_frames_as_then(admin, task):
    made = admin.post("/api/jobs", json={**CALLS["ground truth"].sent, "task_id": task.id}).json()
    assert admin.get(f"/api/jobs/{made['id']}/data/meta").json()["included_frames"] == CHOSEN


def test_a_task_has_one_ground_truth_and_no_other_job_can_be_made(admin, task):
    _ground_truth(admin, task)
    assert CALLS["second ground truth"].differences(_ground_truth(admin, task)) == []
    other = {**CALLS["another type"].sent, "task_id": task.id}
    assert CALLS["another type"].differences(admin.post("/api/jobs", json=other)) == []
    empty = {**CALLS["no data yet"].sent, "task_id": new_task(admin, **LABELS)}
    assert CALLS["no data yet"].differences(admin.post("/api/jobs", json=empty)) == []


@pytest.mark.parametrize("frames", [[1, 1], [10]])
def test_frames_that_repeat_or_are_not_there_are_refused(admin, task, frames):
    assert _ground_truth(admin, task, frames).status_code == 400
    assert admin.get("/api/jobs", params={"task_id": task.id}).json()["count"] == len(task.jobs)


def test_ground_truth_can_be_removed_and_made_again(admin, task):
    first = _ground_truth(admin, task).json()["id"]
    assert admin.delete(f"/api/jobs/{first}").status_code == 204
    assert admin.get(f"/api/jobs/{first}").status_code == 404
    assert _ground_truth(admin, task, [0]).json()["frame_count"] == 1


def test_what_is_drawn_in_ground_truth_is_not_the_task_s(admin, task):
    job = _ground_truth(admin, task).json()["id"]
    admin.put(f"/api/jobs/{job}/annotations", json=_drawn(admin, task, "draw the truth"))
    assert admin.get(f"/api/tasks/{task.id}/annotations").json()["shapes"] == []
    admin.put(f"/api/tasks/{task.id}/annotations", json=_drawn(admin, task, "draw the task"))
    assert len(admin.get(f"/api/jobs/{job}/annotations").json()["shapes"]) == 8


def test_the_report_is_as_then(admin, task):
    job = _ground_truth(admin, task).json()["id"]
    admin.put(f"/api/jobs/{job}/annotations", json=_drawn(admin, task, "draw the truth"))
    admin.put(f"/api/tasks/{task.id}/annotations", json=_drawn(admin, task, "draw the task"))
    wanted = {"task_id": task.id}
    assert CALLS["report too early"].differences(admin.post("/api/quality/reports", json=wanted)) == []
    accepted = admin.patch(f"/api/jobs/{job}", json=CALLS["accept the truth"].sent)
    assert CALLS["accept the truth"].differences(accepted) == []
    asked = admin.post("/api/quality/reports", json=wanted)
    assert CALLS["ask for a report"].differences(asked) == []
    ended = request_ended(admin, asked)
    assert CALLS["finished report"].differences(ended, own=IDS) == []
    reports = admin.get("/api/quality/reports", params=wanted)
    assert CALLS["reports"].differences(reports, own=IDS) == []
    of_task = admin.get("/api/quality/reports", params={**wanted, "target": "task"})
    assert CALLS["report of the task"].differences(of_task, own=IDS) == []
    report = of_task.json()["results"][0]["id"]
    assert ended.json()["result_id"] == report
    data = admin.get(f"/api/quality/reports/{report}/data")
    assert CALLS["data of the report"].differences(data, own=IDS) == []
    conflicts = admin.get("/api/quality/conflicts", params={"report_id": report, "page_size": 2})
    assert CALLS["conflicts"].differences(conflicts, own=IDS) == []
    assert CALLS["settings"].differences(admin.get("/api/quality/settings", params=wanted), own=IDS) == []


def test_each_job_of_a_task_with_replicas_has_its_own(admin):
    made = {"segment_size": 5, "consensus_replicas": 2}
    task = filled_task(admin, 5, **LABELS, **made)
    assert admin.get(f"/api/tasks/{task.id}").json()["consensus_enabled"] is True
    listed = admin.get("/api/jobs", params={"task_id": task.id, "sort": "id"})
    assert CALLS["jobs with replicas"].differences(listed, own=frozenset({"parent_job_id"})) == []
    parents = [job["parent_job_id"] for job in listed.json()["results"]]
    assert parents == [None, task.jobs[0], task.jobs[0]]


def test_one_replica_is_none(admin):
    wanted = {"name": "one", **LABELS, "consensus_replicas": 1}
    assert admin.post("/api/tasks", json=wanted).status_code == 400
