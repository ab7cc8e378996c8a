"""The page about the operators: its DAG runs, and its table names what there is."""

import importlib
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.include.emulated import Emulated
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.test_data import picture
from tests.plugins.labelcycle.systems import serve_s3

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

PAGE = (Path(__file__).parents[4] / "docs/operators.md").read_text()
DAG, TASK = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_names_what_there_is() -> None:
    named = re.findall(r"`(\w+)\.(Cvat\w+)`", PAGE)
    assert len(named) == 9
    for module, name in named:
        assert hasattr(importlib.import_module(f"labelcycle.operators.{module}"), name)


@pytest.mark.slow
def test_the_dag_of_the_page_runs_twice_and_makes_everything_once(
    cvat: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(DAG, "docs/operators.md", "exec"), namespace)
    dag = namespace["assign"].dag
    cvat.user("annette")
    with serve_s3("photographs") as s3:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(s3.connection()))
        access, secret = s3.keys["all"]
        keys = {"aws_access_key_id": access, "aws_secret_access_key": secret, "region_name": "us-east-1"}
        with closing(boto3.client("s3", endpoint_url=s3.url, **keys)) as client:
            client.put_object(Bucket="photographs", Key="2026-11-21/a.png", Body=picture(10))
        answers = [played(dag) for _ in range(2)]
    [project], [task] = (
        cvat.rows("/api/projects", name="photographs"),
        cvat.rows("/api/tasks", name="photographs 2026-11-21"),
    )
    [job] = cvat.rows("/api/jobs", task_id=task["id"])
    assert task["project_id"] == project["id"]
    assert job["assignee"]["username"] == "annette"
    assert [answer["assign"] for answer in answers] == [{"changed": 1, "matched": 1}, {"changed": 0, "matched": 0}]


def played(dag: Any) -> dict[str, Any]:
    """A run of the DAG: each operator rendered and executed in order; its return values."""
    returned: dict[str, Any] = {}
    for task_id in ("project", "task", "attach", "assign"):
        operator = dag.get_task(task_id).prepare_for_execution()
        for name in operator.template_fields:
            value = getattr(operator, name)
            source = getattr(getattr(value, "operator", None), "task_id", None)  # of an XComArg
            if source:
                setattr(operator, name, returned[source])
        operator.render_template_fields({"ds": "2026-11-21"})
        returned[task_id] = Task().run(operator)
    return returned


def test_the_task_of_the_page_is_right() -> None:
    namespace: dict[str, Any] = {}
    exec(compile(TASK, "docs/operators.md", "exec"), namespace)
    from labelcycle.hooks.retries import cvat_retry_policy

    assert namespace["open_jobs"].kwargs["retry_policy"] is cvat_retry_policy
