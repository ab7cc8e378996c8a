"""The gauges over HTTP: who shows the token gets each project's newest snapshot, and nobody else anything."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from prometheus_client.parser import text_string_to_metric_families

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.snapshots import SnapshotRecord
from include.evaluation.snapshot import to_json
from labelcycle.web.metrics import CONNECTION
from tests.include.clients.ledger.records import PROJECT
from tests.include.pages import scene as shown
from tests.plugins.labelcycle.web.conftest import Airflow

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests
TOKEN = "a token of tests"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[BulkStore]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    keys = {"aws_access_key_id": "tester", "aws_secret_access_key": "of-tests"}
    connection = {"conn_type": "aws", "login": "tester", "password": "of-tests", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    client = boto3.client("s3", **extra, **keys)
    client.create_bucket(Bucket="data")
    yield BulkStore(client, "s3://data/ledger")
    client.close()
    server.stop()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "http", "password": TOKEN}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))


def ask(airflow: Airflow, token: str | None = TOKEN) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{airflow.url}/labelcycle/metrics", headers=headers, timeout=60)


def gauges(answer: httpx.Response) -> dict[str, dict[str, float]]:
    """Values by the gauge's name and the project."""
    assert answer.status_code == 200, answer.text
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels["project"]] = sample.value
    return found


def break_newest(store: BulkStore, ledger: Ledger, project: str = PROJECT) -> None:
    """The newest snapshot is of another version of Labelcycle."""
    uri = store.write_text("snapshots", '{"project": "of another day"}')
    ledger.snapshots.put(project, SnapshotRecord(uri, "other", shown.NOW))


def keep(store: BulkStore, ledger: Ledger, hour: int) -> float:
    made_at = shown.NOW.replace(hour=hour)
    snapshot = replace(shown.empty(), project=PROJECT, made_at=made_at)
    uri = store.write_text("snapshots", to_json(snapshot))
    ledger.snapshots.put(PROJECT, SnapshotRecord(uri, str(hour), made_at))
    return made_at.timestamp()


def test_without_a_connection_there_is_nothing_and_with_one_the_token_is_needed(
    airflow: Airflow, ledger: Ledger, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(airflow)
    assert (answer.status_code, CONNECTION in answer.json()["detail"]) == (503, True)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps({"conn_type": "http", "password": ""}))
    assert ask(airflow, "").status_code == 503
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps({"conn_type": "http", "password": TOKEN}))
    for wrong in (None, "another", TOKEN[:-1]):
        refused = ask(airflow, wrong)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_the_newest_snapshot_is_shown_and_it_alone(
    airflow: Airflow, ledger: Ledger, projects: Path, store: BulkStore, token: None
) -> None:
    assert gauges(ask(airflow)) == {"labelcycle_up": {PROJECT: 1}}
    for hour in (9, 10):
        moment = keep(store, ledger, hour)
        answer = ask(airflow)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = gauges(answer)
        assert found["labelcycle_up"] == {PROJECT: 1}
        assert found["labelcycle_snapshot_timestamp_seconds"] == {PROJECT: moment}


def test_a_project_that_cannot_be_read_costs_only_itself(
    airflow: Airflow, ledger: Ledger, projects: Path, store: BulkStore, token: None
) -> None:
    keep(store, ledger, 9)
    text = (projects / f"{PROJECT}.yaml").read_text().replace(PROJECT, "owls")
    text = text.replace("{store: s3://data/ledger}", "{store: s3://data/ledger, connection: nowhere}")
    (projects / "owls.yaml").write_text(text)
    found = gauges(ask(airflow))
    assert found["labelcycle_up"] == {PROJECT: 1, "owls": 0}
    assert set(found["labelcycle_snapshot_timestamp_seconds"]) == {PROJECT}


def test_a_snapshot_of_another_version_costs_only_its_own_project(
    airflow: Airflow, ledger: Ledger, projects: Path, store: BulkStore, token: None
) -> None:
    moment = keep(store, ledger, 9)
    (projects / "owls.yaml").write_text((projects / f"{PROJECT}.yaml").read_text().replace(PROJECT, "owls"))
    break_newest(store, ledger, "owls")
    found = gauges(ask(airflow))
    assert found["labelcycle_up"] == {PROJECT: 1, "owls": 0}
    assert found["labelcycle_snapshot_timestamp_seconds"] == {PROJECT: moment}
