"""Jobs that match are changed, where they differ, and no others."""

from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.operators.jobs import CvatUpdateJobsOperator
from tests.include.emulated import Emulated, calls_to
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests


def operator(**fields: object) -> CvatUpdateJobsOperator:
    return CvatUpdateJobsOperator(task_id="jobs", **fields)


def jobs(scene: Scene) -> dict[int, tuple[str, str, str | None]]:
    rows = scene.server.rows("/api/jobs", task_id=scene.task)
    return {row["id"]: (row["stage"], row["state"], (row["assignee"] or {}).get("username")) for row in rows}


def test_only_what_differs_is_sent_and_the_answer_says_how_many(scene: Scene, task: Task) -> None:
    first, second = scene.jobs
    scene.server.patch(f"/api/jobs/{first}", {"stage": "acceptance", "state": "completed"})
    wanted = operator(cvat_task_id=str(scene.task), stage="acceptance", state="completed")
    assert task.run(wanted) == {"changed": 1, "matched": 2}
    assert set(jobs(scene).values()) == {("acceptance", "completed", None)}
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/tasks/{scene.task}/jobs/{second}"
    with calls_to(scene.server) as calls:
        assert task.run(wanted) == {"changed": 0, "matched": 2}
    assert calls.count("PATCH") == 0


def test_a_stage_alone_begins_anew_and_with_its_state_keeps_it(scene: Scene, task: Task) -> None:
    first, second = scene.jobs
    scene.server.patch(f"/api/jobs/{first}", {"state": "completed"})
    task.run(operator(job_ids=[first], stage="validation"))
    assert jobs(scene)[first] == ("validation", "new", None)
    scene.server.patch(f"/api/jobs/{second}", {"state": "completed"})
    task.run(operator(job_ids=f"{second}", stage="validation", state="completed"))
    assert jobs(scene)[second] == ("validation", "completed", None)


def test_an_assignee_is_named_and_nobody_takes_it_back(scene: Scene, task: Task) -> None:
    person = f"fritz-{uuid4().hex[:6]}"
    scene.server.user(person)
    assert task.run(operator(cvat_task_id=scene.task, assignee=person)) == {"changed": 2, "matched": 2}
    assert {assignee for *_, assignee in jobs(scene).values()} == {person}
    first, second = scene.jobs
    assert task.run(operator(project_id=scene.project, assigned_to=person, job_ids=[first], assignee="nobody")) == {
        "changed": 1,
        "matched": 1,
    }
    assert jobs(scene)[first][2] is None
    assert task.run(operator(project_id=scene.project, assigned_to="nobody", state="completed"))["changed"] == 1
    assert [state for _, state, _ in (jobs(scene)[first], jobs(scene)[second])] == ["completed", "new"]


def test_jobs_are_chosen_by_stage_and_state(scene: Scene, task: Task) -> None:
    first, second = scene.jobs
    scene.server.patch(f"/api/jobs/{first}", {"stage": "acceptance", "state": "completed"})
    answer = task.run(
        operator(project_id=scene.project, in_stage="acceptance", in_state="completed", stage="annotation")
    )
    assert answer == {"changed": 1, "matched": 1}
    assert jobs(scene) == {first: ("annotation", "new", None), second: ("annotation", "new", None)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "new"}, "say which jobs"),
        ({"cvat_task_id": 1}, "say what to change"),
        ({"cvat_task_id": 1, "state": "done"}, "state is 'done': it must be one of new, in progress, completed"),
        ({"cvat_task_id": 1, "assignee": "nobody-at-all"}, "has no user 'nobody-at-all'"),
        ({"cvat_task_id": "many", "state": "new"}, "cvat_task_id is 'many'"),
        ({"job_ids": "1, x", "state": "new"}, "job_ids is 'x'"),
        ({"cvat_task_id": 987654, "state": "new"}, r"connection 'cvat_default': .*/api/tasks/987654.*404"),
        ({"project_id": 987654, "state": "new"}, r"connection 'cvat_default': .*/api/projects/987654.*404"),
        ({"job_ids": [987654, 987655], "state": "new"}, r"no annotation job 987654, 987655 \(2 of 2 in job_ids\)"),
    ],
)
def test_a_wrong_form_is_said_and_changes_nothing(
    cvat: Emulated, task: Task, fields: dict[str, object], words: str
) -> None:
    with calls_to(cvat) as calls, pytest.raises(AirflowFailException, match=words):
        task.run(operator(**fields))
    assert calls.count("PATCH") == 0


def test_nothing_that_matches_is_no_error(scene: Scene, task: Task) -> None:
    wanted = operator(cvat_task_id=scene.task, job_ids=scene.jobs, in_stage="acceptance", state="new")
    assert task.run(wanted) == {"changed": 0, "matched": 0}


def test_blind_jobs_are_left_alone(scene: Scene, task: Task) -> None:
    body = {"type": "ground_truth", "task_id": scene.task, "frame_selection_method": "manual", "frames": [0]}
    truth = scene.server.post("/api/jobs", body)["id"]
    assert task.run(operator(cvat_task_id=scene.task, stage="validation")) == {"changed": 2, "matched": 2}
    assert jobs(scene)[truth] == ("annotation", "new", None)
    with pytest.raises(AirflowFailException, match=f"no annotation job {truth}"):
        task.run(operator(job_ids=[truth], stage="validation"))
