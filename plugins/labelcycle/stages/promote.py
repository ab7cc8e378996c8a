"""Promote: an annotator version becomes the baseline, once a person has seen the figures."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from airflow.sdk import Param, task
from airflow.sdk.exceptions import AirflowFailException

from include.projects.files import read_projects
from labelcycle.hooks.project import ProjectClients, projects_folder


def promote_form() -> dict[str, Param]:
    """Which version of which project."""
    projects = read_projects(projects_folder())[0]
    names = sorted({f"{annotator.called}@" for project in projects for annotator in project.annotators})
    return {
        "project": Param(
            type="string",
            enum=[project.name for project in projects] or ["there is no project yet"],
            title="Project",
            description="The project whose baseline it becomes.",
        ),
        "annotator": Param(
            type="string",
            examples=names,
            pattern=r"^[^@\s]+@\S+$",
            title="Annotator version",
            description="Its name and version, as its evaluations in MLflow and the quality page have it: rapidocr@1.",
        ),
    }


@task
def compare(project: str, annotator: str) -> dict[str, str]:
    """Put the version's figures beside the baseline's."""
    from include.clients.baselines import Baselines
    from include.steps.promotion import NotEvaluated, propose

    with _opened(project) as clients:
        baselines = Baselines(clients.experiments, clients.project.name)
        try:
            return asdict(propose(clients.project, annotator, clients.store, baselines, clients.ledger))
        except NotEvaluated as error:
            raise AirflowFailException(str(error)) from None


@task
def promote(project: str, proposal: Mapping[str, str], answer: Mapping[str, Any]) -> str:
    """Move the alias `baseline` to the version, with the evaluation that was shown; the version."""
    from include.clients.baselines import Baselines
    from include.steps.baseline import promote as make_baseline

    by = (answer.get("responded_by_user") or {}).get("name") or "somebody without a name"
    with _opened(project) as clients:
        baselines = Baselines(clients.experiments, clients.project.name)
        return make_baseline(clients.project, proposal["evaluation_id"], f"approved by {by}", baselines, clients.ledger)


def _opened(project: str) -> ProjectClients:
    return ProjectClients(str(projects_folder() / f"{project}.yaml"))
