"""Jobs: stages and states, assignees, and what somebody without privileges may do."""

from tests.contract.wire import recorded

CALLS = recorded("jobs")


def _patched(client, job, body):
    return client.patch(f"/api/jobs/{job}", json=body)


def test_stage_resets_the_state_and_status_follows(admin, task):
    job = task.jobs[0]
    for case in ("to acceptance", "rejected", "accepted", "bad state", "bad stage", "unknown field", "status"):
        assert CALLS[case].differences(_patched(admin, job, CALLS[case].sent)) == [], case
    assert CALLS["unknown assignee"].differences(_patched(admin, job, {"assignee": 99999999})) == []
    assert CALLS["no job"].differences(_patched(admin, 99999999, {"state": "new"})) == []
    assert CALLS["delete job"].differences(admin.delete(f"/api/jobs/{job}")) == []


def test_task_is_completed_with_its_last_job(admin, task):
    seen = []
    for job in task.jobs:
        _patched(admin, job, {"stage": "acceptance", "state": "completed"})
        answer = admin.get(f"/api/tasks/{task.id}").json()
        seen.append((answer["status"], answer["jobs"]["completed"]))
    assert seen == [("annotation", 1), ("annotation", 2), ("completed", 3)]
    _patched(admin, task.jobs[1], {"state": "in progress"})
    assert admin.get(f"/api/tasks/{task.id}").json()["status"] == "validation"


def test_every_patch_moves_the_updated_dates(admin, task):
    def dates():
        job = admin.get(f"/api/jobs/{task.jobs[0]}").json()
        return [job["updated_date"], admin.get(f"/api/tasks/{task.id}").json()["updated_date"]]

    before = dates()
    _patched(admin, task.jobs[0], {"state": "in progress"})
    assert all(then < now for then, now in zip(before, dates(), strict=True))


def test_annotator_sees_and_moves_only_own_jobs(admin, annotator, task):
    job, user = task.jobs[0], annotator.get("/api/users/self").json()["id"]
    assert CALLS["job of others"].differences(annotator.get(f"/api/jobs/{job}")) == []
    assert CALLS["task of others"].differences(annotator.get(f"/api/tasks/{task.id}")) == []
    assert annotator.get("/api/jobs").json()["count"] == 0
    assigned = _patched(admin, job, {"assignee": user})
    assert CALLS["assign"].differences(assigned) == []
    assert assigned.json()["assignee"]["id"] == user
    assert CALLS["own jobs"].differences(annotator.get("/api/jobs", params={"page_size": 1})) == []
    assert CALLS["own state"].differences(_patched(annotator, job, {"state": "in progress"})) == []
    assert _patched(annotator, task.jobs[1], {"state": "completed"}).status_code == 403
    assert annotator.get(f"/api/jobs/{task.jobs[1]}/annotations").status_code == 403
    assert annotator.get(f"/api/tasks/{task.id}").status_code == 403


def test_assignee_annotates_and_looks_at_the_frames(admin, annotator, task, project):
    job, user = task.jobs[0], annotator.get("/api/users/self").json()["id"]
    _patched(admin, job, {"assignee": user})
    labels = annotator.get("/api/labels", params={"job_id": job}).json()["results"]
    assert [label["name"] for label in labels] == ["person", "car", "road", "night", "pose"]
    shape = {"type": "rectangle", "frame": 0, "label_id": labels[1]["id"], "points": [1, 2, 3, 4]}
    path = f"/api/jobs/{job}/annotations"
    assert annotator.patch(path, params={"action": "create"}, json={"shapes": [shape]}).status_code == 200
    assert len(annotator.get(path).json()["shapes"]) == 1
    frame = {"type": "frame", "quality": "original", "number": 0}
    assert annotator.get(f"/api/jobs/{job}/data", params=frame).headers["content-type"] == "image/jpeg"
    assert annotator.get(f"/api/jobs/{job}/data/meta").json()["size"] == 10


def test_state_falls_back_with_the_stage(admin, task):
    job = task.jobs[0]
    _patched(admin, job, {"stage": "acceptance", "state": "completed"})
    back = _patched(admin, job, CALLS["back to annotation"].sent)
    assert (back.json()["stage"], back.json()["state"], back.json()["status"]) == ("annotation", "new", "annotation")


def test_jobs_by_stage_and_state(admin, task):
    _patched(admin, task.jobs[2], {"stage": "acceptance", "state": "completed"})
    query = {"task_id": task.id, "stage": "acceptance", "state": "completed"}
    assert [job["id"] for job in admin.get("/api/jobs", params=query).json()["results"]] == [task.jobs[2]]
    page = admin.get("/api/jobs", params={"unknown_param": 1, "task_id": task.id, "page_size": 1}).json()
    link = "/api/jobs?page=2&page_size=1&task_id={}&unknown_param=1"
    assert page["next"].endswith(link.format(task.id))
    assert CALLS["next page"].body["next"].endswith(link.format(3))


def test_task_is_assigned(admin, annotator, task):
    user = annotator.get("/api/users/self").json()["id"]
    answer = admin.patch(f"/api/tasks/{task.id}", json={"assignee_id": user})
    assert answer.json()["assignee"]["id"] == user
    assert annotator.get(f"/api/tasks/{task.id}").status_code == 200
    assert admin.patch(f"/api/tasks/{task.id}", json={"assignee_id": None}).json()["assignee"] is None
    assert admin.patch(f"/api/tasks/{task.id}", json={"assignee_id": 99999999}).status_code == 500
