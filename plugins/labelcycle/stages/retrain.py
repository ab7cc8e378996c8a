"""Retrain: from a release to a model in MLflow's registry."""

from datetime import UTC, datetime

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.hooks.project import ProjectClients, projects_folder
from labelcycle.stages.release import released


@task
def retrain(project: str, model: str, alias: str) -> str:
    """Train on the release of the event (or of the form), and register what came of it."""
    from include.clients.registered import ModelRegistry
    from include.steps.retrain import retrain as train

    tag = _tag(project)
    with ProjectClients(str(projects_folder() / f"{project}.yaml")) as clients:
        registry = ModelRegistry(clients.experiments)
        at = datetime.now(UTC)
        return str(train(clients.project, tag, clients.repository, clients.bucket, registry, (model, alias), at))


def _tag(project: str) -> str:
    context = get_current_context()
    events = context["triggering_asset_events"][released(project)]
    tag = context["params"]["tag"] or next((event.extra["tag"] for event in reversed(events)), None)
    if tag is None:
        raise AirflowFailException("no release has come: give a tag")
    return str(tag)
