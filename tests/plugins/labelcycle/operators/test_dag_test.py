"""Every operator and sensor that waits, in a DAG that its author runs by `dag.test()`."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from labelcycle.operators.backups import CvatBackUpOperator, CvatRestoreOperator
from labelcycle.operators.data import CvatAttachDataOperator
from labelcycle.operators.exports import CvatExportOperator
from labelcycle.operators.imports import CvatImportAnnotationsOperator
from labelcycle.operators.projects import CvatCreateProjectOperator
from labelcycle.operators.serverless import CvatAutoAnnotateOperator
from labelcycle.sensors.requests import CvatRequestSensor, CvatServerlessSensor
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene, jpeg

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module", autouse=True)
def database() -> None:
    """Airflow's, in the folder of the tests."""
    from airflow.utils.db import initdb

    initdb()


def stored(dag: DAG) -> None:
    """Put the DAG where dag.test() looks for it, as its author has by its file in the folder for DAGs."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


def exported(scene: Scene, folder: Path) -> str:
    task = {"target": "task", "target_id": scene.task, "format": "CVAT for images 1.1"}
    Task().run(CvatExportOperator(task_id="before", to=str(folder / "in.zip"), **task))
    return str(folder / "in.zip")


def backed_up(scene: Scene, folder: Path) -> str:
    to = str(folder / "back.zip")
    Task().run(CvatBackUpOperator(task_id="before", target="task", target_id=scene.task, to=to))
    return to


def attach(scene: Scene, folder: Path) -> BaseOperator:
    (folder / "a.jpg").write_bytes(jpeg())
    empty = scene.server.post("/api/tasks", {"name": "empty", "project_id": scene.project})["id"]
    return CvatAttachDataOperator(
        task_id="it", cvat_task_id=empty, images=[str(folder / "a.jpg")], mode="copy", request_timeout=_SOON
    )


def function(scene: Scene, name: str) -> str:
    box = {"label": "car", "points": [1, 1, 9, 9], "confidence": 0.4}
    scene.server.post("/emulator/functions", {"id": name, "labels": [{"name": "car"}], "finds": {"*": [box]}})
    return name


def ran(scene: Scene) -> int:
    scene.server.post("/api/lambda/requests", {"function": function(scene, "began"), "task": scene.task})
    return scene.task


_SOON = timedelta(seconds=60)
_ASKS: Mapping[str, Callable[[Scene, Path], BaseOperator]] = {
    "attach": attach,
    "export": lambda scene, folder: CvatExportOperator(
        task_id="it", target="task", target_id=scene.task, format="COCO 1.0", to=str(folder / "a.zip")
    ),
    "back up": lambda scene, folder: CvatBackUpOperator(
        task_id="it", target="task", target_id=scene.task, to=str(folder / "a.zip")
    ),
    "restore": lambda scene, folder: CvatRestoreOperator(
        task_id="it", target="task", source=backed_up(scene, folder), name=f"again {scene.task}"
    ),
    "import": lambda scene, folder: CvatImportAnnotationsOperator(
        task_id="it", target="task", target_id=scene.task, source=exported(scene, folder), format="CVAT 1.1"
    ),
    "auto-annotate": lambda scene, _: CvatAutoAnnotateOperator(
        task_id="it", function=function(scene, "finder"), cvat_task_id=scene.task
    ),
    "request": lambda scene, _: CvatRequestSensor(
        task_id="it", request_ids=[f"action=create&target=task&target_id={scene.task}"]
    ),
    "requests": lambda scene, _: CvatRequestSensor(
        task_id="it",
        request_ids=[
            f"action=create&target=task&target_id={scene.task}",
            scene.server.post(f"/api/tasks/{scene.task}/dataset/export", None, format="COCO 1.0", save_images="false")[
                "rq_id"
            ],
        ],
    ),
    "serverless": lambda scene, _: CvatServerlessSensor(task_id="it", cvat_task_id=ran(scene)),
    "a name that is not ASCII": lambda scene, _: CvatCreateProjectOperator(
        task_id="it", project_name=f"Fräulein Grün {scene.task} 画像"
    ),
}


@pytest.mark.parametrize("name", _ASKS)
def test_its_author_can_run_it(scene: Scene, tmp_path: Path, name: str) -> None:
    with DAG(f"try_{name.replace(' ', '_')}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        _ASKS[name](scene, tmp_path)
    stored(dag)
    run: Any = dag.test()
    assert run.state == "success"
