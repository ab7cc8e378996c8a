"""Exports: one whole file on a disk or in S3, whatever breaks, expires or is killed on the way."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from labelcycle.operators.exports import CvatExportOperator
from tests.include.emulated import calls_to, until
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene
from tests.plugins.labelcycle.systems import S3, serve_s3

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serve_s3("out") as running:
        yield running


def operator(scene: Scene, file: object, **changes: Any) -> CvatExportOperator:
    arguments = {"task_id": "out", "target": "task", "target_id": scene.task, "format": "COCO 1.0", "to": str(file)}
    return CvatExportOperator(**(arguments | changes))


def test_a_file_is_there_whole_and_told(scene: Scene, task: Task, tmp_path: Path) -> None:
    scene.draw(0, 1)
    told = task.run(operator(scene, tmp_path / "new" / "a.zip"))
    content = (tmp_path / "new" / "a.zip").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert told == {"uri": str(tmp_path / "new" / "a.zip"), "bytes": len(content), "sha256": digest}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        assert len(json.loads(archive.read(name))["annotations"]) == 2
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/tasks/{scene.task}"


@pytest.mark.parametrize("target", ["project", "task", "job"])
def test_projects_tasks_and_jobs_with_their_images(scene: Scene, task: Task, tmp_path: Path, target: str) -> None:
    ids = {"project": scene.project, "task": scene.task, "job": scene.jobs[0]}
    changes = {"target": target, "target_id": str(ids[target]), "images": True}
    task.run(operator(scene, tmp_path / "a.zip", **changes))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        images = [name for name in archive.namelist() if name.endswith(".jpg")]
    assert len(images) == (2 if target == "job" else 3)


def test_run_again_there_is_one_file(scene: Scene, tmp_path: Path) -> None:
    for _ in range(2):
        Task().run(operator(scene, tmp_path / "a.zip"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_connection_that_breaks_does_no_harm(scene: Scene, task: Task, tmp_path: Path) -> None:
    path = f"/api/tasks/{scene.task}/dataset/download"
    scene.server.fault("GET", path, drop=True)
    scene.server.fault("GET", path, status=502)
    task.run(operator(scene, tmp_path / "a.zip"))
    assert zipfile.is_zipfile(tmp_path / "a.zip")


def test_the_same_export_under_way_is_waited_for_and_not_cancelled(scene: Scene, task: Task, tmp_path: Path) -> None:
    scene.server.hold(True)
    scene.server.post(f"/api/tasks/{scene.task}/dataset/export", {}, format="COCO 1.0", save_images="false")
    deferred = task.deferral(operator(scene, tmp_path / "a.zip"))
    assert not deferred.trigger.serialize()[1]["cancel_on_kill"]
    scene.server.hold(False)
    task.go_on(operator(scene, tmp_path / "a.zip"), deferred)
    assert (tmp_path / "a.zip").exists()


def test_a_lost_answer_is_found_again_by_the_next_try(scene: Scene, task: Task, tmp_path: Path) -> None:
    scene.server.hold(True)
    scene.server.fault("POST", f"/api/tasks/{scene.task}/dataset/export", status=504, when="after")
    with pytest.raises(AirflowException, match="504"):
        task.run(operator(scene, tmp_path / "a.zip"))
    deferred = task.deferral(operator(scene, tmp_path / "a.zip"))
    scene.server.hold(False)
    task.go_on(operator(scene, tmp_path / "a.zip"), deferred)
    assert (tmp_path / "a.zip").exists()


def test_an_expired_result_is_exported_again(scene: Scene, task: Task, tmp_path: Path) -> None:
    export = operator(scene, tmp_path / "a.zip")
    deferred = task.deferral(export)
    arguments = deferred.trigger.serialize()[1]
    [request_id] = arguments["deadlines"]
    until(lambda: scene.server.get(f"/api/requests/{request_id}")["status"] == "finished")
    scene.server.advance(25 * 3600)  # CVAT keeps a result for a day
    end = {"answer": "finished", "message": "", "result_id": None, "result_url": None, "kept": arguments["kept"]}
    with pytest.raises(TaskDeferred) as raised:
        task.resume(export, deferred, {request_id: end})
    task.go_on(export, raised.value)
    assert (tmp_path / "a.zip").exists()


def test_a_result_that_is_gone_again_and_again_is_told(scene: Scene, task: Task, tmp_path: Path) -> None:
    path = f"/api/tasks/{scene.task}/dataset/download"
    scene.server.fault("GET", path, status=404, count=3)
    with pytest.raises(AirflowException, match=rf"export of task {scene.task} was gone each of the 3 times"):
        task.run(operator(scene, tmp_path / "a.zip"))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_is_told_in_cvats_words(scene: Scene, task: Task, tmp_path: Path) -> None:
    words = "datumaro.components.errors.DatasetExportError: CityscapesExporter cannot export a dataset"
    scene.server.post("/emulator/failures", {"queue": "export", "count": 1, "message": words})
    with pytest.raises(AirflowException, match=words):
        task.run(operator(scene, tmp_path / "a.zip"))
    assert list(tmp_path.iterdir()) == []


# Names from the recorded list of a real server.
@pytest.mark.parametrize(
    ("name", "near"),
    [
        pytest.param("coco 1.0", "'COCO 1.0'", id="case"),
        pytest.param("COCO", "'COCO 1.0' or 'COCO Keypoints 1.0'", id="no-version"),
        pytest.param("Pascal VOC 1.0", "'PASCAL VOC 1.1'", id="other-version"),
        pytest.param("YOLO 1.0", "YOLO 1.1", id="near"),
        pytest.param("CVAT 1.1", "'CVAT for images 1.1'", id="an-importer"),
        pytest.param("zzz", "It has .*COCO 1.0, .*YOLO 1.1", id="nothing-near"),
    ],
)
def test_an_unknown_format_is_refused_with_those_that_are_like_it(
    scene: Scene, task: Task, tmp_path: Path, name: str, near: str
) -> None:
    with pytest.raises(AirflowFailException, match=f"exports no format '{name}'.*{near}"):
        task.run(operator(scene, tmp_path / "a.zip", format=name))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"to": "relative.zip"}, "'relative.zip' is no file's address", id="relative"),
        pytest.param({"to": "s3://bucket/"}, "no file's address", id="folder"),
        pytest.param({"target_id": "None"}, "the task's id is 'None'", id="no-number"),
        pytest.param({"target": "image"}, "'image' is none of project, task, job", id="kind"),
        pytest.param({"target_id": 999_999}, "No Task matches the given query", id="missing"),
    ],
)
def test_what_is_wrong_is_said_and_not_tried_again(
    scene: Scene, task: Task, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        task.run(operator(scene, tmp_path / "a.zip", **changes))


# In S3


def test_a_file_in_s3_is_the_result(
    scene: Scene, task: Task, s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(s3.connection()))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told = task.run(operator(scene, "s3://out/exports/a.zip", images=True))
    assert s3.keys_in("out") == ["exports/a.zip"]
    content = s3.read("out", "exports/a.zip")
    assert told == {
        "uri": "s3://out/exports/a.zip",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert list(tmp_path.iterdir()) == []


def test_s3_that_refuses_is_told_with_its_connection(
    scene: Scene, task: Task, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NAMED", json.dumps(s3.connection("cannot write")))
    with pytest.raises(AirflowFailException, match=r"connection 'named'.*S3 denies access"):
        task.run(operator(scene, "s3://out/refused.zip", aws_conn_id="named"))


# Where nothing can be written, CVAT is asked for nothing


@pytest.mark.parametrize(
    ("to", "words"),
    [
        pytest.param("{folder}", "is a folder: name a file", id="a folder"),
        pytest.param("{folder}/file/a.zip", "cannot be written: .*/file is a file and no folder", id="below a file"),
        pytest.param("s3://none-such/a.zip", "connection 'aws_default': .*there is no such bucket", id="no bucket"),
    ],
)
def test_an_impossible_place_is_told_before_cvat_is_asked(
    scene: Scene, task: Task, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch, to: str, words: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(s3.connection()))
    (tmp_path / "file").touch()
    with calls_to(scene.server) as calls, pytest.raises(AirflowFailException, match=words):
        task.run(operator(scene, to.format(folder=tmp_path)))
    assert calls.count("POST") == 0


def test_a_connection_to_s3_that_is_none_is_told_before_cvat_is_asked(scene: Scene, task: Task) -> None:
    with calls_to(scene.server) as calls, pytest.raises(AirflowFailException, match=r"nowhere.*Define the connection"):
        task.run(operator(scene, "s3://out/a.zip", aws_conn_id="nowhere"))
    assert calls.count("POST") == 0
