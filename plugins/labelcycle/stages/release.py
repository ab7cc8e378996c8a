"""Release: from accepted revisions to a dataset version."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from airflow.sdk import Asset, BaseHook, chain, get_current_context, task

from labelcycle.hooks.project import ProjectClients
from labelcycle.stages.forms import ReleaseOptions, end_dry_run
from labelcycle.stages.ingest import holder


def release(project_file: str) -> None:
    """The tasks of `release_<project>`."""
    tag = cast("str", pin_release(project_file))
    complete = complete_release.override(outlets=[released(Path(project_file).stem)])
    chain(publish_release(project_file, tag), log_release(project_file, tag), complete(project_file, tag))


def released(project: str) -> Asset:
    """What DAGs that follow a project's releases are scheduled on; an event's extra has the `tag`."""
    return Asset(f"labelcycle/{project}/release")


@task.short_circuit
def pin_release(project_file: str) -> str | None:
    """Fix what the next version holds; nothing changed, nothing follows. A dry run says what it would hold."""
    from include.steps.release import pin_release as pin
    from include.steps.release import preview_release

    options = ReleaseOptions.read(get_current_context()["params"])
    with ProjectClients(project_file) as clients:
        if options.dry_run:
            end_dry_run(preview_release(clients.project, clients.store, clients.ledger))
            return None
        return pin(clients.project, clients.store, clients.ledger, datetime.now(UTC))


@task
def publish_release(project_file: str, tag: str) -> str:
    """Build the version, push its data, then its commit and tag at once."""
    from include.steps.release import publish_release as publish

    with ProjectClients(project_file) as clients:
        publish(clients.project, tag, clients.repository, clients.store, clients.ledger, holder())
    return tag


@task
def log_release(project_file: str, tag: str) -> str:
    """Log the version in MLflow, with the dataset as an input."""
    from include.steps.release import log_release as log

    with ProjectClients(project_file) as clients:
        url = BaseHook.get_connection(clients.project.release.connection).host or ""
        log(clients.project, tag, url, clients.experiments, clients.store, clients.ledger)
    return tag


@task
def complete_release(project_file: str, tag: str) -> str:
    """Write the release record, last, and show it on the quality page."""
    from include.steps.quality import show_release
    from include.steps.release import complete_release as complete

    with ProjectClients(project_file) as clients:
        now = datetime.now(UTC)
        complete(clients.project, tag, clients.ledger, now)
        show_release(clients.project, clients.store, clients.ledger, now)
        get_current_context()["outlet_events"][released(clients.project.name)].extra = {"tag": tag}
    return tag
