"""Annotations of jobs and tasks: written, read, refused."""

import pytest

from tests.contract.objects import Task, filled_task
from tests.contract.wire import recorded

CALLS = recorded("annotations")
REFUSALS = recorded("refusals")


def _path(task: Task, job: int = 0) -> str:
    return f"/api/jobs/{task.jobs[job]}/annotations"


@pytest.fixture(scope="module")
def module_task(admin, project):
    return filled_task(admin, project_id=project.id, segment_size=10)


def test_create_read_replace(admin, project, task):
    sent = project.translated(CALLS["create"].sent)
    made = admin.patch(_path(task) + "/", params={"action": "create"}, json=sent)
    assert CALLS["create"].differences(made) == []
    assert CALLS["read"].differences(admin.get(_path(task))) == []
    replacement = project.translated(CALLS["replace"].sent)
    replaced = admin.put(_path(task), json=replacement)
    assert CALLS["replace"].differences(replaced) == []
    assert CALLS["read replaced"].differences(admin.get(_path(task))) == []
    old, new = ({shape["id"] for shape in answer.json()["shapes"]} for answer in (made, replaced))
    assert not old & new


def test_create_update_delete_through_the_task(admin, project, task):
    path = f"/api/tasks/{task.id}/annotations"
    made = admin.patch(path, params={"action": "create"}, json=project.translated(CALLS["create by task"].sent))
    assert CALLS["create by task"].differences(made) == []
    shape_id = made.json()["shapes"][0]["id"]
    assert [shape["id"] for shape in admin.get(_path(task, 1)).json()["shapes"]] == [shape_id]
    changed = project.translated(CALLS["update"].sent)
    changed["shapes"][0]["id"] = shape_id
    updated = admin.patch(path, params={"action": "update"}, json=changed)
    assert CALLS["update"].differences(updated) == []
    [shape] = admin.get(path).json()["shapes"]
    assert (shape["id"], shape["points"], shape["source"]) == (shape_id, [5, 5, 50, 50], "semi-auto")
    assert CALLS["delete"].differences(admin.patch(path, params={"action": "delete"}, json=changed)) == []
    assert admin.get(path).json()["shapes"] == []
    nothing = project.translated(CALLS["delete what is not there"].sent)
    nothing["shapes"][0].update(label_id=project.labels[1], attributes=[])
    assert admin.patch(path, params={"action": "delete"}, json=nothing).status_code == 200


@pytest.mark.parametrize("case", list(REFUSALS))
def test_what_is_refused_and_what_is_not(admin, project, module_task, case):
    call = REFUSALS[case]
    query = {"action": "create"} if "action=create" in call.path else {}
    answer = admin.patch(_path(module_task), params=query, json=project.translated(call.sent))
    assert call.differences(answer) == []


def test_errors_name_the_item(admin, project, module_task):
    good = {"type": "rectangle", "frame": 0, "label_id": project.labels[2], "points": [1, 2, 3, 4]}
    body = {"shapes": [good, {**good, "points": [1, 2]}]}
    before = admin.get(_path(module_task)).json()
    answer = admin.patch(_path(module_task), params={"action": "create"}, json=body)
    assert answer.json() == {"shapes": [{}, {"points": ["invalid length for shape type 'rectangle'"]}]}
    assert admin.get(_path(module_task)).json() == before


def test_answer_is_grouped_by_job_and_reading_sorts_by_frame(admin, project, task):
    def box(frame):
        return {"type": "rectangle", "frame": frame, "label_id": project.labels[2], "points": [frame, 0, 9, 9]}

    path = f"/api/tasks/{task.id}/annotations"
    made = admin.patch(path, params={"action": "create"}, json={"shapes": [box(f) for f in (25, 3, 12, 1, 20)]})
    assert [shape["frame"] for shape in made.json()["shapes"]] == [3, 1, 12, 25, 20]
    assert [shape["frame"] for shape in admin.get(path).json()["shapes"]] == [1, 3, 12, 20, 25]


def test_unset_attributes_are_read_with_their_defaults(admin, project, task):
    person = {"type": "rectangle", "frame": 0, "label_id": project.labels[1], "points": [1, 2, 3, 4]}
    made = admin.patch(_path(task), params={"action": "create"}, json={"shapes": [person]}).json()
    assert made["shapes"][0]["attributes"] == []
    [shape] = admin.get(_path(task)).json()["shapes"]
    assert shape["attributes"] == [{"spec_id": project.specs[1], "value": "none"}]


def test_saving_moves_the_updated_dates(admin, project, task):
    def dates():
        return [
            admin.get(f"/api/{kind}/{number}").json()["updated_date"]
            for kind, number in (("jobs", task.jobs[0]), ("tasks", task.id), ("projects", project.id))
        ]

    untouched = admin.get(f"/api/jobs/{task.jobs[1]}").json()["updated_date"]
    before = dates()
    shape = {"type": "rectangle", "frame": 0, "label_id": project.labels[2], "points": [1, 2, 3, 4]}
    admin.put(_path(task), json={"shapes": [shape]})
    assert all(then < now for then, now in zip(before, dates(), strict=True))
    assert admin.get(f"/api/jobs/{task.jobs[1]}").json()["updated_date"] == untouched


def test_put_replaces_only_its_own_job(admin, project, task):
    label = project.labels[2]
    for job, frame in ((0, 0), (1, 10)):
        shape = {"type": "rectangle", "frame": frame, "label_id": label, "points": [1, 2, 3, 4]}
        admin.put(_path(task, job), json={"shapes": [shape]})
    assert admin.delete(_path(task, 0)).status_code == 204
    assert admin.get(_path(task, 0)).json()["shapes"] == []
    assert len(admin.get(_path(task, 1)).json()["shapes"]) == 1


def test_tracks_and_tags(admin, project, task):
    label, night = project.labels[2], project.labels[4]
    track = {
        "frame": 0,
        "label_id": label,
        "source": "auto",
        "shapes": [
            {"frame": f, "type": "rectangle", "points": [f, 5, 20, 20], "outside": f == 2, "attributes": []}
            for f in (0, 2)
        ],
    }
    body = {"tags": [{"frame": 1, "label_id": night, "source": "auto"}], "tracks": [track]}
    made = admin.patch(_path(task), params={"action": "create"}, json=body).json()
    assert made["tracks"][0]["id"] > 0
    read = admin.get(_path(task)).json()
    [seen] = read["tracks"]
    assert [(s["frame"], s["points"][0], s["outside"]) for s in seen["shapes"]] == [(0, 0, False), (2, 2, True)]
    assert [(tag["frame"], tag["label_id"]) for tag in read["tags"]] == [(1, night)]
    assert "score" not in read["tags"][0]
    assert "score" not in seen


def test_deleted_label_takes_its_shapes_along(admin):
    task = filled_task(admin, frames=1, labels=[{"name": "a"}, {"name": "b"}])
    labels = admin.get("/api/labels", params={"task_id": task.id}).json()["results"]
    shapes = [{"type": "rectangle", "frame": 0, "label_id": label["id"], "points": [1, 2, 3, 4]} for label in labels]
    admin.put(_path(task), json={"shapes": shapes})
    admin.delete(f"/api/labels/{labels[0]['id']}")
    assert [shape["label_id"] for shape in admin.get(_path(task)).json()["shapes"]] == [labels[1]["id"]]
