"""promote_annotator as a whole: its tasks by `dag.test()`, and a person who answers by Airflow's own API."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from moto.server import ThreadedMotoServer

from include.clients.baselines import Baselines, Pinned
from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.evaluation.evaluation import to_json
from tests.include.clients.ledger.records import PROJECT
from tests.include.emulated import until
from tests.include.pages import scene as shown
from tests.plugins.labelcycle.web.conftest import Airflow

# Airflow's own warnings are no business of this test
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
ROOT = Path(__file__).parents[4]
OLD, NEW = "signs@1.4.0", "signs@1.5.0"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[BulkStore]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "tester", "password": "of-tests", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    client = boto3.client("s3", **extra, aws_access_key_id="tester", aws_secret_access_key="of-tests")
    client.create_bucket(Bucket="data")
    yield BulkStore(client, "s3://data/ledger")
    client.close()
    server.stop()


@pytest.fixture
def baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Baselines]:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    connection = {"conn_type": "mlflow", "host": uri, "extra": {"artifacts": str(tmp_path / "artifacts")}}
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps(connection))
    yield Baselines(Experiments(uri, str(tmp_path / "artifacts")), PROJECT)
    SqlAlchemyStore._engine_map.pop(uri).dispose()  # MLflow keeps engines, and their connections, for ever


@pytest.fixture
def uris(store: BulkStore, baselines: Baselines, ledger: Ledger, projects: Path) -> dict[str, str]:
    """Two versions that were evaluated, of which the older is the baseline; where their evaluations are."""
    found = {}
    for number, state in enumerate(reversed(shown.full(40).annotators)):
        evaluation = state.evaluation
        uri = store.write_text("evaluations", to_json(evaluation))
        ledger.reviews.add_evaluation(PROJECT, f"e{number}", evaluation.annotator, uri, state.made_at)
        run = baselines.experiments.log_evaluation(
            PROJECT, key=uri, name="e", params={}, metrics={}, tags={}, artifacts={"e.json": "{}"}, at=state.made_at
        )
        baselines.register(evaluation.annotator, f"e{number}", uri, run.id, {})
        found[evaluation.annotator] = uri
    baselines.promote(OLD, found[OLD])
    return found


def promote(airflow: Airflow, answer: str) -> tuple[str, dict[str, Any]]:
    """Run it for the newer version, while ursula answers; the run's state, and what she was shown."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull)
    (dag,) = DagBag(str(ROOT / "dags/maintenance/promote_annotator.py")).dags.values()
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    headers = {"Authorization": f"Bearer {airflow.token('ursula')}"}
    api = httpx.Client(base_url=f"{airflow.url}/api/v2/dags/promote_annotator", headers=headers, timeout=60)
    shown_to_her: list[dict[str, Any]] = []

    def waits() -> bool:
        """Airflow asks before the task is put aside: whoever answers within that moment is not heard."""
        details = api.get("/dagRuns/~/hitlDetails", params={"response_received": False}).raise_for_status().json()
        asked = details["hitl_details"]
        shown_to_her[:] = [detail for detail in asked if detail["task_instance"]["state"] == "awaiting_input"]
        return bool(shown_to_her)

    def ursula() -> None:
        until(waits)
        instance = shown_to_her[0]["task_instance"]
        path = f"/dagRuns/{instance['dag_run_id']}/taskInstances/approve/-1/hitlDetails"
        api.patch(path, json={"chosen_options": [answer], "params_input": {}}).raise_for_status()

    with ThreadPoolExecutor(1) as pool, api:
        answered = pool.submit(ursula)
        run = dag.test(run_conf={"project": PROJECT, "annotator": NEW})
        answered.result()
    return str(run.state), shown_to_her[0]


def test_a_version_that_a_person_approves_is_the_baseline_and_one_that_is_rejected_is_not(
    airflow: Airflow, uris: dict[str, str], baselines: Baselines, ledger: Ledger
) -> None:
    state, asked = promote(airflow, "Reject")
    assert state == "success"
    assert asked["subject"] == f"Make {NEW} the baseline of {PROJECT}?"
    assert f"{NEW}, measured on 40 images, against the baseline {OLD}." in asked["body"]
    assert "| sign | 0." in asked["body"]
    assert baselines.current("signs") == Pinned(OLD, uris[OLD])
    assert promote(airflow, "Approve")[0] == "success"
    assert baselines.current("signs") == Pinned(NEW, uris[NEW])
    (row,) = [row for row in ledger.audit.of(PROJECT) if row.action == "baseline"]
    assert (row.subject, row.detail) == ("signs", f"{NEW} by its evaluation e1, approved by ursula")
