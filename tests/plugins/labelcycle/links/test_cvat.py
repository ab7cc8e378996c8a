"""The link from a task to CVAT: registered, serialized with the DAG, and read from what the task has shown."""

from datetime import datetime

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from labelcycle.links.cvat import URL_KEY, OpenInCvat, job_path, project_path, show, task_path
from labelcycle.operators.jobs import CvatUpdateJobsOperator
from tests.plugins.labelcycle.operators.driving import Task

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests


def test_airflow_knows_the_link_from_the_provider() -> None:
    assert f"{OpenInCvat.__module__}.{OpenInCvat.__qualname__}" in ProvidersManager().extra_links_class_names


def test_the_ui_finds_the_link_of_a_task_under_the_key_that_tasks_push() -> None:
    with DAG("d", start_date=datetime(2026, 1, 1)) as dag:
        CvatUpdateJobsOperator(task_id="t", cvat_task_id=3, state="new")
    serialized = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    [link] = serialized.get_task("t").operator_extra_links
    assert (link.name, link.xcom_key) == ("Open in CVAT", URL_KEY)


def test_it_leads_to_the_page_of_a_project_a_task_or_a_job() -> None:
    task = Task()
    for path in (project_path(1), task_path(2), job_path(2, 3)):
        assert show(task.context, "https://cvat.example.com/", path) == f"https://cvat.example.com{path}"
    assert task.xcoms == {URL_KEY: "https://cvat.example.com/tasks/2/jobs/3"}
