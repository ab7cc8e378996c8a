"""Backups of tasks and projects, and what is restored from them."""

import base64
import io
import zipfile

import httpx
import pytest

from tests.contract.objects import filled_task, jpeg, new_project, new_task, request_ended
from tests.contract.wire import recorded

CALLS = recorded("backups")
OWN = frozenset({"result_url", "result_id"})
TUS = {"Tus-Resumable": "1.0.0"}


def _backup(admin, key, of="tasks", **query):
    answer = admin.post(f"/api/{of}/{key}/backup/export", params=query)
    ended = request_ended(admin, answer)
    assert ended.json()["status"] == "finished", ended.json()["message"]
    got = admin.get(ended.json()["result_url"])
    assert (got.status_code, got.headers["content-type"]) == (200, "application/zip")
    return got


def _restored(admin, content, of="tasks"):
    field = "task_file" if of == "tasks" else "project_file"
    ended = request_ended(admin, admin.post(f"/api/{of}/backup", files={field: ("a.zip", content)}))
    assert ended.json()["status"] == "finished", ended.json()["message"]
    return ended


@pytest.fixture(scope="module")
def own_project(admin):
    return new_project(admin)


@pytest.fixture(scope="module")
def worked_on(admin, own_project):
    """Three jobs of a project's task: two in validation, one accepted; with shapes, a tag and a skeleton."""
    task = filled_task(admin, project_id=own_project.id, segment_size=10, overlap=0, subset="Train")
    labels = admin.get("/api/labels", params={"project_id": own_project.id}).json()["results"]
    person, *_ = (label for label in labels if label["name"] == "person")
    car, *_ = (label for label in labels if label["name"] == "car")
    [skeleton] = [label for label in labels if label["type"] == "skeleton"]
    box = {"type": "rectangle", "points": [1, 2, 30, 40]}
    elements = [
        {"type": "points", "frame": 3, "label_id": sub["id"], "points": [5, 5]} for sub in skeleton["sublabels"]
    ]
    shapes = [
        {**box, "frame": 0, "label_id": person["id"], "source": "auto", "score": 0.5},
        {**box, "frame": 11, "label_id": car["id"], "rotation": 20, "occluded": True},
        {"type": "skeleton", "frame": 3, "label_id": skeleton["id"], "points": [], "elements": elements},
    ]
    sent = {"shapes": shapes, "tags": [{"frame": 25, "label_id": person["id"]}]}
    assert admin.put(f"/api/tasks/{task.id}/annotations", json=sent).status_code == 200
    for job, change in zip(task.jobs, ("validation", "validation", "acceptance"), strict=True):
        state = "completed" if change == "acceptance" else "new"
        assert admin.patch(f"/api/jobs/{job}", json={"stage": change, "state": state}).status_code == 200
    return task


def _held(admin, task, labels_of):
    """What is on a task, with labels and attributes by name."""
    rows = admin.get("/api/labels", params=labels_of).json()["results"]
    labels = {label["id"]: label for row in rows for label in (row, *row["sublabels"])}

    def named(item):
        bare = {key: value for key, value in item.items() if key not in ("id", "label_id", "attributes", "elements")}
        label = labels[item["label_id"]]
        specs = {spec["id"]: spec["name"] for spec in label["attributes"]}
        values = {specs[value["spec_id"]]: value["value"] for value in item["attributes"]}
        return bare | {"label": label["name"], "values": values, "elements": list(map(named, item.get("elements", [])))}

    held = admin.get(f"/api/tasks/{task}/annotations").json()
    return [named(item) for kind in ("shapes", "tags") for item in held[kind]]


def test_backup_of_a_task(admin, worked_on):
    answer = admin.post(f"/api/tasks/{worked_on.id}/backup/export", params={"lightweight": "False"})
    assert CALLS["export"].differences(answer) == []
    me = admin.get("/api/users/self").json()["id"]
    expected = f"action=export&target=task&target_id={worked_on.id}&user_id={me}&subresource=backup"
    assert answer.json() == {"rq_id": expected}
    assert CALLS["finished"].differences(request_ended(admin, answer), own=OWN) == []
    name = admin.get(f"/api/tasks/{worked_on.id}").json()["name"]
    disposition = _backup(admin, worked_on.id).headers["content-disposition"]
    assert disposition.startswith(f'attachment; filename="task_{name}_backup_20')


def test_restored_task_is_out_of_its_project_and_its_jobs_begin_anew(admin, own_project, worked_on):
    ended = _restored(admin, _backup(admin, worked_on.id).content)
    assert CALLS["imported"].differences(ended, own=OWN) == []
    new = ended.json()["result_id"]
    assert new != worked_on.id
    assert CALLS["task"].differences(admin.get(f"/api/tasks/{new}")) == []
    jobs = admin.get("/api/jobs", params={"task_id": new})
    assert [(job["stage"], job["state"]) for job in jobs.json()["results"]] == [("annotation", "new")] * 3
    assert CALLS["jobs"].differences(jobs) == []  # their status is as it was, though
    before = _held(admin, worked_on.id, {"project_id": own_project.id})
    assert _held(admin, new, {"task_id": new}) == before
    assert {item["source"] for item in before} == {"auto", "manual"}


