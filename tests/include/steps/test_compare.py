"""Compare: versions that split the images are told apart in MLflow, once, on images of one time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy import update

from include.clients.experiments import Experiments
from include.clients.ledger.tables import batches
from include.evaluation.comparison import Comparison
from include.steps.collect import collect_revisions
from include.steps.compare import compare_versions, log_comparisons
from tests.include.steps.world import DOTS, World

pytestmark = pytest.mark.slow

OLD = {"model": DOTS, "name": "eye", "share": 0.5, "settings": {"version": "1", "first": 1}}  # misses the first dot
NOW = datetime(2026, 3, 4, tzinfo=UTC)
NEW = {"model": DOTS, "name": "eye", "share": 0.5, "settings": {"version": "2"}}


@pytest.fixture
def split(new_world: Callable[..., World]) -> World:
    """Eighty images of two dots, of which the old version sees one; people left everything as it was."""
    world = new_world(annotators=[OLD, NEW], batches={"size": 10, "job_size": 10, "max_wait": 0})
    world.land(80, objects=2)
    world.carry()
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    return world


@pytest.fixture
def experiments(tmp_path: Path) -> Experiments:
    return Experiments(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"))


def comparisons(world: World) -> list[Comparison]:
    return compare_versions(world.project, world.store, world.ledger, NOW)


def test_two_versions_are_compared_once_with_a_verdict(split: World, experiments: Experiments) -> None:
    (found,) = comparisons(split)
    verdict = found.verdict
    assert "no difference can be told yet: F1 of eye@2 against eye@1 is +0.000" in verdict  # people corrected nothing
    assert comparisons(split) == [found]
    assert log_comparisons(split.project, [found], experiments, NOW) == 1
    assert log_comparisons(split.project, [found], experiments, NOW) == 0
    client = MlflowClient(experiments.tracking_uri)
    experiment = client.get_experiment_by_name(f"labelcycle/{split.project.name}")
    assert experiment
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["labelcycle.verdict"] == verdict
    assert run.data.metrics["images_first"] + run.data.metrics["images_second"] == 80
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["comparison.json"]


def test_one_that_took_the_others_place_is_not_compared(split: World) -> None:
    newer = [batch.id for batch in split.batches() if batch.asked[0].id == "eye@2"]
    with split.ledger.engine.begin() as connection:
        later = split.batches()[0].planned_at + timedelta(days=1)
        connection.execute(update(batches).where(batches.c.id.in_(newer)).values(planned_at=later))
    assert comparisons(split) == []
