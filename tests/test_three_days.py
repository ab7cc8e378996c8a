"""The main job, whole: three days of the demo's project through real DAG runs, and what must hold after them.

The days are played once, in this process; every test looks at what they left.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from cvat_sdk import Client
from mlflow import MlflowClient
from sqlalchemy import select, text, update

from include.annotators.registry import load
from include.annotators.weights import fetch
from include.clients.experiments import Experiments
from include.clients.ledger.tables import applied_shapes, batches, jobs, metadata
from include.clients.registered import ModelRegistry
from include.datasets.checks import check_release
from include.lifecycle.batches import Stage
from include.local.days import SEED
from include.local.demo import EXPORT, export, load_dags, play_day, run
from include.local.people import Reviewed, review_jobs
from include.local.photographs import load_truth
from include.local.records import DayRecord, day_records, expectations
from include.local.stack import ROOT, Stack, embedded

pytestmark = pytest.mark.filterwarnings("default")  # those of Airflow, MLflow and their like are their own business


@dataclass(frozen=True)
class World:
    """Everything that the days may leave anywhere, in a form that can be compared."""

    ledger: dict[str, list[tuple[object, ...]]]
    cvat: dict[int, list[tuple[object, ...]]]
    objects: dict[str, str]
    refs: str
    runs: frozenset[str]


@dataclass
class ThreeDays:
    """The running stack after three days, and what was seen on the way."""

    stack: Stack
    dags: dict[str, object]
    records: list[DayRecord]
    worlds: list[World]
    first_version: dict[str, str]

    def run_again(self) -> None:
        """All three DAGs once more."""
        for verb in ("ingest", "evaluate", "release"):
            run(self.stack, self.dags, "again", f"{verb}_street_signs")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def days(stack_folder: Path) -> Iterator[ThreeDays]:
    with embedded(stack_folder) as stack:
        dags = load_dags(stack)
        played = ThreeDays(stack, dict(dags), [], [], {})
        for number in (1, 2, 3):
            play_day(stack, dags, number)
            played.records = day_records(stack, played.records)
            played.worlds.append(world(stack))
            if number == 1:
                played.first_version = version(stack, "street_signs-v1.0.0", stack_folder / "at-once")
        yield played


def world(stack: Stack) -> World:
    return World(ledger_rows(stack), cvat_shapes(stack), bucket_objects(stack), refs(stack), mlflow_runs(stack))


def ledger_rows(stack: Stack) -> dict[str, list[tuple[object, ...]]]:
    ledger = stack.ledger()
    try:
        with ledger.engine.connect() as connection:
            return {t.name: sorted(map(tuple, connection.execute(select(t))), key=repr) for t in metadata.sorted_tables}
    finally:
        ledger.engine.dispose()


def cvat_shapes(stack: Stack) -> dict[int, list[tuple[object, ...]]]:
    """Every job's state and shapes, read with the official client."""
    with Client(stack.cvat.url, check_server_version=False) as client:
        client.login((stack.cvat.username, stack.cvat.password))
        return {
            job.id: [
                (str(job.stage), str(job.state)),
                *((s.id, s.frame, s.label_id, tuple(s.points), str(s.source)) for s in job.get_annotations().shapes),
            ]
            for job in client.jobs.list()
        }


def bucket_objects(stack: Stack) -> dict[str, str]:
    client = boto3.client(
        "s3",
        endpoint_url=stack.bucket.endpoint_url,
        aws_access_key_id=stack.bucket.access_key,
        aws_secret_access_key=stack.bucket.secret_key,
        region_name="us-east-1",
    )
    with closing(client):
        return {
            f"{bucket}/{row['Key']}": row["ETag"]
            for bucket in ("street-signs", "labelcycle")
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for row in page.get("Contents", [])
        }


