"""Timings: what takes long, through Airflow's own metrics (StatsD or OpenTelemetry, where they are on)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from include.clients.cvat.lines import Watched
    from include.projects.model import Project


class Timing(StrEnum):
    """What is timed; Airflow puts its own prefix before the names."""

    CVAT_REQUEST = (
        "labelcycle.cvat_request"  # from when CVAT was asked for a batch's data until it was seen to be there
    )
    PREDICT_IMAGE = "labelcycle.predict_image"  # an image's share of its task: fetched, decoded, predicted, kept
    ANNOTATE_BATCH = "labelcycle.annotate_batch"  # a batch's share of the task that brings its predictions into CVAT


def took(what: Timing, project: str, since: datetime, pieces: int = 1) -> None:
    """Report how long each of so many pieces of work has taken on average; of none, nothing."""
    if pieces > 0:
        stats.timing(what, (datetime.now(UTC) - since) / pieces, tags={"project": project})


def report_requests(project: "Project", finished: "Iterable[Watched]") -> None:
    """Report how long CVAT took for each batch's data: their deadlines say when it was asked."""
    for wait in finished:
        took(Timing.CVAT_REQUEST, project.name, wait.deadline - project.cvat.request_timeout)
