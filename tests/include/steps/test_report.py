"""Reports: beside an evaluation's figures in MLflow, once."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.clients.experiments import Experiments
from include.steps.collect import collect_revisions
from include.steps.evaluate import evaluate_annotators, log_evaluations
from include.steps.quality import take_snapshot
from include.steps.report import log_reports
from tests.include.steps.world import DOTS, World

NOW = datetime(2030, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    made = new_world(annotators=[{"model": DOTS}], batches={"size": 4, "job_size": 4, "max_wait": 0})
    made.land(4)
    made.carry()
    made.finish(made.jobs()[0])
    collect_revisions(made.project, made.cvat, made.store, made.ledger)
    return made


def test_each_evaluation_gets_its_report_and_plots_once(world: World, experiments: Experiments, tmp_path: Path) -> None:
    project, store, ledger = world.project, world.store, world.ledger
    assert log_reports(project, store, experiments, ledger) == 0  # no snapshot yet
    ids = evaluate_annotators(project, store, ledger, NOW)
    log_evaluations(project, ids, store, experiments, ledger)
    take_snapshot(project, store, ledger, NOW)
    assert log_reports(project, store, experiments, ledger) == 1
    assert log_reports(project, store, experiments, ledger) == 0
    record = ledger.reviews.evaluation(ids[0])
    assert record
    assert record.mlflow_run_id
    client = MlflowClient(experiments.tracking_uri)
    assert {"report.html", "plots"} <= {file.path for file in client.list_artifacts(record.mlflow_run_id)}
    text = Path(client.download_artifacts(record.mlflow_run_id, "report.html", str(tmp_path))).read_text()
    assert project.name in text
    assert "<script" not in text  # it opens from a file
    plots = client.list_artifacts(record.mlflow_run_id, "plots")
    assert plots
    assert all(file.path.endswith(".svg") for file in plots)
