"""DAGs for people: no schedule, a page, and a form in Airflow. Each field has a JSON schema, which Airflow holds values
to, in the UI as in the REST API."""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from labelcycle.hooks.cvat import CvatHook
from labelcycle.operators.jobs import NOBODY, STAGES, STATES

Form = dict[str, Param]


def maintenance_dag(dag_id: str, description: str, page: str, form: Form) -> DAG:
    """A DAG that runs when somebody fills in its form; the page is Markdown."""
    return DAG(
        dag_id=dag_id,
        description=description,
        doc_md=page,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        tags=["labelcycle", "maintenance"],
        default_args={"owner": "labelcycle", "retries": 2},
        params=form,
    )


def connection() -> Form:
    """Which CVAT."""
    return {
        "cvat_conn_id": Param(
            CvatHook.default_conn_name,
            type="string",
            title="CVAT connection",
            description="An Airflow connection of type cvat.",
            minLength=1,
        )
    }


def choose_jobs(*, in_stage: str, in_state: str, assigned_to: str = "") -> Form:
    """Which jobs: of a task or a project, or by id, and of these the ones in a stage, a state and of a user."""
    of_these = "Of these only jobs"
    return {
        "cvat_task_id": _number("Task", "The jobs of this task, by its id in CVAT."),
        "project_id": _number("Project", "The jobs of this project, by its id in CVAT."),
        "job_ids": Param(
            None,
            type=["null", "string"],
            title="Jobs",
            description="Only these jobs, by their ids in CVAT: 12, 13, 20. A task or project is not needed then.",
            pattern=r"^\s*\d+(\s*[, ]\s*\d+)*\s*$",
        ),
        "in_stage": _choice(in_stage, STAGES, "In stage", f"{of_these} in this stage; empty: in any."),
        "in_state": _choice(in_state, STATES, "In state", f"{of_these} in this state; empty: in any."),
        "assigned_to": Param(
            assigned_to or None,
            type=["null", "string"],
            title="Of user",
            description=f"{of_these} of this user; {NOBODY}: jobs without one; empty: of anybody.",
        ),
    }


def choose_target(*kinds: str) -> Form:
    """Which project, task or job."""
    return {
        "target": Param(kinds[0], type="string", enum=list(kinds), title="Of", description="What the id below is of."),
        "target_id": Param(type="integer", minimum=1, title="Id", description="Its id in CVAT."),
    }


def bucket() -> Form:
    """Which S3."""
    return {
        "aws_conn_id": Param(
            "aws_default",
            type="string",
            title="S3 connection",
            description="An Airflow connection of type aws; not needed for a path on the worker.",
            minLength=1,
        )
    }


def _number(title: str, description: str) -> Param:
    return Param(None, type=["null", "integer"], minimum=1, title=title, description=description)


def _choice(default: str, values: tuple[str, ...], title: str, description: str) -> Param:
    return Param(default, type=["null", "string"], enum=[None, *values], title=title, description=description)


def address(title: str) -> Param:
    """A file or folder on the worker's disk, or in S3."""
    return Param(
        type="string",
        title=title,
        description="s3://bucket/key, or an absolute path on the worker.",
        pattern=r"^(s3://[^/]+/.+|/.+)$",
        maxLength=1000,
    )
