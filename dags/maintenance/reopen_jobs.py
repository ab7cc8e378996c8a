"""
### Reopen jobs
Send jobs back to people: to the stage `annotation`, in the state `new`, so that they can be corrected. What is drawn in
them stays, and so does who has them.

Give a task or a project, and which of its jobs: without a choice it is those that are accepted and completed. Run
again, it changes nothing. The answer, how many jobs matched and how many were changed, is the return value of the task.

After people have completed a reopened job, the next evaluate run takes it as a new revision.
"""

from airflow.sdk import Param

from labelcycle.operators.forms import choose_jobs, connection, maintenance_dag
from labelcycle.operators.jobs import STAGES, CvatUpdateJobsOperator

FORM = {
    **connection(),
    **choose_jobs(in_stage="acceptance", in_state="completed"),
    "stage": Param("annotation", type="string", enum=list(STAGES[:2]), title="Back to", description="The stage."),
}

with maintenance_dag("reopen_jobs", "Send jobs in CVAT back to people", __doc__, FORM):
    CvatUpdateJobsOperator(
        task_id="reopen",
        cvat_conn_id="{{ params.cvat_conn_id }}",
        job_ids="{{ params.job_ids or '' }}",
        cvat_task_id="{{ params.cvat_task_id or '' }}",
        project_id="{{ params.project_id or '' }}",
        in_stage="{{ params.in_stage or '' }}",
        in_state="{{ params.in_state or '' }}",
        assigned_to="{{ params.assigned_to or '' }}",
        stage="{{ params.stage }}",
        state="new",
    )
