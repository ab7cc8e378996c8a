"""Projects and labels."""

from uuid import uuid4

import pytest

from tests.contract.objects import new_task
from tests.contract.wire import recorded

CALLS = recorded("projects")
TASKS = recorded("tasks")
_TEXT = {"name": "text", "mutable": False, "input_type": "text", "values": [""], "default_value": ""}


def test_create_project_with_labels(admin):
    made = admin.post("/api/projects", json=CALLS["create project"].sent)
    assert CALLS["create project"].differences(made) == []
    listed = admin.get("/api/labels", params={"project_id": made.json()["id"]})
    assert CALLS["labels"].differences(listed) == []
    label = listed.json()["results"][0]
    assert (label["name"], label["color"]) == ("person", "#ff0000")
    assert label["attributes"][0]["values"] == ["none", "car"]


def test_skeleton_points_are_drawn_by_label_id(admin, project):
    listed = admin.get("/api/labels", params={"project_id": project.id}).json()["results"]
    pose = next(label for label in listed if label["type"] == "skeleton")
    for point in pose["sublabels"]:
        assert f'data-label-id="{point["id"]}"' in pose["svg"]
    assert "data-label-name" not in pose["svg"]


@pytest.mark.parametrize("case", ["duplicate labels", "bad label type", "long label"])
def test_labels_refused(admin, case):
    assert CALLS[case].differences(admin.post("/api/tasks", json=CALLS[case].sent)) == []


def test_names_are_not_unique_and_found_exactly(admin):
    name = f"twice-{uuid4().hex[:8]}"
    ids = {admin.post("/api/projects", json={"name": name}).json()["id"] for _ in range(2)}
    found = admin.get("/api/projects", params={"name": name}).json()["results"]
    assert {project["id"] for project in found} == ids
    assert admin.get("/api/projects", params={"name": name[:-1]}).json()["count"] == 0
    assert admin.get("/api/projects", params={"search": name[:-1]}).json()["count"] == 2


def test_add_rename_and_delete_labels(admin):
    project = admin.post("/api/projects", json={"name": "labels", "labels": [{"name": "car"}]}).json()["id"]
    change = CALLS["label twice"].sent
    assert admin.patch(f"/api/projects/{project}", json=change).status_code == 200
    assert CALLS["label twice"].differences(admin.patch(f"/api/projects/{project}", json=change)) == []
    car, truck = admin.get("/api/labels", params={"project_id": project}).json()["results"]
    assert (car["name"], truck["name"]) == ("car", "truck")
    renamed = {"labels": [{"id": car["id"], "name": "vehicle"}, {"id": truck["id"], "deleted": True}]}
    assert admin.patch(f"/api/projects/{project}", json=renamed).status_code == 200
    names = [label["name"] for label in admin.get("/api/labels", params={"project_id": project}).json()["results"]]
    assert names == ["vehicle"]


def test_a_label_that_is_renamed_with_its_colour_keeps_all_else(admin):
    word = {"name": "word", "type": "rectangle", "attributes": [_TEXT]}
    project = admin.post("/api/projects", json={"name": "labels", "labels": [word]}).json()["id"]
    [before] = admin.get("/api/labels", params={"project_id": project}).json()["results"]
    change = {"name": "text_line", "color": before["color"]}
    assert admin.patch(f"/api/labels/{before['id']}", json=change).status_code == 200
    [after] = admin.get("/api/labels", params={"project_id": project}).json()["results"]
    assert after == {**before, "name": "text_line"}


def test_an_attribute_is_added_to_a_label_and_the_others_stay(admin):
    word = {"name": "word", "type": "rectangle", "attributes": [_TEXT]}
    project = admin.post("/api/projects", json={"name": "labels", "labels": [word]}).json()["id"]
    [before] = admin.get("/api/labels", params={"project_id": project}).json()["results"]
    change = {key: before[key] for key in ("id", "name", "color")} | {"attributes": [{**_TEXT, "name": "unit"}]}
    assert admin.patch(f"/api/projects/{project}", json={"labels": [change]}).status_code == 200
    [after] = admin.get("/api/labels", params={"project_id": project}).json()["results"]
    assert [attribute["name"] for attribute in after["attributes"]] == ["text", "unit"]
    assert after == {**before, "attributes": [*before["attributes"], after["attributes"][1]]}


def test_rename_label_of_a_task(admin):
    task = new_task(admin, labels=[{"name": "a"}])
    [label] = admin.get("/api/labels", params={"task_id": task}).json()["results"]
    answer = admin.patch(f"/api/labels/{label['id']}", json=CALLS["rename label"].sent)
    assert CALLS["rename label"].differences(answer) == []
    assert answer.json()["name"] == "b"
    assert admin.delete(f"/api/labels/{label['id']}").status_code == 204
    assert CALLS["no label"].differences(admin.patch("/api/labels/99999999", json={"name": "b"})) == []


def test_deleted_project_takes_its_tasks_along(admin):
    project = admin.post("/api/projects", json={"name": "gone"}).json()["id"]
    task = new_task(admin, project_id=project)
    assert admin.get(f"/api/projects/{project}").json()["tasks"]["count"] == 1
    assert admin.delete(f"/api/projects/{project}").status_code == 204
    assert admin.get(f"/api/tasks/{task}").status_code == 404


def test_create_task(admin, project):
    body = {**TASKS["create task"].sent, "project_id": project.id}
    assert TASKS["create task"].differences(admin.post("/api/tasks", json=body)) == []


@pytest.mark.parametrize("case", ["no name", "long name", "project and labels", "negative segment"])
def test_task_refused(admin, project, case):
    sent = dict(TASKS[case].sent)
    if "project_id" in sent:
        sent["project_id"] = project.id
    assert TASKS[case].differences(admin.post("/api/tasks", json=sent)) == []


def test_tasks_by_name_and_project(admin, project):
    name = f"batch-{uuid4().hex[:8]}"
    first, second = (new_task(admin, name=name, project_id=project.id) for _ in range(2))
    query = {"project_id": project.id, "name": name, "sort": "id"}
    assert [task["id"] for task in admin.get("/api/tasks", params=query).json()["results"]] == [first, second]
    assert admin.get("/api/tasks", params={**query, "name": name[:-1]}).json()["count"] == 0
