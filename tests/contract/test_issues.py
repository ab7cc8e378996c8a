"""Issues and their comments."""

import pytest


@pytest.fixture
def issue(admin, task):
    body = {"frame": 1, "position": [10, 10, 60, 50], "job": task.jobs[0], "message": "a car?"}
    answer = admin.post("/api/issues", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_issue_begins_with_a_comment(admin, task, issue):
    assert (issue["frame"], issue["position"], issue["job"]) == (1, [10.0, 10.0, 60.0, 50.0], task.jobs[0])
    assert issue["resolved"] is False
    assert issue["comments"]["count"] == 1
    [comment] = admin.get("/api/comments", params={"issue_id": issue["id"]}).json()["results"]
    assert (comment["issue"], comment["message"]) == (issue["id"], "a car?")
    assert admin.get(f"/api/jobs/{task.jobs[0]}").json()["issues"]["count"] == 1
    assert admin.get(f"/api/jobs/{task.jobs[1]}").json()["issues"]["count"] == 0


def test_frame_outside_the_job_is_accepted(admin, task):
    body = {"frame": 99, "position": [10, 10], "job": task.jobs[0], "message": "outside"}
    assert admin.post("/api/issues", json=body).json()["frame"] == 99


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"position": []}, {"position": ["This list may not be empty."]}),
        ({"job": 99999999}, ["Job matching query does not exist."]),
    ],
    ids=["no position", "no job"],
)
def test_issue_refused(admin, task, change, said):
    body = {"frame": 1, "position": [1, 1, 5, 5], "job": task.jobs[0], "message": "m", **change}
    answer = admin.post("/api/issues", json=body)
    assert (answer.status_code, answer.json()) == (400, said)


def test_issues_are_listed_newest_first(admin, task, issue):
    body = {"frame": 12, "position": [1, 1], "job": task.jobs[1], "message": "another"}
    newer = admin.post("/api/issues", json=body).json()["id"]

    def listed(**query):
        return [row["id"] for row in admin.get("/api/issues", params=query).json()["results"]]

    assert listed(task_id=task.id) == [newer, issue["id"]]
    assert listed(job_id=task.jobs[0]) == [issue["id"]]
    assert listed(task_id=task.id, frame_id=12) == [newer]


def test_issue_is_resolved_and_answered(admin, issue):
    answer = admin.post("/api/comments", json={"issue": issue["id"], "message": "agreed"})
    assert answer.status_code == 201
    changed = admin.patch(f"/api/comments/{answer.json()['id']}", json={"message": "agreed, fixed"}).json()
    assert changed["message"] == "agreed, fixed"
    assert changed["updated_date"] > changed["created_date"]
    resolved = admin.patch(f"/api/issues/{issue['id']}", json={"resolved": True}).json()
    assert (resolved["resolved"], resolved["comments"]["count"]) == (True, 2)


def test_issue_goes_with_its_comments(admin, issue):
    [comment] = admin.get("/api/comments", params={"issue_id": issue["id"]}).json()["results"]
    assert admin.delete(f"/api/issues/{issue['id']}").status_code == 204
    gone = admin.get(f"/api/issues/{issue['id']}")
    assert (gone.status_code, gone.json()) == (404, {"detail": "No Issue matches the given query."})
    assert admin.get(f"/api/comments/{comment['id']}").status_code == 404


def test_only_who_sees_the_job_sees_its_issues(admin, annotator, task, issue):
    assert annotator.get(f"/api/issues/{issue['id']}").status_code == 403
    assert annotator.get("/api/issues").json()["count"] == 0
    user = annotator.get("/api/users/self").json()["id"]
    admin.patch(f"/api/jobs/{task.jobs[0]}", json={"assignee": user})
    assert annotator.get("/api/issues").json()["count"] == 1
    assert annotator.post("/api/comments", json={"issue": issue["id"], "message": "mine"}).status_code == 201
