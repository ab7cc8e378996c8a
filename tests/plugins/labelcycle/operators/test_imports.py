"""Imports: what is in the file is what is there, once; nothing of the people's goes unasked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.operators.exports import CvatExportOperator
from labelcycle.operators.imports import CvatImportAnnotationsOperator
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene
from tests.plugins.labelcycle.systems import S3, serve_s3

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serve_s3("incoming") as running:
        yield running


def exported(scene: Scene, to: Path, target: str, target_id: int) -> Path:
    what = {"target": target, "target_id": target_id, "format": "CVAT for images 1.1", "to": str(to)}
    Task().run(CvatExportOperator(task_id="out", **what))
    return to


@pytest.fixture
def file(scene: Scene, tmp_path: Path) -> Path:
    """An export of two boxes, on the first and the third frame; then two more are drawn."""
    scene.draw(0, 2)
    to = exported(scene, tmp_path / "a.zip", "task", scene.task)
    scene.draw(1, 1)
    return to


def operator(scene: Scene, given: object, **changes: Any) -> CvatImportAnnotationsOperator:
    arguments = {"task_id": "in", "target": "task", "target_id": str(scene.task), "format": "CVAT 1.1"}
    return CvatImportAnnotationsOperator(**(arguments | {"source": str(given)} | changes))


def frames(scene: Scene) -> list[int]:
    return sorted(shape["frame"] for shape in scene.shapes())


def test_what_is_in_the_file_takes_the_place_of_what_is_there(scene: Scene, task: Task, file: Path) -> None:
    assert frames(scene) == [0, 1, 1, 2]
    assert list(task.run(operator(scene, file))) == [
        f"action=import&target=task&target_id={scene.task}&subresource=annotations"
    ]
    assert frames(scene) == [0, 2]
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/tasks/{scene.task}"


def test_a_job_takes_only_what_is_its_own(scene: Scene, task: Task, tmp_path: Path) -> None:
    scene.draw(0, 2)
    file = exported(scene, tmp_path / "a.zip", "job", scene.jobs[1])
    scene.draw(0, 2)
    task.run(operator(scene, file, target="job", target_id=scene.jobs[1]))
    assert frames(scene) == [0, 0, 2]
    assert task.xcoms["cvat_url"].endswith(f"/tasks/{scene.task}/jobs/{scene.jobs[1]}")


@pytest.mark.parametrize("fault", [{"status": 504, "when": "after"}, {"drop": True, "when": "after"}, {"status": 502}])
def test_after_a_lost_answer_another_try_leaves_one_set(
    scene: Scene, task: Task, file: Path, fault: dict[str, Any]
) -> None:
    scene.server.fault("POST", f"/api/tasks/{scene.task}/annotations/", skip=2, **fault)
    with pytest.raises(AirflowException):
        task.run(operator(scene, file))
    task.run(operator(scene, file))
    assert frames(scene) == [0, 2]


def test_one_that_is_under_way_comes_first(scene: Scene, task: Task, file: Path) -> None:
    scene.server.hold(True)
    task.deferral(operator(scene, file))
    deferred = task.deferral(operator(scene, file))
    assert not deferred.trigger.serialize()[1]["cancel_on_kill"]
    scene.server.hold(False)
    task.go_on(operator(scene, file), deferred)
    assert frames(scene) == [0, 2]


def test_where_people_may_have_worked_it_refuses_unless_asked(scene: Scene, task: Task, file: Path) -> None:
    scene.work_in(scene.jobs[0])
    words = rf"people may have worked in task {scene.task}.*job {scene.jobs[0]} \(annotation, in progress\)"
    with pytest.raises(AirflowFailException, match=words):
        task.run(operator(scene, file))
    assert frames(scene) == [0, 1, 1, 2]
    task.deferral(operator(scene, file, target="job", target_id=scene.jobs[1]))  # nobody was in that one
    task.run(operator(scene, file, overwrite=True))
    assert frames(scene) == [0, 2]


def test_a_failed_import_is_told_in_cvats_words(scene: Scene, task: Task, file: Path) -> None:
    words = "cvat.apps.dataset_manager.bindings.CvatImportError: Failed to import dataset"
    scene.server.fail_requests(1, words)
    with pytest.raises(AirflowException, match=rf"import of {file} failed: {words}"):
        task.run(operator(scene, file))


def test_a_file_in_s3_is_read_there(
    scene: Scene, task: Task, file: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(s3.connection()))
    s3.put("incoming", "a.zip", file.read_bytes())
    task.run(operator(scene, "s3://incoming/a.zip"))
    assert frames(scene) == [0, 2]
    with pytest.raises(AirflowException, match=r"s3://incoming/none\.zip: the object is gone"):
        task.run(operator(scene, "s3://incoming/none.zip"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"format": "CVAT for images 1.1"}, "imports no format .*'CVAT 1.1'", id="an-exporter"),
        pytest.param({"source": "/none/there.zip"}, "there is no file /none/there.zip", id="missing"),
        pytest.param({"target": "project"}, "'project' is none of task, job", id="kind"),
    ],
)
def test_what_is_wrong_is_said_and_not_tried_again(
    scene: Scene, task: Task, file: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        task.run(operator(scene, file, **changes))
    assert frames(scene) == [0, 1, 1, 2]
