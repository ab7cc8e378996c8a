"""Airflow's own API server with the plugin, over HTTP, beside a CVAT and a ledger with a job for people."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import httpx
import pytest
import uvicorn

from include.clients.bulk import BulkStore
from include.clients.cvat.shared import close_shared_clients
from include.clients.ledger import Ledger, migrate, open_engine
from include.clients.ledger.snapshots import SnapshotRecord
from include.evaluation.snapshot import Snapshot, to_json
from include.lifecycle.images import split_uri
from include.lifecycle.routing import Route
from include.local.bucket import REGION, Bucket, serve_bucket
from include.local.state import State
from tests.include.clients.ledger.records import PROJECT, routed
from tests.include.emulated import Emulated, emulated, until
from tests.include.pages import scene as pages
from tests.plugins.labelcycle.operators.scene import Scene, new_scene
from tests.plugins.labelcycle.systems import free_port

PASSWORDS = {"vera": "v-password", "ursula": "u-password"}
_USERS = "vera:VIEWER,ursula:USER"
_PROJECT = """\
name: {name}
active: {active}
images: {{uri: s3://images/{name}/}}
labels: [{{name: bird}}]
annotators: [{{model: rapidocr}}]
ledger: {{store: s3://data/ledger}}
release: {{remote: s3://data/dvc}}
"""


@dataclass(frozen=True)
class Airflow:
    """A running API server. `vera` may see all DAGs, `ursula` may edit them."""

    url: str

    def token(self, user: str) -> str:
        answer = httpx.post(f"{self.url}/auth/token", json={"username": user, "password": PASSWORDS[user]})
        return str(answer.raise_for_status().json()["access_token"])

    def as_(self, user: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(base_url=f"{self.url}/labelcycle", headers=headers, timeout=60)


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder, port = tmp_path_factory.mktemp("airflow"), free_port()
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", _USERS)
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of tests " * 4)
        patch.setenv("AIRFLOW__API__SECRET_KEY", "another secret of tests")
        with served(port):
            yield Airflow(f"http://127.0.0.1:{port}")


@contextmanager
def served(port: int) -> Iterator[None]:
    """Airflow's app, served by a thread."""
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb

    initdb()
    server = uvicorn.Server(uvicorn.Config(create_app(apps="core"), host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("cvat")) as running:
        yield running


@pytest.fixture(scope="package")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "ledger.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def ledger(empty_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    file = tmp_path / "ledger.db"
    shutil.copy(empty_ledger, file)
    monkeypatch.setenv("AIRFLOW_CONN_LABELCYCLE_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    engine = open_engine(f"sqlite:///{file}")
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project `birds`, and one that is not active."""
    folder = tmp_path / "projects"
    folder.mkdir()
    for name, active in ((PROJECT, "true"), ("asleep", "false")):
        (folder / f"{name}.yaml").write_text(_PROJECT.format(name=name, active=active))
    monkeypatch.setenv("AIRFLOW__LABELCYCLE__PROJECTS_FOLDER", str(folder))
    return folder


@pytest.fixture
def scene(
    airflow: Airflow, server: Emulated, ledger: Ledger, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """A task with two jobs in CVAT, which the ledger has as a review and an audit."""
    connection = {"conn_type": "cvat", "host": server.url, "password": server.token().token}
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", json.dumps(connection))
    found = new_scene(server)
    assert found.jobs[1] == found.jobs[0] + 1
    routed(ledger, "b", (Route.REVIEW, 0.75), (Route.AUDIT, 0.25), first=found.jobs[0], task=found.task)
    yield found
    server.forget_faults()
    close_shared_clients()


@pytest.fixture(scope="package")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """An S3 that checks signatures."""
    folder = tmp_path_factory.mktemp("bucket")
    for name in ("images", "data"):
        (folder / "bucket" / name).mkdir(parents=True)
    with serve_bucket(State(folder)) as running:
        yield running


def connection_to(bucket: Bucket) -> dict[str, object]:
    extra = {"endpoint_url": bucket.endpoint_url, "region_name": REGION}
    return {"conn_type": "aws", "login": bucket.access_key, "password": bucket.secret_key, "extra": extra}


@pytest.fixture
def measured(
    airflow: Airflow, bucket: Bucket, ledger: Ledger, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Snapshot], Snapshot]:
    """Makes a snapshot the newest of the project, with its pictures in the bucket; the snapshot as the project's."""
    for name, connection in (
        ("AWS_DEFAULT", connection_to(bucket)),
        ("CVAT_DEFAULT", {"conn_type": "cvat", "host": "https://cvat.example.com", "password": "a token"}),
        ("MLFLOW_DEFAULT", {"conn_type": "mlflow", "host": "https://mlflow.example.com"}),
    ):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.Session().client("s3")  # the default session keeps the first keys that it saw

    def put(snapshot: Snapshot) -> Snapshot:
        own = replace(snapshot, project=PROJECT)
        for image_id, link in own.links.items():
            content, kind = pages.picture(image_id)
            place, key = split_uri(link.uri)
            client.put_object(Bucket=place, Key=key, Body=content, ContentType=kind)
        uri = BulkStore(client, "s3://data/ledger").write_text(f"snapshots/{PROJECT}", to_json(own))
        ledger.snapshots.put(PROJECT, SnapshotRecord(uri, "digest", own.made_at))
        return own

    return put
