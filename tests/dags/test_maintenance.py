"""The maintenance DAGs: a page, a form that refuses what is wrong, and no schedule; one is run through."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import ParamValidationError

from include.clients.cvat.shared import close_shared_clients
from tests.include.emulated import Emulated, emulated
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene, new_scene

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

FOLDER = Path(__file__).parents[2] / "dags/maintenance"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))
NEEDED = {  # what a person must fill in
    "reopen_jobs": {},
    "assign_jobs": {"assignee": "anna"},
    "export_annotations": {"target_id": 3, "to": "s3://bucket/key.zip"},
    "import_annotations": {"target_id": 3, "source": "/srv/labels.zip"},
    "back_up_projects": {"projects": [1, 2], "to": "s3://bucket/backups"},
    "promote_annotator": {"project": "street_signs", "annotator": "rapidocr@1"},
}


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(FOLDER))
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_a_file_holds_the_dag_of_its_name(dags: dict[str, Any]) -> None:
    assert sorted(dags) == FILES == sorted(NEEDED)


@pytest.mark.parametrize("dag_id", FILES)
def test_a_dag_is_short_has_a_page_and_runs_when_somebody_wants_it(dags: dict[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]
    assert len((FOLDER / f"{dag_id}.py").read_text().splitlines()) < 60
    assert dag.doc_md.strip().startswith("### ")
    assert dag.schedule is None
    assert {"labelcycle", "maintenance"} <= dag.tags
    assert all(task.retries == 2 for task in dag.tasks)


@pytest.mark.parametrize("dag_id", FILES)
def test_every_field_of_a_form_is_explained_and_has_a_default_that_fits_or_must_be_filled_in(
    dags: dict[str, Any], dag_id: str
) -> None:
    unset = set()
    for name in dags[dag_id].params:
        param = dags[dag_id].params.get_param(name)
        jsonschema.Draft7Validator.check_schema(param.schema)
        assert param.schema["title"], name
        assert param.description, name
        try:
            param.resolve()
        except ParamValidationError:
            unset.add(name)
    assert unset == set(NEEDED[dag_id])
    for name, value in NEEDED[dag_id].items():
        assert dags[dag_id].params.get_param(name).resolve(value) == value


@pytest.mark.parametrize(
    ("dag_id", "name", "value"),
    [
        ("reopen_jobs", "job_ids", "12 or 13"),
        ("reopen_jobs", "stage", "acceptance"),
        ("assign_jobs", "in_state", "done"),
        ("assign_jobs", "assignee", ""),
        ("export_annotations", "to", "relative/path.zip"),
        ("export_annotations", "target", "label"),
        ("back_up_projects", "projects", []),
        ("promote_annotator", "project", "no_project"),
        ("promote_annotator", "annotator", "rapidocr"),
    ],
)
def test_a_form_refuses_what_is_wrong(dags: dict[str, Any], dag_id: str, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        dags[dag_id].params.get_param(name).resolve(value)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with emulated(tmp_path) as server:
        connection = {"conn_type": "cvat", "host": server.url, "password": server.token().token}
        monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", json.dumps(connection))
        yield new_scene(server)
        close_shared_clients()


def filled_in(dag: Any, **values: object) -> BaseOperator:
    """The DAG's one operator, rendered with a form as Airflow renders it."""
    [operator] = dag.tasks
    params = {name: values.get(name, dag.params.get_param(name).value) for name in dag.params}
    rendered = operator.prepare_for_execution()
    rendered.render_template_fields({"params": params, "dag": dag})
    return rendered


def test_jobs_are_reopened_and_assigned_by_the_forms_defaults(dags: dict[str, Any], scene: Scene) -> None:
    def state(job: int) -> tuple[str, str, str]:
        row = _job(scene.server, job)
        return row["stage"], row["state"], (row["assignee"] or {}).get("username", "nobody")

    first, second = scene.jobs
    scene.server.patch(f"/api/jobs/{first}", {"stage": "acceptance", "state": "completed"})
    assert Task().run(filled_in(dags["reopen_jobs"], project_id=scene.project)) == {"changed": 1, "matched": 1}
    assert state(first) == ("annotation", "new", "nobody")
    form = {"cvat_task_id": scene.task, "job_ids": f"{second}", "assignee": "admin"}
    assert Task().run(filled_in(dags["assign_jobs"], **form)) == {"changed": 1, "matched": 1}
    assert (state(first), state(second)) == (("annotation", "new", "nobody"), ("annotation", "new", "admin"))


def _job(server: Emulated, job_id: int) -> dict[str, Any]:
    row: dict[str, Any] = server.get(f"/api/jobs/{job_id}")
    return row


def test_a_promotion_waits_for_a_person_who_has_seen_the_figures_but_not_for_ever(dags: dict[str, Any]) -> None:
    dag = dags["promote_annotator"]
    compare, approve, promote = (dag.get_task(name) for name in ("compare", "approve", "promote"))
    assert compare.downstream_task_ids == {"approve", "promote"}
    assert approve.downstream_task_ids == {"promote"}
    assert promote.upstream_task_ids == {"compare", "approve"}
    assert (approve.response_timeout.days, approve.defaults) == (7, ["Reject"])
