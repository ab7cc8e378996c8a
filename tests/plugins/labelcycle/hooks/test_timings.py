"""What Airflow's metrics are told of how long things take."""

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability import stats

from include.clients.cvat.lines import Watched
from include.projects.model import Project
from labelcycle.hooks.timings import Timing, report_requests, took
from tests.include.projects.test_model import LEAST

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests


class Backend:
    """Where Airflow's metrics go: it keeps timings."""

    def __init__(self) -> None:
        self.got: list[tuple[str, float, dict[str, Any]]] = []

    def timing(self, stat: str, dt: timedelta, *, tags: dict[str, Any]) -> None:
        self.got.append((stat, dt.total_seconds(), tags))


@pytest.fixture
def backend() -> Iterator[Backend]:
    found = Backend()
    stats.initialize(factory=lambda: found, export_legacy_names=True)  # type: ignore[arg-type,return-value]
    yield found
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_the_time_of_a_piece_is_its_share_and_of_none_nothing_is_told(backend: Backend) -> None:
    took(Timing.PREDICT_IMAGE, "birds", ago(100), 50)
    took(Timing.PREDICT_IMAGE, "birds", ago(100), 0)
    ((name, seconds, tags),) = backend.got
    assert (name, tags) == ("labelcycle.predict_image", {"project": "birds"})
    assert 2 <= seconds < 3


def test_a_request_took_from_when_its_wait_began(backend: Backend) -> None:
    project = Project.model_validate({**LEAST, "cvat": {"request_timeout": "PT30M"}})
    watched = Watched("r", ago(40) + timedelta(minutes=30))
    report_requests(project, [watched])
    ((name, seconds, tags),) = backend.got
    assert (name, tags) == ("labelcycle.cvat_request", {"project": "birds"})
    assert 40 <= seconds < 45


@pytest.mark.parametrize("timing", list(Timing))
def test_airflow_takes_the_name(timing: Timing) -> None:
    from airflow.sdk._shared.observability.metrics.validators import stat_name_default_handler

    assert stat_name_default_handler(timing) == timing


def test_statsd_gets_milliseconds_under_the_name_that_the_exporter_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real UDP port; with the settings of deploy/monitoring/compose.yaml."""
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
        exporter.bind(("127.0.0.1", 0))
        exporter.settimeout(10)
        on = {"STATSD_ON": "True", "STATSD_INFLUXDB_ENABLED": "True", "STATSD_HOST": "127.0.0.1"}
        for name, value in {**on, "STATSD_PORT": str(exporter.getsockname()[1])}.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
        try:
            took(Timing.PREDICT_IMAGE, "birds", ago(100), 50)
            packet = exporter.recv(1000).decode()
        finally:
            stats.initialize(factory=NoStatsLogger, export_legacy_names=True)
    name, tag, value = re.fullmatch(r"([\w.]+),(\w+=\w+):([\d.]+)\|ms", packet).groups()  # type: ignore[union-attr]
    assert (name, tag) == ("airflow.labelcycle.predict_image", "project=birds")
    assert 2000 <= float(value) < 3000
