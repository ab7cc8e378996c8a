"""A wait that is refused half-way: a token is revoked, a connection deleted. The task fails for good, in a sentence."""

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.operators.exports import CvatExportOperator
from labelcycle.sensors.requests import CvatRequestSensor, WaitForDataSensor
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

REFUSED = "connection 'cvat_default': GET .*: {}: .* {}"


def export(scene: Scene, tmp_path: Path) -> CvatExportOperator:
    to = str(tmp_path / "whole.zip")
    return CvatExportOperator(task_id="export", target="task", target_id=scene.task, format="COCO 1.0", to=to)


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "Give it a valid token, or the right login"), (403, "Give it an account that may")]
)
def test_a_token_that_is_revoked_meanwhile(scene: Scene, task: Task, tmp_path: Path, status: int, advice: str) -> None:
    scene.server.hold(True)
    deferred = task.deferral(export(scene, tmp_path))
    scene.server.fault("GET", "/api/requests", status=status, count=100)
    with pytest.raises(AirflowFailException, match=REFUSED.format(status, advice)):
        task.go_on(export(scene, tmp_path), deferred)


def test_a_connection_that_is_deleted_meanwhile(scene: Scene, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.server.hold(True)
    request = scene.server.post(f"/api/tasks/{scene.task}/dataset/export", None, format="COCO 1.0", save_images="false")
    sensor = CvatRequestSensor(task_id="wait", request_ids=request["rq_id"])
    deferred = task.deferral(sensor)
    monkeypatch.delenv("AIRFLOW_CONN_CVAT_DEFAULT")
    with pytest.raises(AirflowFailException, match=r"isn't defined.*or name another one$"):
        task.go_on(sensor, deferred)


def test_batches_whose_wait_is_refused_are_not_set_aside() -> None:
    event = {"a request": {"answer": "refused", "message": "connection 'c': 401"}}
    with pytest.raises(AirflowFailException, match="connection 'c': 401"):
        WaitForDataSensor(task_id="wait", project_file="never-read.yaml", batch_ids=["b"]).resume({}, event)
