"""The three DAGs of a project."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from include.projects.model import Project
from labelcycle.stages.evaluate import evaluate
from labelcycle.stages.forms import ingest_form, release_form
from labelcycle.stages.ingest import ingest
from labelcycle.stages.release import release

START = datetime(2026, 1, 1, tzinfo=UTC)

_INGEST = """
### Ingest {name}
Images that landed under `{uri}` become CVAT tasks with predictions, ready for people.

1. **discover** compares the bucket with the ledger. What is no image, or a copy, goes to quarantine with its reason.
2. **predict** asks {annotators} about every image that has no predictions yet, and keeps them in the ledger.
   **judge_failures** ends the run where too many images went to quarantine meanwhile.
3. **plan** makes batches: sure images together, the others together.
4. **carry**, a shard of batches at a time: create the tasks, link the images, wait for CVAT, check the frames, bring
   the predictions in, route the jobs.
5. **ask_blind_jobs**, if the project asks for it: batches that are drawn get a job in which people draw from scratch.
6. **refresh**, if asked for: jobs that nobody has begun get the shapes of the annotators' newer versions.

Every step takes all work that is due, whatever run left it: clear a failed task, or run the DAG again, and it goes on.
"""

_EVALUATE = """
### Evaluate {name}
Finished jobs are read once, as revisions, and the predictions of {annotators} are compared with what people made of
them. There is nothing to fill in: a run looks at all that is new.
Jobs that no person completed count in no figure. The figures are runs of the MLflow experiment `labelcycle/{name}`;
they are held against the project's gates and the baseline, and what is surely worse is an alarm, of which the channels
in the project's file are told. A run that finds nothing new, or in which a task fails, still sees whether work waits
too long, and tells of it.
"""

_RELEASE = """
### Release {name}
Everything accepted since the last version becomes the next one: COCO files in DVC, a git tag `{name}-v…`, a run in
MLflow. Nothing changed, nothing is made. The release record is written last: what a killed run left, the next one
completes.
"""


def lifecycle_dags(project: Project, project_file: str) -> Iterator[DAG]:
    """`ingest_<project>`, `evaluate_<project>` and `release_<project>`."""
    schedules, form = project.schedules, ingest_form(project.images.uri)
    yield _dag(project, "ingest", schedules.ingest, _INGEST, form, lambda: ingest(project_file))
    yield _dag(project, "evaluate", schedules.evaluate, _EVALUATE, {}, lambda: evaluate(project_file))
    yield _dag(project, "release", schedules.release, _RELEASE, release_form(), lambda: release(project_file))


def _dag(
    project: Project, verb: str, schedule: str | None, page: str, form: dict[str, Param], tasks: Callable[[], None]
) -> DAG:
    annotators = ", ".join(dict.fromkeys(annotator.called for annotator in project.annotators))
    with DAG(
        dag_id=f"{verb}_{project.name}",
        description=f"{verb.capitalize()} {project.description or project.name}",
        doc_md=page.format(name=project.name, uri=project.images.uri, annotators=annotators),
        schedule=schedule,
        params=form,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=["labelcycle", verb, project.name],
        default_args={"owner": project.owner, "retries": 2, "retry_delay": timedelta(minutes=1)},
    ) as dag:
        tasks()
    return dag
