"""Calibrate: what people made of the predictions changes what their scores count for, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.clients.experiments import Experiments
from include.evaluation.calibration import Calibration, from_json
from include.lifecycle.batches import Stage
from include.lifecycle.predictions import Prediction
from include.lifecycle.routing import Route
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.routing import CalibrationSettings
from include.steps.calibrate import calibrate_annotators, log_calibrations
from include.steps.calibrations import Calibrations
from include.steps.collect import collect_revisions
from include.steps.evaluate import evaluate_annotators
from tests.include.steps.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def reviewed(new_world: Callable[..., World]) -> World:
    """Twenty images with 15 objects each of score 0.9; people deleted 9 on each: right are 40 %."""
    world = new_world(batches={"size": 20, "job_size": 4, "max_wait": 0})
    world.land(20, objects=15, score=0.9)
    world.carry()
    for job in world.jobs():
        wrong = [shape for shape in world.drawn(job) if shape["points"][0] < 9 * 4]
        world.change_shapes(job, "delete", wrong)
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    return world


def one(score: float) -> Prediction:
    return Prediction("p", "i", "m", Shape("dot", ShapeType.RECTANGLE, (0, 0, 1, 1)), score)


def worth(world: World, score: float) -> float:
    (found,) = Calibrations(world.project, world.store, world.ledger).applied(world.annotator.id, [one(score)])
    return found.score


def calibrate(world: World, now: datetime = NOW) -> list[str]:
    return calibrate_annotators(world.project, world.store, world.ledger, now)


def set_calibration(world: World, **settings: float) -> None:
    routing = world.project.routing.model_copy(update={"calibrate": CalibrationSettings.model_validate(settings)})
    world.project = world.project.model_copy(update={"routing": routing})


def newest(world: World) -> Calibration:
    (record,) = world.ledger.calibrations.newest(world.project.name).values()
    return from_json(world.store.read_text(record.uri))


def test_a_score_counts_as_what_people_have_shown_it_to_be_worth(reviewed: World) -> None:
    assert worth(reviewed, 0.9) == 0.9
    assert calibrate(reviewed) == [reviewed.annotator.id]
    assert worth(reviewed, 0.9) == pytest.approx(0.4, abs=0.02)
    assert calibrate(reviewed) == []  # nothing new was finished


def test_new_batches_are_routed_by_what_scores_are_worth(reviewed: World) -> None:
    routing = {"accept_above": 0.8, "audit_share": 0.01}
    reviewed.project = reviewed.project.model_copy(update={"routing": reviewed.project.routing.model_validate(routing)})
    calibrate(reviewed)
    reviewed.land(4, score=0.9, first=100)
    new = [batch for batch in reviewed.plan() if batch.stage is Stage.PLANNED]
    jobs = [job for batch in new for job in reviewed.ledger.batches.jobs(batch.id)]
    assert {job.route for job in jobs} == {Route.REVIEW}
    assert jobs[0].reason.startswith("dot 0.4")


def test_a_setting_that_is_changed_and_changed_back_takes_effect_both_times(reviewed: World) -> None:
    calibrate(reviewed)
    set_calibration(reviewed, min_support=10_000)  # of 300 judged predictions nothing is learnt
    assert calibrate(reviewed, NOW + timedelta(hours=1)) == [reviewed.annotator.id]
    assert worth(reviewed, 0.9) == 0.9
    set_calibration(reviewed)
    assert calibrate(reviewed, NOW + timedelta(hours=2)) == [reviewed.annotator.id]
    assert worth(reviewed, 0.9) == pytest.approx(0.4, abs=0.02)
    assert calibrate(reviewed, NOW + timedelta(hours=3)) == []


def test_another_precision_suggests_another_threshold(reviewed: World) -> None:
    calibrate(reviewed)
    assert [learnt.suggested for learnt in newest(reviewed).by_class.values()] == [None]  # 40 % are right
    set_calibration(reviewed, precision=0.3)
    assert calibrate(reviewed, NOW + timedelta(hours=1)) == [reviewed.annotator.id]
    (learnt,) = newest(reviewed).by_class.values()
    assert learnt.suggested
    assert learnt.suggested.score == pytest.approx(0.4, abs=0.02)


def test_figures_are_those_of_the_settings_that_are_set_again(reviewed: World) -> None:
    def evaluated(iou: float, hours: int) -> str:
        evaluation = reviewed.project.evaluation.model_copy(update={"iou": iou})
        reviewed.project = reviewed.project.model_copy(update={"evaluation": evaluation})
        now = NOW + timedelta(hours=hours)
        (id_,) = evaluate_annotators(reviewed.project, reviewed.store, reviewed.ledger, now)
        return id_

    first, second = evaluated(0.5, 0), evaluated(0.75, 1)
    assert first != second
    assert evaluated(0.5, 2) == first
    (newest,) = reviewed.ledger.reviews.newest_evaluations(reviewed.project.name).values()
    assert (newest.id, newest.created_at) == (first, NOW + timedelta(hours=2))
    assert evaluated(0.5, 3) == first
    latest = reviewed.ledger.reviews.latest_evaluation(reviewed.project.name)
    assert latest
    assert (latest.id, latest.created_at) == (first, NOW + timedelta(hours=2))  # nothing changed since


def test_a_calibration_is_logged_once_with_its_diagram(reviewed: World, tmp_path: Path) -> None:
    calibrate(reviewed)
    experiments = Experiments(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"))
    assert log_calibrations(reviewed.project, reviewed.store, experiments, reviewed.ledger) == 1
    assert log_calibrations(reviewed.project, reviewed.store, experiments, reviewed.ledger) == 0
    (record,) = reviewed.ledger.calibrations.newest(reviewed.project.name).values()
    client = MlflowClient(experiments.tracking_uri)
    assert record.mlflow_run_id
    run = client.get_run(record.mlflow_run_id)
    assert run.data.metrics["calibration_error_before/micro"] == pytest.approx(0.5)
    assert run.data.metrics["calibration_error_after/micro"] < 0.2
    files = {file.path for file in client.list_artifacts(record.mlflow_run_id)}
    assert files == {"calibration.json", "calibration.txt", "reliability.png"}
