"""From a task in Airflow's UI to the very project, task or job in CVAT's."""

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink, Context
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

URL_KEY = "cvat_url"


class OpenInCvat(BaseOperatorLink):
    """The page in CVAT that a task has shown with `show`; no link for a task that has shown none."""

    name = "Open in CVAT"
    xcom_key = URL_KEY  # Airflow reads the address under it: so the link is there while the task still waits

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The address, or nothing."""
        return XCom.get_value(ti_key=ti_key, key=URL_KEY) or ""


def show(context: Context, server_url: str, path: str) -> str:
    """Let the link of this task lead to a path on a CVAT server, from now on; the whole address."""
    url = server_url.rstrip("/") + path
    context["ti"].xcom_push(key=URL_KEY, value=url)
    return url


def project_path(project_id: int) -> str:
    """A project's page."""
    return f"/projects/{project_id}"


def task_path(task_id: int) -> str:
    """A task's page."""
    return f"/tasks/{task_id}"


def tasks_path(project_name: str) -> str:
    """The page of a project's tasks."""
    rule = {"and": [{"==": [{"var": "project_name"}, project_name]}]}
    return f"/tasks?filter={quote(json.dumps(rule))}"


def job_path(task_id: int, job_id: int) -> str:
    """A job's page, where one annotates."""
    return f"/tasks/{task_id}/jobs/{job_id}"
