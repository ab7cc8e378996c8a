"""Backups: what is restored is what was backed up, once, whatever is killed; people are told what is not restored."""

import asyncio
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.operators.backups import CvatBackUpOperator, CvatRestoreOperator
from tests.include.emulated import until
from tests.plugins.labelcycle.operators.driving import Task, made_again
from tests.plugins.labelcycle.operators.scene import Scene

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def back_up(scene: Scene, to: Path, **changes: Any) -> CvatBackUpOperator:
    arguments = {"task_id": "up", "target": "task", "target_id": scene.task, "to": str(to)}
    return CvatBackUpOperator(**(arguments | changes))


def restore(file: Path, name: str, **changes: Any) -> CvatRestoreOperator:
    return CvatRestoreOperator(**({"task_id": "back", "target": "task", "source": str(file), "name": name} | changes))


@pytest.fixture
def file(scene: Scene, tmp_path: Path) -> Path:
    """A backup of the task, with a box on each of two frames."""
    scene.draw(0, 1)
    scene.work_in(scene.jobs[0])
    Task().run(back_up(scene, tmp_path / "a.zip"))
    return tmp_path / "a.zip"


@pytest.fixture
def name() -> str:
    return f"restored {uuid4().hex[:8]}"


def named(scene: Scene, name: str, kind: str = "task") -> list[int]:
    return [row["id"] for row in scene.server.rows(f"/api/{kind}s", name=name)]


def all_tasks(scene: Scene) -> int:
    return len(scene.server.rows("/api/tasks"))


@pytest.mark.parametrize("target", ["project", "task"])
def test_what_is_restored_is_what_was_backed_up(
    scene: Scene, task: Task, tmp_path: Path, name: str, target: str
) -> None:
    scene.draw(0, 1)
    id_ = {"project": scene.project, "task": scene.task}[target]
    told = task.run(back_up(scene, tmp_path / "a.zip", target=target, target_id=str(id_)))
    assert told["bytes"] == (tmp_path / "a.zip").stat().st_size
    assert zipfile.is_zipfile(tmp_path / "a.zip")
    new = Task().run(restore(tmp_path / "a.zip", name, target=target))
    assert named(scene, name, target) == [new]
    restored = scene.server.rows("/api/tasks", project_id=new)[0]["id"] if target == "project" else new
    shapes = scene.server.get(f"/api/tasks/{restored}/annotations")["shapes"]
    assert [shape["frame"] for shape in shapes] == [0, 1]


def test_what_is_not_restored_is_said(
    scene: Scene, task: Task, file: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new = task.run(restore(file, name))
    assert "stage annotation in state new, without assignees, and it is in no project" in capsys.readouterr().out
    assert {row["state"] for row in scene.server.rows("/api/jobs", task_id=new)} == {"new"}
    assert task.xcoms["cvat_url"].endswith(f"/tasks/{new}")


def test_a_restored_task_is_put_into_a_project(scene: Scene, task: Task, file: Path, name: str) -> None:
    new = task.run(restore(file, name, project_id=str(scene.project)))
    assert scene.server.get(f"/api/tasks/{new}")["project_id"] == scene.project
    labels = {row["id"] for row in scene.server.rows("/api/labels", project_id=scene.project)}
    shapes = scene.server.get(f"/api/tasks/{new}/annotations")["shapes"]
    assert [shape["frame"] for shape in shapes] == [0, 1]
    assert {shape["label_id"] for shape in shapes} <= labels


def test_a_project_without_its_labels_takes_no_task(scene: Scene, task: Task, file: Path, name: str) -> None:
    other = scene.server.post("/api/projects", {"name": name, "labels": [{"name": "other"}]})["id"]
    with pytest.raises(AirflowFailException, match="label names must be mapped to the target project"):
        task.run(restore(file, name, project_id=other))
    assert task.run(restore(file, name)) == named(scene, name)[0]


# Killed and run again


def test_run_again_it_finds_what_it_restored(scene: Scene, task: Task, file: Path, name: str) -> None:
    new = task.run(restore(file, name))
    assert task.run(restore(file, name)) == new
    assert Task().run(restore(file, name)) == new  # another run of the DAG
    assert named(scene, name) == [new]


def test_killed_while_cvat_restores_the_next_try_waits_for_the_same(
    scene: Scene, task: Task, file: Path, name: str
) -> None:
    before = all_tasks(scene)
    scene.server.hold(True)
    task.deferral(restore(file, name))
    deferred = task.deferral(restore(file, name))
    scene.server.hold(False)
    new = task.go_on(restore(file, name), deferred)
    assert (named(scene, name), all_tasks(scene)) == ([new], before + 1)


def test_killed_before_it_names_what_was_restored_the_next_try_does(
    scene: Scene, task: Task, file: Path, name: str
) -> None:
    before = all_tasks(scene)
    task.deferral(restore(file, name))
    until(lambda: all_tasks(scene) == before + 1)
    new = task.run(restore(file, name))
    assert (named(scene, name), all_tasks(scene)) == ([new], before + 1)


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}])
def test_where_nothing_was_asked_for_another_try_restores(
    scene: Scene, task: Task, file: Path, name: str, fault: dict[str, Any]
) -> None:
    before = all_tasks(scene)
    scene.server.fault("POST", "/api/tasks/backup/", skip=2, **fault)
    with pytest.raises(AirflowException):
        task.run(restore(file, name))
    task.run(restore(file, name))
    assert all_tasks(scene) == before + 1


def test_where_cvat_has_perhaps_begun_a_person_decides(scene: Scene, task: Task, file: Path, name: str) -> None:
    before = all_tasks(scene)
    scene.server.fault("POST", "/api/tasks/backup/", skip=2, status=504, when="after")
    with pytest.raises(AirflowException, match="504"):
        task.run(restore(file, name))
    until(lambda: all_tasks(scene) == before + 1)
    with pytest.raises(AirflowFailException, match=r"perhaps restored .*CVAT has begun action=import&target=task&id="):
        task.run(restore(file, name))
    newest = max(row["id"] for row in scene.server.rows("/api/tasks"))
    scene.server.patch(f"/api/tasks/{newest}", {"name": name})  # as the message says
    assert task.run(restore(file, name)) == newest
    assert all_tasks(scene) == before + 1


def test_a_failed_restore_is_told_and_may_be_tried_again(scene: Scene, task: Task, file: Path, name: str) -> None:
    scene.server.fail_requests(1, "zipfile.BadZipFile: File is not a zip file\n")
    with pytest.raises(AirflowException, match=r"failed: zipfile\.BadZipFile"):
        task.run(restore(file, name))
    new = task.run(restore(file, name))
    assert named(scene, name) == [new]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"source": "/none/there.zip"}, "there is no file /none/there.zip", id="missing"),
        pytest.param({"target": "job"}, "target is 'job': it must be one of project, task", id="kind"),
        pytest.param({"target": "project", "project_id": 1}, "only a task can be put into a project", id="project"),
    ],
)
def test_what_is_wrong_is_said_and_not_tried_again(
    scene: Scene, task: Task, file: Path, name: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        task.run(restore(file, name, **changes))


def test_ended_by_a_person_a_restore_that_waits_leaves_nothing(scene: Scene, task: Task, file: Path, name: str) -> None:
    before = all_tasks(scene)
    scene.server.hold(True)
    deferred = task.deferral(restore(file, name))
    asyncio.run(made_again(deferred.trigger).on_kill())
    scene.server.hold(False)
    with pytest.raises(AirflowFailException, match="CVAT has forgotten its request"):
        task.run(restore(file, name))
    task.run(restore(file, name))
    assert all_tasks(scene) == before + 1
