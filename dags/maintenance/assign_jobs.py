"""
### Assign jobs
Give jobs to a person, or take them back (`nobody`). Stage, state and what is drawn stay.

Give a task or a project, and which of its jobs: without a choice it is those in annotation that are new and that nobody
has. Run again, it changes nothing. The answer, how many jobs matched and how many were changed, is the task's return
value.
"""

from airflow.sdk import Param

from labelcycle.operators.forms import choose_jobs, connection, maintenance_dag
from labelcycle.operators.jobs import NOBODY, CvatUpdateJobsOperator

FORM = {
    **connection(),
    "assignee": Param(type="string", title="To", description="A user's name in CVAT, or nobody.", minLength=1),
    **choose_jobs(in_stage="annotation", in_state="new", assigned_to=NOBODY),
}

with maintenance_dag("assign_jobs", "Give jobs in CVAT to a person", __doc__, FORM):
    CvatUpdateJobsOperator(
        task_id="assign",
        cvat_conn_id="{{ params.cvat_conn_id }}",
        job_ids="{{ params.job_ids or '' }}",
        cvat_task_id="{{ params.cvat_task_id or '' }}",
        project_id="{{ params.project_id or '' }}",
        in_stage="{{ params.in_stage or '' }}",
        in_state="{{ params.in_state or '' }}",
        assigned_to="{{ params.assigned_to or '' }}",
        assignee="{{ params.assignee }}",
    )
