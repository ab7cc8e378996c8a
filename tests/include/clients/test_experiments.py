"""Real MLflow on SQLite."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, ViewType
from mlflow.entities import Run as MlflowRun

from include.clients.experiments import Experiments, ExperimentsError, Run

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT_MS = 1_772_366_400_000  # date -u -d 2026-03-01T12:00 +%s, in milliseconds


@pytest.fixture
def client(experiments: Experiments) -> MlflowClient:
    return MlflowClient(experiments.tracking_uri)


@pytest.fixture
def name() -> str:
    """The name of a new experiment."""
    return f"labelcycle/{uuid4()}"


def evaluate(experiments: Experiments, name: str) -> Run:
    return experiments.log_evaluation(
        name,
        key="evaluation/5f70",
        name="rapidocr@1 on 4 jobs",
        params={"iou": "0.5", "annotator": "rapidocr@1"},
        metrics={"f1/micro": 0.75, "f1/word": 0.8},
        tags={"labelcycle.project": "signs"},
        artifacts={"evaluation.json": '{"f1": 0.75}', "figures/word.png": b"\x89PNG"},
        at=AT,
    )


def release(experiments: Experiments, name: str) -> Run:
    return experiments.log_release(
        name,
        key="release/signs-v1.0.0",
        name="signs-v1.0.0",
        params={"dvc_md5": "ad1a20562ae157e06e40532763a07b48.dir"},
        metrics={"images/train": 40.0},
        tags={"labelcycle.release": "signs-v1.0.0"},
        dataset_name="signs",
        dataset_digest="5f70bf18a086007016e948b04aed3b82",
        dataset_source="ssh://git@git.example.org/datasets.git",
        at=AT,
    )


def runs(client: MlflowClient, name: str, view: int = ViewType.ACTIVE_ONLY) -> list[MlflowRun]:
    experiment = client.get_experiment_by_name(name)
    assert experiment
    return list(client.search_runs([experiment.experiment_id], run_view_type=view))


def assert_complete(client: MlflowClient, id_: str) -> None:
    run = client.get_run(id_)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"iou": "0.5", "annotator": "rapidocr@1"}
    assert run.data.metrics == {"f1/micro": 0.75, "f1/word": 0.8}
    assert run.data.tags["labelcycle.key"] == "evaluation/5f70"
    assert run.data.tags["labelcycle.project"] == "signs"
    history = client.get_metric_history(id_, "f1/micro")
    assert [(metric.value, metric.step, metric.timestamp) for metric in history] == [(0.75, 0, AT_MS)]
    assert Path(client.download_artifacts(id_, "evaluation.json")).read_text() == '{"f1": 0.75}'
    assert Path(client.download_artifacts(id_, "figures/word.png")).read_bytes() == b"\x89PNG"


def test_an_evaluation_becomes_a_finished_run(experiments: Experiments, client: MlflowClient, name: str) -> None:
    run = evaluate(experiments, name)
    assert_complete(client, run.id)
    assert client.get_run(run.id).info.run_name == "rapidocr@1 on 4 jobs"
    assert run.url is None  # a database has no pages


def test_logging_twice_leaves_one_run(experiments: Experiments, client: MlflowClient, name: str) -> None:
    assert evaluate(experiments, name) == evaluate(experiments, name)
    assert len(runs(client, name, ViewType.ALL)) == 1


def test_a_run_that_a_dead_task_left_is_completed(experiments: Experiments, client: MlflowClient, name: str) -> None:
    experiment = client.create_experiment(name, artifact_location=f"{experiments.artifacts}/{name}")
    begun = client.create_run(experiment, tags={"labelcycle.key": "evaluation/5f70"})
    client.log_batch(begun.info.run_id, [Metric("f1/micro", 0.75, AT_MS, 0)], [Param("iou", "0.5")])
    assert evaluate(experiments, name).id == begun.info.run_id
    assert_complete(client, begun.info.run_id)
    assert len(runs(client, name)) == 1


def test_of_two_runs_with_a_key_the_older_stays(experiments: Experiments, client: MlflowClient, name: str) -> None:
    experiment = client.create_experiment(name, artifact_location=f"{experiments.artifacts}/{name}")
    tags = {"labelcycle.key": "evaluation/5f70"}
    newer = client.create_run(experiment, start_time=AT_MS + 1, tags=tags).info.run_id
    older = client.create_run(experiment, start_time=AT_MS, tags=tags).info.run_id
    other = client.create_run(experiment, start_time=AT_MS - 1, tags={"labelcycle.key": "evaluation/else"}).info.run_id
    assert evaluate(experiments, name).id == older
    assert_complete(client, older)
    assert {run.info.run_id for run in runs(client, name)} == {older, other}
    assert client.get_run(newer).data.tags["labelcycle.duplicate_of"] == older


def test_a_release_has_its_dataset_as_an_input(experiments: Experiments, client: MlflowClient, name: str) -> None:
    assert release(experiments, name) == release(experiments, name)
    (run,) = runs(client, name)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"dvc_md5": "ad1a20562ae157e06e40532763a07b48.dir"}
    assert run.data.metrics == {"images/train": 40.0}
    (logged,) = run.inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("signs", "5f70bf18a086007016e948b04aed3b82")
    assert "ssh://git@git.example.org/datasets.git" in logged.dataset.source
    assert "signs-v1.0.0" in logged.dataset.source
    assert [(tag.key, tag.value) for tag in logged.tags] == [("mlflow.data.context", "release")]


def test_a_release_that_died_after_its_input_has_it_once(
    experiments: Experiments, client: MlflowClient, name: str
) -> None:
    id_ = release(experiments, name).id
    client.update_run(id_, "RUNNING")
    assert release(experiments, name).id == id_
    assert len(client.get_run(id_).inputs.dataset_inputs) == 1


def test_more_metrics_than_mlflow_takes_at_once(experiments: Experiments, client: MlflowClient, name: str) -> None:
    metrics = {f"f1/{number}": number / 2000 for number in range(1001)}
    run = experiments.log_evaluation(
        name, key="many", name="many", params={}, metrics=metrics, tags={}, artifacts={}, at=AT
    )
    assert client.get_run(run.id).data.metrics == metrics


def test_a_deleted_experiment_says_what_to_do(experiments: Experiments, client: MlflowClient, name: str) -> None:
    client.delete_experiment(client.create_experiment(name))
    with pytest.raises(ExperimentsError, match=f"'{name}' was deleted in MLflow: restore it"):
        evaluate(experiments, name)


def test_what_mlflow_refuses_is_told(experiments: Experiments, name: str) -> None:
    with pytest.raises(ExperimentsError, match=r"Logging x \(refused\).*Invalid value.*metric"):
        experiments.log_evaluation(
            name, key="refused", name="x", params={}, metrics={"a?": 1.0}, tags={}, artifacts={}, at=AT
        )


def test_an_unreachable_server_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # MLflow's own setting: minutes by default
    with pytest.raises(ExperimentsError, match=r"http://\*\*\*@127\.0\.0\.1:9.*See that MLflow is up") as caught:
        evaluate(Experiments("http://ci:pass-of-ci@127.0.0.1:9"), "signs")
    assert "pass-of-ci" not in str(caught.value)


def test_files_are_added_to_a_complete_run_and_marked(
    experiments: Experiments, client: MlflowClient, name: str
) -> None:
    run = evaluate(experiments, name)
    assert not experiments.has_attached(run.id, "5f70")
    experiments.attach(run.id, {"report.html": "<p>", "plots/f1.svg": "<svg>"}, "5f70")
    assert experiments.has_attached(run.id, "5f70")
    assert not experiments.has_attached(run.id, "5f71")
    assert {file.path for file in client.list_artifacts(run.id)} >= {"report.html", "plots", "evaluation.json"}
    assert client.get_run(run.id).info.status == "FINISHED"
