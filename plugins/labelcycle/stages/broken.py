"""A project whose file is wrong: its DAGs stay, with their history, and say what is wrong instead of vanishing."""

import re
from collections.abc import Iterator

from airflow.sdk import DAG, task

from include.projects.files import ProjectError
from labelcycle.stages.lifecycle import START

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]")
_PAGE = """
### {path} is wrong
{problems}

Mend the file: the DAG comes back by itself. The other projects are not touched by this.
"""


def broken(error: ProjectError) -> Iterator[DAG]:
    """The three DAGs of a file that is no project, each with one task that fails with the reasons."""
    page = _PAGE.format(path=error.path, problems="\n".join(f"- {problem}" for problem in error.problems))
    for verb in ("ingest", "evaluate", "release"):
        with DAG(
            dag_id=f"{verb}_{_id_of(error)}",
            description=str(error),
            doc_md=page,
            schedule="@daily",  # a run that fails is an alarm; a DAG that never runs is none
            start_date=START,
            catchup=False,
            max_active_runs=1,
            tags=["labelcycle", "broken"],
            default_args={"owner": "labelcycle"},
        ) as dag:
            mend_the_project_file(str(error))
        yield dag


def _id_of(error: ProjectError) -> str:
    """What the file's DAGs are called: as its project would be, or by its whole name where that is no project's."""
    path = error.path
    return _NOT_IN_IDS.sub("_", path.stem if path.suffix == ".yaml" else path.name)[:200]


@task(retries=0)
def mend_the_project_file(problems: str) -> None:
    """Fail with what is wrong."""
    raise ValueError(problems)
