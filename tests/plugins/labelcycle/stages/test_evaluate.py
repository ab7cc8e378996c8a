"""`evaluate_<project>` as a whole, where other systems are gone: who is told of what all the same, and how it ends."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from include.clients.ledger import Ledger, migrate, open_engine
from include.lifecycle.routing import Route
from tests.include.clients.ledger.records import NOW, PROJECT, routed

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[4]
YAML = f"""\
name: {PROJECT}
images: {{uri: "s3://images/{PROJECT}/"}}
labels: [{{name: bird}}]
annotators: [{{model: rapidocr}}]
ledger: {{store: "s3://data/ledger"}}
release: {{remote: "s3://data/dvc"}}
alarms: {{notify: [{{webhook: pager}}]}}
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a channel was told."""
    texts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}"}
        monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(connection))
        yield texts
        server.shutdown()


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LABELCYCLE_LEDGER", json.dumps(connection))
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path}/ledger.db"))
    migrate(ledger.engine)
    yield ledger
    ledger.engine.dispose()


def run(folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, dict[str, str]]:
    """Run the project's DAG, as `airflow dags test` does; its state, and those of its tasks."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.db import initdb

    (folder / f"{PROJECT}.yaml").write_text(YAML)
    patch.setenv("AIRFLOW__LABELCYCLE__PROJECTS_FOLDER", str(folder))
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag, dag = DagBag(dag_folder=os.devnull), DagBag(str(ROOT / "dags/lifecycle.py")).dags[f"evaluate_{PROJECT}"]
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    ended = dag.test()
    return str(ended.state), {one.task_id: str(one.state) for one in ended.get_task_instances()}


def test_while_cvat_and_mlflow_are_gone_people_are_told_of_late_work_and_the_run_fails(
    told: list[str], ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.batches.set_review_by([routed(ledger, "b", (Route.REVIEW, 0.5))], NOW - timedelta(hours=1))
    for system in ("CVAT", "MLFLOW"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{system}_DEFAULT", raising=False)
    (tmp_path / "projects").mkdir()
    state, tasks = run(tmp_path / "projects", monkeypatch)
    assert state == "failed"
    assert {task for task, ended in tasks.items() if ended == "success"} == {"update_work_alarms", "tell_alarms"}
    assert tasks["collect_revisions"] == "failed"
    assert tasks["log_reports"] == "upstream_failed"
    (text,) = told
    assert text.startswith(f"[warning] {PROJECT}: 1 batch is late")