def test_restored_task_has_the_images(admin, worked_on):
    new = _restored(admin, _backup(admin, worked_on.id).content).json()["result_id"]
    frame = {"type": "frame", "quality": "original", "number": 29}
    assert (
        admin.get(f"/api/tasks/{new}/data", params=frame).content
        == admin.get(f"/api/tasks/{worked_on.id}/data", params=frame).content
    )
    names = [frame["name"] for frame in admin.get(f"/api/tasks/{new}/data/meta").json()["frames"]]
    assert names == [f"frame_{i:04d}.jpg" for i in range(30)]


def test_backup_is_sent_in_pieces(admin, worked_on):
    content = _backup(admin, worked_on.id).content
    start = admin.post("/api/tasks/backup/", params={"filename": "b.zip"}, headers={"Upload-Start": ""})
    assert CALLS["start"].differences(start) == []
    name = base64.b64encode(b"b.zip").decode()
    about = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"}
    begun = admin.post("/api/tasks/backup/", headers=about)
    assert CALLS["begin tus"].differences(begun) == []
    piece = {**TUS, "content-type": "application/offset+octet-stream", "Upload-Offset": "0"}
    sent = admin.patch(begun.headers["location"], content=content, headers=piece)
    assert CALLS["piece"].differences(sent) == []
    query = {"filename": begun.headers["upload-filename"]}
    finish = admin.post("/api/tasks/backup/", params=query, headers={"Upload-Finish": ""})
    assert CALLS["finish"].differences(finish) == []
    assert request_ended(admin, finish).json()["result_id"] > worked_on.id


def test_project_comes_back_with_its_tasks_and_labels(admin, own_project, worked_on):
    answer = admin.post(f"/api/projects/{own_project.id}/backup/export")
    assert CALLS["export project"].differences(answer) == []
    assert CALLS["finished project"].differences(request_ended(admin, answer), own=OWN) == []
    content = _backup(admin, own_project.id, "projects").content
    new = _restored(admin, content, "projects").json()["result_id"]
    tasks = admin.get("/api/tasks", params={"project_id": new}).json()["results"]
    assert [task["name"] for task in tasks] == [admin.get(f"/api/tasks/{worked_on.id}").json()["name"]]
    before = admin.get("/api/labels", params={"project_id": own_project.id}).json()["results"]
    after = admin.get("/api/labels", params={"project_id": new}).json()["results"]
    shown = ("name", "color", "type", "has_parent")
    assert [[label[key] for key in shown] for label in after] == [[label[key] for key in shown] for label in before]
    held = _held(admin, tasks[0]["id"], {"project_id": new})
    assert held == _held(admin, worked_on.id, {"project_id": own_project.id})


def test_bad_file_fails(admin):
    sent = admin.post("/api/tasks/backup", files={"task_file": ("x.zip", b"not a zip\n")})
    assert CALLS["bad file"].differences(request_ended(admin, sent)) == []


def test_another_archive_fails_and_makes_nothing(admin):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.txt", "words")
    count = admin.get("/api/tasks").json()["count"]
    sent = admin.post("/api/tasks/backup", files={"task_file": ("x.zip", target.getvalue())})
    assert request_ended(admin, sent).json()["status"] == "failed"
    assert admin.get("/api/tasks").json()["count"] == count


def test_backup_refused(admin, annotator, cvat_url, worked_on):
    assert CALLS["export of no task"].differences(admin.post("/api/tasks/99999999/backup/export")) == []
    assert CALLS["without data"].differences(admin.post(f"/api/tasks/{new_task(admin)}/backup/export")) == []
    assert annotator.post(f"/api/tasks/{worked_on.id}/backup/export").status_code == 403
    assert admin.post("/api/tasks/backup", files={"other": ("x.zip", b"")}).status_code == 400
    assert httpx.post(f"{cvat_url}/api/tasks/backup").status_code == 401


def test_backup_of_linked_images_has_them_unless_it_is_lightweight(admin, bucket):
    bucket.put("a.jpg", jpeg())
    storage = admin.post("/api/cloudstorages", json=bucket.storage()).json()["id"]
    task = new_task(admin, labels=[{"name": "a"}])
    linked = {"image_quality": 70, "server_files": ["a.jpg"], "cloud_storage_id": storage}
    request_ended(admin, admin.post(f"/api/tasks/{task}/data", json=linked))
    light = zipfile.ZipFile(io.BytesIO(_backup(admin, task, lightweight="true").content)).namelist()
    full = zipfile.ZipFile(io.BytesIO(_backup(admin, task, lightweight="false").content)).namelist()
    assert [name for name in light if name.endswith(".jpg")] == []
    assert [name for name in full if name.endswith(".jpg")] == ["data/a.jpg"]
