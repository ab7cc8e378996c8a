"""Annotators as registered models, in a real MLflow on SQLite."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from include.clients.baselines import Baselines, Pinned
from include.clients.experiments import Experiments, ExperimentsError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(experiments: Experiments) -> MlflowClient:
    return MlflowClient(experiments.tracking_uri, experiments.tracking_uri)


@pytest.fixture
def baselines(experiments: Experiments) -> Baselines:
    return Baselines(experiments, f"p{uuid4().hex[:8]}")


def register(baselines: Baselines, annotator: str, evaluation: str, f1: str = "0.9") -> None:
    run = baselines.experiments.log_evaluation(
        baselines.project,
        key=evaluation,
        name=annotator,
        params={},
        metrics={},
        tags={},
        artifacts={"evaluation.json": "{}"},
        at=AT,
    )
    baselines.register(annotator, evaluation, f"s3://l/{evaluation}.json", run.id, {"f1.micro": f1})


def test_a_version_is_made_once_and_its_tags_follow_its_evaluations(baselines: Baselines, client: MlflowClient) -> None:
    register(baselines, "eye@1", "e1", "0.8")
    register(baselines, "eye@1", "e1", "0.8")
    register(baselines, "eye@1", "e2", "0.9")
    assert baselines.is_registered("eye@1", "e2")
    assert not baselines.is_registered("eye@1", "e1")
    assert not baselines.is_registered("eye@2", "e2")
    (version,) = client.search_model_versions(f"name = 'labelcycle.{baselines.project}.eye'")
    assert version.tags["f1.micro"] == "0.9"
    assert version.tags["labelcycle.annotator"] == "eye@1"
    run = client.get_run(version.run_id or "")
    assert run.data.tags["labelcycle.key"] == "e1"


def test_the_baseline_keeps_the_evaluation_that_it_was_promoted_with(baselines: Baselines) -> None:
    assert baselines.current("eye") is None
    register(baselines, "eye@1", "e1")
    assert baselines.current("eye") is None
    for _ in range(2):
        baselines.promote("eye@1", "s3://l/e1.json")
    register(baselines, "eye@1", "e2")
    assert baselines.current("eye") == Pinned("eye@1", "s3://l/e1.json")
    register(baselines, "eye@2", "e3")
    baselines.promote("eye@2", "s3://l/e3.json")
    assert baselines.current("eye") == Pinned("eye@2", "s3://l/e3.json")
    assert baselines.current("ear") is None


def test_an_alias_that_was_moved_in_mlflow_counts(baselines: Baselines, client: MlflowClient) -> None:
    register(baselines, "eye@1", "e1")
    register(baselines, "eye@2", "e2")
    model = f"labelcycle.{baselines.project}.eye"
    client.set_registered_model_alias(model, "baseline", "2")
    assert baselines.current("eye") == Pinned("eye@2", "s3://l/e2.json")
    stranger = client.create_model_version(model, "s3://somewhere/model")
    client.set_registered_model_alias(model, "baseline", stranger.version)
    with pytest.raises(ExperimentsError, match="which no evaluation has made"):
        baselines.current("eye")


def test_a_name_that_mlflow_does_not_allow_is_written_in_its_own_way(baselines: Baselines) -> None:
    register(baselines, "tests.dots:Dots@1", "e1")
    baselines.promote("tests.dots:Dots@1", "s3://l/e1.json")
    assert baselines.current("tests.dots:Dots") == Pinned("tests.dots:Dots@1", "s3://l/e1.json")


def test_what_was_never_evaluated_cannot_be_promoted(baselines: Baselines) -> None:
    with pytest.raises(ExperimentsError, match="eye@9 was not evaluated in project"):
        baselines.promote("eye@9", "s3://l/e1.json")
