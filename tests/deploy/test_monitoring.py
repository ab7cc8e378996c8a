"""deploy/monitoring as far as files alone can be checked: services, scraped targets, names, and what panels ask for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy.compose import COMPOSE, ROOT, strings, substitute
from deploy.environment import EXAMPLE, read_variables, with_secrets
from include.evaluation.gauges import GAUGES

FOLDER = ROOT / "deploy/monitoring"
MAIN = yaml.safe_load(COMPOSE.read_text())["services"]
ADDED = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = {name: row for name, row in ADDED["services"].items() if "image" in row}
OURS: dict[str, dict[str, Any]] = {name: row for name, row in ADDED["services"].items() if "image" not in row}
MAPPING = yaml.safe_load((FOLDER / "statsd.yaml").read_text())
SCRAPED = {job["job_name"]: job for job in yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]}
DASHBOARDS = sorted((FOLDER / "grafana/dashboards").glob("*.json"))
DASHBOARD = json.loads(DASHBOARDS[0].read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
HISTOGRAM = ("_bucket", "_sum", "_count")


def metrics(expression: str) -> set[str]:
    """The names that an expression asks for."""
    return set(re.findall(r"\b(?:labelcycle|airflow)_\w+", re.sub(r'"[^"]*"', '""', expression)))


def queries() -> Iterator[str]:
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])
    yield from (variable["query"]["query"] for variable in DASHBOARD["templating"]["list"])


def test_every_metric_that_is_asked_for_is_one_that_we_expose() -> None:
    histograms = {f"{mapping['name']}{end}" for mapping in MAPPING["mappings"] for end in HISTOGRAM}
    asked = {name for query in queries() for name in metrics(query)}
    assert asked - set(GAUGES) - histograms == set()
    assert asked & set(GAUGES)
    assert asked & histograms


def test_every_timing_of_ours_and_the_others_of_airflows_are_mapped_to_histograms_in_seconds() -> None:
    from airflow.sdk._shared.observability.metrics.stats import MetricsRegistry

    from labelcycle.hooks.timings import Timing

    matches = {mapping["match"].removeprefix("airflow."): mapping["name"] for mapping in MAPPING["mappings"]}
    assert {match for match in matches if match.startswith("labelcycle.")} == set(Timing)
    assert all(name.endswith("_seconds") for name in matches.values())
    assert MAPPING["defaults"]["observer_type"] == "histogram"
    buckets = MAPPING["defaults"]["histogram_options"]["buckets"]
    assert buckets == sorted(buckets)
    for match in set(matches) - set(Timing):
        for state in ("success", "failed"):
            assert MetricsRegistry().get(name=match.replace("*", state)), match


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_queries_on_the_source_that_is_provisioned(panel: dict[str, Any]) -> None:
    (source,) = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert panel["targets"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}
    assert all(target["expr"].count("(") == target["expr"].count(")") for target in panel["targets"])
    assert source["url"] == "http://prometheus:9090"


def test_panels_are_all_different_and_every_variable_in_them_is_one_of_the_dashboards() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    known = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = {name for text in strings(DASHBOARD) for name in re.findall(r"\$([a-z]+)", text)}
    assert used == known


def test_the_dashboard_shows_p50_p95_and_p99_of_each_timing() -> None:
    for mapping in MAPPING["mappings"]:
        if mapping["name"].startswith("labelcycle_"):
            asked = [query for query in queries() if f"{mapping['name']}_bucket" in query]
            assert {float(re.findall(r"quantile\(([\d.]+)", query)[0]) for query in asked} == {0.5, 0.95, 0.99}


def test_prometheus_asks_services_that_there_are_at_the_paths_that_there_are() -> None:
    from labelcycle.web.metrics import CONNECTION, router

    targets = [target for job in SCRAPED.values() for config in job["static_configs"] for target in config["targets"]]
    assert {target.partition(":")[0] for target in targets} <= {*MAIN, *SERVICES}
    job = SCRAPED["labelcycle"]
    assert job["metrics_path"] == "/labelcycle" + router.routes[0].path  # type: ignore[attr-defined]
    secret = job["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert secret in SERVICES["prometheus"]["secrets"]
    assert ADDED["secrets"][secret] == {"environment": "METRICS_TOKEN"}
    connection = f"AIRFLOW_CONN_{CONNECTION.upper()}"
    variables = read_variables(with_secrets(EXAMPLE.read_text()))
    for row in OURS.values():
        given = json.loads(substitute(row["environment"][connection], variables))
        assert given["password"] == variables["METRICS_TOKEN"]


def test_all_of_airflows_services_send_their_timings() -> None:
    from airflow.configuration import conf

    assert set(OURS) == {"api-server", "scheduler", "dag-processor", "triggerer", "worker"} <= set(MAIN)
    for row in OURS.values():
        names = {name for name in row["environment"] if name.startswith("AIRFLOW__")}
        for name in names:
            section, option = name.removeprefix("AIRFLOW__").lower().split("__")
            assert option in conf.configuration_description[section]["options"], name
        assert row["environment"]["AIRFLOW__METRICS__STATSD_HOST"] in SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_restarted_and_on_loopback(name: str) -> None:
    row = SERVICES[name]
    assert name not in MAIN
    assert re.fullmatch(r"[a-z/.-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", row["image"])
    assert row["healthcheck"]["test"]
    assert row["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in row.get("ports", ()))
    for mount in row.get("volumes", ()):
        source = mount.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in ADDED["volumes"]


def test_grafana_finds_the_dashboard_where_it_is_mounted() -> None:
    (provider,) = yaml.safe_load((FOLDER / "grafana/provisioning/dashboards/labelcycle.yaml").read_text())["providers"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./deploy/monitoring/grafana/dashboards"] == provider["options"]["path"]
    assert home == f"{provider['options']['path']}/{DASHBOARDS[0].name}"
