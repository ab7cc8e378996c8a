"""Quality reports of the emulator, by hand-worked cases: what differs, and how much."""

import pytest

from tests.contract.objects import Task, filled_task, request_ended
from tests.include.emulator.servers import running

BOX = [0.0, 0.0, 10.0, 10.0]
LABELS = [
    {"name": "dot", "attributes": [{"name": "colour", "mutable": False, "input_type": "text", "values": [""]}]},
    {"name": "other"},
    {"name": "dark", "type": "tag"},
]


@pytest.fixture
def task(emulator) -> Task:
    """Three frames in one job."""
    return filled_task(emulator, 3, labels=LABELS)


def _labels(emulator, task):
    return [row["id"] for row in emulator.get("/api/labels", params={"task_id": task.id}).json()["results"]]


def _box(label, points=BOX, frame=0, **values):
    return {"type": "rectangle", "frame": frame, "label_id": label, "points": points, **values}


def _summary(emulator, task, ours, truth, frames=(0,)):
    """What the task's report says, with these annotations in the job and in the ground truth."""
    body = {"type": "ground_truth", "task_id": task.id, "frame_selection_method": "manual", "frames": list(frames)}
    job = emulator.post("/api/jobs", json=body).json()["id"]
    emulator.put(f"/api/jobs/{job}/annotations", json=truth).raise_for_status()
    emulator.put(f"/api/jobs/{task.jobs[0]}/annotations", json=ours).raise_for_status()
    emulator.patch(f"/api/jobs/{job}", json={"stage": "acceptance", "state": "completed"})
    ended = request_ended(emulator, emulator.post("/api/quality/reports", json={"task_id": task.id})).json()
    assert ended["status"] == "finished", ended
    return emulator.get(f"/api/quality/reports/{ended['result_id']}").json()["summary"]


def test_of_two_that_overlap_the_better_pairs_are_taken_and_the_rest_is_extra(emulator, task):
    dot, *_ = _labels(emulator, task)
    ours = {"shapes": [_box(dot, [1, 0, 11, 10]), _box(dot), _box(dot, [50, 0, 60, 10])]}
    found = _summary(emulator, task, ours, {"shapes": [_box(dot)]})
    assert found["conflicts_by_type"] == {"extra_annotation": 2}
    assert (found["valid_count"], found["ds_count"], found["gt_count"], found["total_count"]) == (1, 3, 1, 3)
    assert (found["accuracy"], found["precision"], found["recall"]) == (1 / 3, 1 / 3, 1.0)


@pytest.mark.parametrize(
    ("shift", "conflicts"),
    [
        (1, {}),  # IoU 9 / 11
        (2, {"low_overlap": 1}),  # 8 / 12
        (4, {"low_overlap": 1}),  # 6 / 14 is still above 0.4
        (5, {"missing_annotation": 1, "extra_annotation": 1}),  # 5 / 15
    ],
)
def test_how_far_a_box_may_be_off(emulator, task, shift, conflicts):
    dot, *_ = _labels(emulator, task)
    ours = {"shapes": [_box(dot, [shift, 0, 10 + shift, 10])]}
    found = _summary(emulator, task, ours, {"shapes": [_box(dot)]})
    assert found["conflicts_by_type"] == conflicts
    assert found["warning_count"] == conflicts.get("low_overlap", 0)
    assert found["error_count"] == found["conflict_count"] - found["warning_count"]


def test_the_same_label_goes_before_a_better_overlap(emulator, task):
    dot, other, _ = _labels(emulator, task)
    ours = {"shapes": [_box(other), _box(dot, [1, 0, 11, 10])]}
    found = _summary(emulator, task, ours, {"shapes": [_box(dot)]})
    assert found["conflicts_by_type"] == {"extra_annotation": 1}
    assert found["valid_count"] == 1


def test_another_attribute_is_a_warning_and_another_tag_an_error(emulator, task):
    dot, _, dark = _labels(emulator, task)
    spec = emulator.get("/api/labels", params={"task_id": task.id}).json()["results"][0]["attributes"][0]["id"]
    red = {"attributes": [{"spec_id": spec, "value": "red"}]}
    ours = {"shapes": [_box(dot, **red)], "tags": [{"frame": 1, "label_id": dark}]}
    found = _summary(emulator, task, ours, {"shapes": [_box(dot)]}, frames=(0, 1))
    assert found["conflicts_by_type"] == {"mismatching_attributes": 1, "extra_annotation": 1}
    assert (found["valid_count"], found["total_count"]) == (1, 2)


def test_frames_that_were_taken_out_are_not_compared(emulator, task):
    dot, *_ = _labels(emulator, task)
    emulator.patch(f"/api/tasks/{task.id}/data/meta", json={"deleted_frames": [1]}).raise_for_status()
    found = _summary(emulator, task, {}, {"shapes": [_box(dot, frame=0), _box(dot, frame=1)]}, frames=(0, 1))
    assert (found["validation_frames"], found["gt_count"]) == (1, 1)


def test_while_a_report_is_known_lists_of_requests_by_subresource_break(tmp_path):
    with running(tmp_path) as server:
        task = filled_task(server.admin, 1, labels=LABELS)
        query = {"subresource": "dataset"}
        assert server.admin.get("/api/requests", params=query).status_code == 200
        _summary(server.admin, task, {}, {})
        assert server.admin.get("/api/requests", params=query).status_code == 500
        assert server.admin.get("/api/requests", params={"action": "create"}).status_code == 200
