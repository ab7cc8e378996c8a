"""The demo's first day on the running services, through the doors that people use, and what must hold after it."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import httpx
from cvat_sdk import Client
from mlflow import MlflowClient
from sqlalchemy import create_engine, text

from deploy.bare.airflow import Airflow, TaskInstance
from deploy.bare.machine import Machine
from deploy.bare.services import CVAT_PORT
from include.clients.ledger import Ledger, open_engine
from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState
from include.local.people import Account, register, review_jobs
from include.local.photographs import DAY_ONE, day, load_truth, save_truth

SEED = 7
PROJECT = "street_signs"
TAG = "street_signs-v1.0.0"
CVAT = f"http://cvat:{CVAT_PORT}"
_BATCHES = 3
_CVAT_SECONDS = 5.0  # how long the emulator keeps a request: longer than the sensor's first look
_DAG_SECONDS = 120.0
_RUN_SECONDS = 300.0


class NotAsItShouldBe(Exception):
    """What the day left is not what it had to leave."""


@dataclass(frozen=True, slots=True)
class Site:
    """The running services and the variables they were started with."""

    machine: Machine
    variables: Mapping[str, str]
    folder: Path

    def database(self, name: str) -> str:
        """SQLAlchemy's URL of one of the three databases."""
        return f"postgresql+psycopg2://{name}:{self.variables[f'{name.upper()}_DB_PASSWORD']}@postgres:5432/{name}"


def play(site: Site) -> None:
    """Land, ingest, review, evaluate, release, with a look after each. Raises RunFailed or NotAsItShouldBe."""
    reviewer = Account("reviewer", "a password for the trial")
    register(CVAT, reviewer)
    httpx.post(f"{CVAT}/emulator/worker", json={"delay_s": _CVAT_SECONDS}).raise_for_status()
    with timed(f"{DAY_ONE} photographs land"):
        _land(site)
    with Airflow("http://api-server:8080", site.variables["ADMIN_USERNAME"], site.variables["ADMIN_PASSWORD"]) as api:
        with timed("the DAG processor finds the DAGs"):
            for verb in ("ingest", "evaluate", "release"):
                api.wait_for_dag(f"{verb}_{PROJECT}", _DAG_SECONDS)
        _run(api, "ingest")
        _check_ingest(site)
        with timed("the reviewer works"):
            reviewed = review_jobs(CVAT, reviewer, load_truth(site.folder / "truth.json"), SEED)
        _expect("the reviewer completed a job", reviewed.jobs > 0, True)
        _run(api, "evaluate")
        _run(api, "release")
        _check_release(site)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    begun = time.monotonic()
    sys.stdout.write(f"{what:<40}")
    sys.stdout.flush()
    yield
    sys.stdout.write(f"{time.monotonic() - begun:6.1f} s\n")
    sys.stdout.flush()


def _land(site: Site) -> None:
    photographs = day(1, SEED).photographs
    save_truth(site.folder / "truth.json", {photograph.name: photograph.objects for photograph in photographs})
    keys = site.variables["S3_ACCESS_KEY"], site.variables["S3_SECRET_KEY"]
    s3 = boto3.client(
        "s3",
        endpoint_url=site.variables["S3_ENDPOINT"],
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        region_name=site.variables["S3_REGION"],
    )
    with closing(s3):
        s3.create_bucket(Bucket="street-signs")
        for photograph in photographs:
            s3.put_object(Bucket="street-signs", Key=f"incoming/{photograph.name}", Body=photograph.content)


def _run(api: Airflow, verb: str) -> list[TaskInstance]:
    with timed(f"{verb}_{PROJECT}"):
        tasks = api.run(f"{verb}_{PROJECT}", _RUN_SECONDS)
    repeated = [task.task_id for task in tasks if task.tries > 1]
    _expect(f"tasks of {verb} that needed a second try", repeated, [])
    return tasks


def _check_ingest(site: Site) -> None:
    ledger = Ledger(open_engine(site.database("ledger")))
    try:
        _expect("images in the ledger", dict(ledger.images.counts(PROJECT)), {(ImageState.BATCHED, None): DAY_ONE})
        _expect("batches in the ledger", dict(ledger.batches.counts(PROJECT)), {Stage.ROUTED: _BATCHES})
        tasks = {batch.task_id for batch in ledger.batches.at(PROJECT, Stage.ROUTED)}
    finally:
        ledger.engine.dispose()
    with Client(CVAT, check_server_version=False) as client:
        client.login(("admin", site.variables["CVAT_TOKEN"]))
        _expect("tasks in CVAT", {task.id for task in client.tasks.list()}, tasks)
    _expect("Celery ran tasks", _celery_tasks(site) > 0, True)
    logs = list((site.machine.volumes / "logs").rglob("*.trigger.*.log"))
    _expect("the triggerer waited for CVAT", len(logs) > 0, True)


def _celery_tasks(site: Site) -> int:
    engine = create_engine(site.database("airflow"))
    try:
        with engine.connect() as connection:
            query = text("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'")
            return int(connection.scalar(query) or 0)
    finally:
        engine.dispose()


def _check_release(site: Site) -> None:
    tags = site.machine.run(["git", "--git-dir", site.variables["DATASETS_REPOSITORY"], "tag"], {}, 30).split()
    _expect("tags in the datasets' repository", tags, [TAG])
    ledger = Ledger(open_engine(site.database("ledger")))
    try:
        released = [release.tag for release in ledger.releases.all(PROJECT) if release.released_at]
    finally:
        ledger.engine.dispose()
    _expect("releases in the ledger", released, [TAG])
    client = MlflowClient(site.variables["MLFLOW_URL"])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    names = {run.info.run_name for run in client.search_runs(experiments)}
    _expect("MLflow has the release's run", TAG in names, True)


def _expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise NotAsItShouldBe(f"{what}: {found}, not {wanted}")