def refs(stack: Stack) -> str:
    command = ["git", "-C", str(stack.repository), "for-each-ref", "--format=%(refname) %(objectname)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def mlflow_runs(stack: Stack) -> frozenset[str]:
    client = MlflowClient(stack.mlflow)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return frozenset(run.info.run_id for run in client.search_runs(experiments))


def version(stack: Stack, tag: str, folder: Path) -> dict[str, str]:
    """A version's files as a user gets them with `dvc get`, by name, as SHA-256."""
    command = [
        sys.executable,
        "-m",
        "dvc",
        "get",
        str(stack.repository),
        "street_signs",
        "--rev",
        tag,
        "-o",
        str(folder),
    ]
    subprocess.run(command, check=True, env={**os.environ, **stack.bucket.environment}, cwd=folder.parent)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_each_day_did_what_it_should(days: ThreeDays) -> None:
    assert expectations(days.records) == []


def test_bad_files_are_in_quarantine_each_with_its_reason(days: ThreeDays) -> None:
    ledger = days.stack.ledger()
    try:
        reasons = {reason: count for (state, reason), count in ledger.images.counts("street_signs").items() if reason}
    finally:
        ledger.engine.dispose()
    assert reasons == {"not an image": 1, "cannot be decoded": 1, "duplicate": 1}


def test_what_people_did_is_what_the_evaluation_says(days: ThreeDays, tmp_path: Path) -> None:
    """The reviewer counts its own corrections; the evaluation finds them by comparing ledger and CVAT."""
    lines = (days.stack.folder / "reviews.jsonl").read_text().splitlines()
    done = [Reviewed(**json.loads(line)) for line in lines]
    for record, reviewed in zip(days.records, done, strict=True):
        found = record.added
        assert (found.kept, found.edited, found.relabelled, found.deleted, found.added) == (
            reviewed.kept,
            reviewed.edited,
            reviewed.relabelled,
            reviewed.deleted,
            reviewed.added,
        )


def test_jobs_that_nobody_saw_are_in_no_figure(days: ThreeDays) -> None:
    evaluation = days.records[-1].evaluation
    assert evaluation
    totals = days.records[-1].totals
    assert evaluation.coverage.jobs_reviewed == totals.person + totals.audit
    assert evaluation.coverage.jobs_finished == totals.person + totals.audit + totals.automatic
    assert 0 < (evaluation.coverage.share_measured or 0) < 1


def test_people_are_spared_jobs_at_a_price_that_is_measured(days: ThreeDays) -> None:
    """Against the truth: of what nobody saw, a little is wrong or missing, and no less than if people had seen it."""
    totals = days.records[-1].totals
    flawed = totals.wrong + totals.missing
    assert totals.unseen > 0
    assert totals.wrong_if_seen + totals.missing_if_seen <= flawed <= totals.unseen / 4


def test_what_scores_are_worth_is_learnt_on_the_first_day_and_closer_to_the_truth(days: ThreeDays) -> None:
    for record in days.records:
        assert record.calibration
        assert record.calibration.pooled
        assert record.calibration.pooled.after.error < record.calibration.pooled.before.error


def test_the_detector_errs_but_is_no_fool(days: ThreeDays) -> None:
    evaluation = days.records[-1].evaluation
    assert evaluation
    for label in ("word", "number"):
        f1 = evaluation.figures.by_class[label].rates.f1
        assert f1 is not None
        assert 0.6 < f1 < 1


def test_day_three_changes_nothing_anywhere(days: ThreeDays) -> None:
    after_two, after_three = days.worlds[1], days.worlds[2]
    assert after_three == after_two


def test_the_first_version_is_unchanged_by_the_second(days: ThreeDays, tmp_path: Path) -> None:
    assert len(days.first_version) == 12  # three splits in three formats, YOLO's classes, the manifest, the contents
    assert version(days.stack, "street_signs-v1.0.0", tmp_path / "v1.0.0") == days.first_version


@pytest.mark.parametrize("tag", ["street_signs-v1.0.0", "street_signs-v1.1.0"])
def test_a_version_is_a_sound_dataset(days: ThreeDays, tmp_path: Path, tag: str) -> None:
    version(days.stack, tag, tmp_path / tag)
    assert check_release(tmp_path / tag) == []


def test_no_image_byte_is_in_a_version(days: ThreeDays) -> None:
    photographs = {etag for name, etag in days.worlds[2].objects.items() if name.startswith("street-signs/incoming/")}
    data = {etag for name, etag in days.worlds[2].objects.items() if name.startswith("labelcycle/dvc/")}
    assert data
    assert not photographs & data


def test_each_version_has_an_mlflow_run_with_the_dataset_as_input(days: ThreeDays) -> None:
    client = MlflowClient(days.stack.mlflow)
    experiment = client.get_experiment_by_name("labelcycle/street_signs")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], "params.tag LIKE 'street_signs-v%'")
    assert sorted(run.data.params["tag"] for run in runs) == ["street_signs-v1.0.0", "street_signs-v1.1.0"]
    for logged in runs:
        assert logged.info.status == "FINISHED"
        assert [item.dataset.name for item in logged.inputs.dataset_inputs] == ["street_signs"]
        assert logged.data.params["dvc_md5"].endswith(".dir")


