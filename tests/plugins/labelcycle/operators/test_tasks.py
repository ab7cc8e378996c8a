"""A task is found or created, once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.operators.tasks import CvatCreateTaskOperator
from tests.include.emulated import Emulated
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

SOON = timedelta(seconds=0.2)


def operator(name: str, **fields: object) -> CvatCreateTaskOperator:
    return CvatCreateTaskOperator(task_id="make", task_name=name, **fields)


@pytest.fixture
def name() -> str:
    return f"task {uuid4().hex[:8]}"


def test_it_is_created_once_as_asked_and_the_link_leads_to_it(scene: Scene, task: Task, name: str) -> None:
    wanted = operator(name, project_id=scene.project, segment_size=50, overlap=2, subset="Train")
    made = task.run(wanted)
    assert task.run(wanted) == made
    [row] = scene.server.rows("/api/tasks", name=name)
    assert (row["id"], row["project_id"], row["segment_size"], row["overlap"], row["subset"]) == (
        made, scene.project, 50, 2, "Train",
    )  # fmt: skip
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/tasks/{made}"


def test_a_task_of_no_project_has_labels_of_its_own(cvat: Emulated, task: Task, name: str) -> None:
    made = task.run(operator(name, labels=[{"name": "car", "type": "rectangle"}]))
    assert [row["name"] for row in cvat.rows("/api/labels", task_id=made)] == ["car"]


@pytest.mark.parametrize("fields", [{}, {"project_id": 1, "labels": [{"name": "car"}]}], ids=["neither", "both"])
def test_it_has_either_a_project_or_labels(cvat: Emulated, task: Task, name: str, fields: dict[str, object]) -> None:
    with pytest.raises(AirflowFailException, match="either a project or labels"):
        task.run(operator(name, **fields))


def test_of_two_the_one_with_data_is_taken_or_else_the_lowest(scene: Scene, task: Task, name: str) -> None:
    named = scene.server.get(f"/api/tasks/{scene.task}")["name"]
    scene.server.post("/api/tasks", {"name": named, "project_id": scene.project})
    assert task.run(operator(named, project_id=scene.project)) == scene.task
    first, _ = (scene.server.post("/api/tasks", {"name": name, "project_id": scene.project})["id"] for _ in range(2))
    assert task.run(operator(name, project_id=scene.project)) == first


def test_a_task_of_that_name_in_another_project_is_another(scene: Scene, task: Task, name: str) -> None:
    other = scene.server.post("/api/tasks", {"name": name, "labels": [{"name": "car"}]})["id"]
    assert task.run(operator(name, project_id=scene.project)) != other


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 504}, {"drop": True}])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_one_task(
    scene: Scene, task: Task, name: str, fault: dict[str, object], when: str
) -> None:
    scene.server.fault("POST", "/api/tasks", when=when, **fault)
    made = task.run(operator(name, project_id=scene.project, server_timeout=SOON))
    assert [row["id"] for row in scene.server.rows("/api/tasks", name=name)] == [made]


def test_a_try_that_was_killed_after_asking_is_known_to_the_next(scene: Scene, task: Task, name: str) -> None:
    for _ in range(2):
        scene.server.fault("POST", "/api/tasks", status=504, when="after", count=1)
    first = operator(name, project_id=scene.project, server_timeout=SOON)
    assert task.run(first) == task.run(first)
    assert len(scene.server.rows("/api/tasks", name=name)) == 1
    scene.server.forget_faults()
    assert any("at" in str(value) for value in task.store.values.values())


def test_blanks_around_a_name_are_left_out(scene: Scene, task: Task, name: str) -> None:
    made = task.run(operator(f" {name}\n", project_id=scene.project))
    assert [row["id"] for row in scene.server.rows("/api/tasks", name=name)] == [made]
    assert task.run(operator(name, project_id=scene.project)) == made


@pytest.mark.parametrize("wrong", [" ", "x" * 257], ids=["blank", "long"])
def test_a_name_that_cvat_does_not_take_is_said(task: Task, wrong: str) -> None:
    with pytest.raises(AirflowFailException, match=r"task_name .*CVAT takes names of 1 to 256"):
        task.run(operator(wrong, project_id=1))
