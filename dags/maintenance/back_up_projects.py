"""
### Back up projects
Write CVAT's backup of each project, with its tasks and annotations, into a folder: `project-<id>.zip`. A file of that
name is replaced when the new one is whole and checked.

A restored backup is not what it was: jobs come back in the stage `annotation` and the state `new`, and ids are others,
so the ledger knows nothing of it. Back up CVAT's own database and volumes for that.
"""

from airflow.sdk import Param, get_current_context, task

from labelcycle.operators.backups import CvatBackUpOperator
from labelcycle.operators.forms import address, bucket, connection, maintenance_dag


@task
def files() -> list[dict[str, int | str]]:
    """Which project goes into which file."""
    params = get_current_context()["params"]
    return [{"target_id": id_, "to": f"{params['to'].rstrip('/')}/project-{id_}.zip"} for id_ in params["projects"]]


FORM = {
    "projects": Param(
        type="array",
        items={"type": "integer", "minimum": 1},
        minItems=1,
        title="Projects",
        description="Their ids.",
    ),
    "to": address("The folder"),
    **bucket(),
    **connection(),
}

with maintenance_dag("back_up_projects", "Write CVAT's backups of projects into a folder", __doc__, FORM):
    CvatBackUpOperator.partial(
        task_id="back_up",
        cvat_conn_id="{{ params.cvat_conn_id }}",
        target="project",
        aws_conn_id="{{ params.aws_conn_id }}",
        max_active_tis_per_dag=2,
    ).expand_kwargs(files())