def test_secrets_are_in_no_log_and_no_file_but_the_stacks_own(days: ThreeDays) -> None:
    secrets = [days.stack.bucket.secret_key, days.stack.cvat.password, days.stack.reviewer.password]
    found = []
    for path in days.stack.folder.rglob("*"):
        if path.is_file() and path.name != "local.json" and "cvat" not in path.relative_to(days.stack.folder).parts:
            content = path.read_bytes()
            found += [str(path) for secret in secrets if secret.encode() in content]
    assert found == []


def test_running_everything_again_makes_nothing_twice(days: ThreeDays) -> None:
    before = world(days.stack)
    days.run_again()
    assert world(days.stack) == before


def test_what_people_deleted_stays_deleted_even_if_a_task_is_cleared(days: ThreeDays) -> None:
    ledger = days.stack.ledger()
    try:
        with ledger.engine.begin() as connection:
            applied = set(connection.scalars(select(applied_shapes.c.shape_id)))
            there = {row[0] for shapes in cvat_shapes(days.stack).values() for row in shapes[1:]}
            assert applied - there, "the reviewer deleted nothing: this test would prove nothing"
            connection.execute(update(batches).values(stage=Stage.CHECKED))  # as if auto-annotate had never run
        before = cvat_shapes(days.stack)
        days.run_again()
        assert cvat_shapes(days.stack) == before
    finally:
        ledger.engine.dispose()


def test_a_killed_write_whose_job_people_have_changed_is_asked_about(days: ThreeDays) -> None:
    """Invariant 4: an unknown outcome where people have been is left to a person."""
    ledger = days.stack.ledger()
    try:
        with ledger.engine.begin() as connection:
            job = connection.execute(select(jobs).where(jobs.c.route == "review").limit(1)).one()
            this = (jobs.c.batch_id == job.batch_id, jobs.c.start == job.start)
            connection.execute(update(jobs).where(*this).values(applied="intended", applied_at=None))
            connection.execute(update(batches).where(batches.c.id == job.batch_id).values(stage=Stage.CHECKED))
        before = cvat_shapes(days.stack)
        days.run_again()
        assert cvat_shapes(days.stack) == before
        with ledger.engine.connect() as connection:
            row = connection.execute(select(jobs).where(*this)).one()
            assert row.applied == "attention"
            assert "completed" in row.note
            assert connection.execute(text("select count(*) from batches where stage != 'routed'")).scalar() == 0
    finally:
        ledger.engine.dispose()


def test_what_is_in_cvat_can_be_had_as_a_file_by_the_dag_for_people(days: ThreeDays) -> None:
    export(days.stack, days.dags)  # type: ignore[arg-type]
    with zipfile.ZipFile(io.BytesIO(days.stack.content(EXPORT))) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".json")]
        coco = json.loads(archive.read(name))
    assert len(coco["images"]) == sum(record.added.batched for record in days.records)
    assert {category["name"] for category in coco["categories"]} == {"word", "number"}


def test_people_find_nothing_left_to_do(days: ThreeDays) -> None:
    truth = load_truth(days.stack.folder / "truth.json")
    assert review_jobs(days.stack.cvat.url, days.stack.reviewer, truth, SEED).jobs == 0


def test_each_release_is_an_event_on_which_training_can_be_scheduled(days: ThreeDays) -> None:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        tags = [event.extra["tag"] for event in session.scalars(select(AssetEvent).order_by(AssetEvent.id))]
    assert tags == ["street_signs-v1.0.0", "street_signs-v1.1.0"]


def test_a_release_trains_a_model_that_an_annotator_asks(days: ThreeDays, tmp_path: Path) -> None:
    """The example, as if it had been copied to dags/; a second run on the same release registers nothing more."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(str(ROOT / "dags/examples/retrain.py"))
    sync_bag_to_db(bag, "dags-folder", None)
    for _ in range(2):
        run = bag.dags["retrain_street_signs"].test(run_conf={"tag": "street_signs-v1.0.0"})
        assert run.state == "success"
    registry = ModelRegistry(Experiments(days.stack.mlflow))
    assert registry.find("models:/street_signs_cells@newest").version == "1"
    weights = fetch("models:/street_signs_cells@newest", tmp_path, registry=registry)
    annotator = load("onnx_detector", {"form": "yolov8", "fit": "stretch"}, weights=weights)
    assert [label.name for label in annotator.function.spec.labels] == ["word", "number"]
