"""Errors that help: every trouble, through the real hooks and steps, ends in a sentence that says what to do where."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from pydantic import TypeAdapter

from include.clients.ledger import migrate, open_engine
from include.datasets.contents import ReleaseSettings, contents_of
from include.projects.files import read_project
from include.steps.discover import discover_images
from include.steps.predict import PredictionShard, predict_shard
from include.steps.release import Pin, log_release, publish_release
from labelcycle.hooks.project import ProjectClients
from labelcycle.stages.ingest import create_tasks, predict, prediction_shards
from tests.include.emulator.servers import Server
from tests.include.emulator.servers import running as running_cvat
from tests.include.steps.dots import picture
from tests.plugins.labelcycle.systems import S3, answering, free_port, refusing_postgres, serve_s3

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Airflow's own are no business of these tests

ROOT = Path(__file__).parents[1]
PROJECT = """\
name: signs
images: {uri: s3://images/incoming/}
labels:
  - {name: word, attributes: [{name: text}]}
  - {name: number, attributes: [{name: text}]}
annotators: [{model: rapidocr}]
ledger: {store: s3://data/ledger}
release: {remote: s3://data/dvc}
"""
TAG = "signs-v1.0.0"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serve_s3("images", "data") as server:
        yield server


@pytest.fixture(scope="module")
def cvat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_cvat(tmp_path_factory.mktemp("cvat")) as server:
        yield server


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SQLite file with this release's tables."""
    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file.read_bytes()


@dataclass
class World:
    """A project whose systems all work, until a test changes a connection."""

    folder: Path
    set: Callable[[str, dict[str, object]], None]

    @property
    def file(self) -> str:
        return str(self.folder / "signs.yaml")

    def write(self, text: str) -> None:
        Path(self.file).write_text(text)

    def pin(self, commit: str | None = None) -> None:
        """A release without images, pinned as the step does it, and published where a commit is given."""
        project = read_project(Path(self.file))
        settings = ReleaseSettings(project.name, project.release.splits, project.release.split_seed)
        pin = Pin((), contents_of([], ["word", "number"], settings), None)
        with ProjectClients(self.file) as clients:
            uri = clients.store.write_text("pins/signs", TypeAdapter(Pin).dump_json(pin).decode())
            clients.ledger.releases.pin(TAG, "signs", pin.contents.digest, uri, datetime.now(UTC))
            if commit:
                clients.ledger.releases.published(TAG, commit, "md5")

    def publish(self) -> None:
        with ProjectClients(self.file) as clients:
            publish_release(clients.project, TAG, clients.repository, clients.store, clients.ledger, "a test")

    def log(self) -> None:
        with ProjectClients(self.file) as clients:
            log_release(clients.project, TAG, "git-url", clients.experiments, clients.store, clients.ledger)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: S3, cvat: Server, empty_ledger: bytes) -> World:
    def set_connection(conn_id: str, fields: dict[str, object]) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    (tmp_path / "ledger.db").write_bytes(empty_ledger)
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "datasets.git")], check=True)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    set_connection("aws_default", s3.connection())
    set_connection("cvat_default", cvat_connection(cvat))
    set_connection("labelcycle_ledger", {"conn_type": "labelcycle_ledger", "host": str(tmp_path / "ledger.db")})
    set_connection("labelcycle_datasets", {"conn_type": "labelcycle_git", "host": str(tmp_path / "datasets.git")})
    mlflow = {"artifacts": str(tmp_path / "artifacts")}
    set_connection("mlflow_default", {"conn_type": "mlflow", "host": f"sqlite:///{tmp_path}/m.db", "extra": mlflow})
    made = World(tmp_path, set_connection)
    made.write(PROJECT)
    return made


def cvat_connection(cvat: Server, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {"conn_type": "cvat", "host": str(cvat.admin.base_url).rstrip("/")}
    return fields | {"login": "admin", "password": "only-for-tests"} | changes


def discover(project_file: str) -> None:
    """The first task's work: the clients by the connections, and the step."""
    with ProjectClients(project_file) as clients:
        discover_images(clients.project, clients.bucket, clients.ledger, datetime.now(UTC))


def sentence(work: Callable[[], object], *, retried: bool) -> str:
    """What a task fails with: one line, with no traceback of a library behind it."""
    with pytest.raises(AirflowException) as caught:
        work()
    message = str(caught.value)
    assert isinstance(caught.value, AirflowFailException) is not retried, message
    assert caught.value.__suppress_context__
    assert "\n" not in message
    assert len(message) < 900
    return message


# The project's file


def test_a_wrong_file_is_told_with_its_line(world: World) -> None:
    world.write(PROJECT.replace("s3://images/incoming/", "s3://images/incoming"))
    message = sentence(lambda: discover(world.file), retried=False)
    assert message.startswith(f"{world.file}: line 2: images.uri: must look like s3://bucket/prefix/")


def test_labels_that_the_project_does_not_have_are_told_before_anything_is_predicted(world: World) -> None:
    world.write(PROJECT.replace("  - {name: number, attributes: [{name: text}]}\n", ""))
    shard = {"annotator": 0, "after": "", "last": "\U0010ffff", "images": 1}
    message = sentence(lambda: predict.function(world.file, shard), retried=False)
    assert message.startswith(f"{world.file}: annotator 'rapidocr' predicts what project 'signs' does not have")
    assert "the label 'number'. Add it to labels" in message


def test_an_unknown_annotator(world: World) -> None:
    world.write(PROJECT.replace("rapidocr", "yolo99"))
    message = sentence(lambda: prediction_shards.function(world.file), retried=False)
    assert message.startswith(f"{world.file}: line 6: annotators.0.model: there is no annotator 'yolo99': known are ")


def test_a_model_that_is_away_is_asked_again_later(world: World, s3: S3) -> None:
    away = "{model: tests.include.steps.dots:Dots, settings: {away_at: 1}}"
    named = PROJECT.replace("{model: rapidocr}", away).replace("name: word", "name: dot")
    world.write(named.replace("incoming/", "away/"))
    s3.put("images", "away/a.png", picture(1))
    discover(world.file)
    shard = PredictionShard(annotator=0, after="", last="\U0010ffff", images=1)

    def ask() -> None:
        with ProjectClients(world.file) as clients:
            predict_shard(clients.project, clients.annotator(0), shard, clients.bucket, clients.store, clients.ledger)

    assert sentence(ask, retried=True) == f"{world.file}: http://models:8000 does not answer"


def test_a_connection_that_is_not_defined(world: World) -> None:
    world.write(PROJECT + "cvat: {connection: other_cvat}\n")
    message = sentence(lambda: create_tasks.function(world.file, []), retried=False)
    assert message.startswith(f"{world.file}: The conn_id `other_cvat` isn't defined. Define the connection")


@pytest.mark.parametrize("conn_id", ["aws_default", "labelcycle_ledger", "labelcycle_datasets", "mlflow_default"])
def test_each_of_the_others_is_looked_for_too(world: World, conn_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's S3 hook would go on with the machine's own access."""
    monkeypatch.delenv(f"AIRFLOW_CONN_{conn_id.upper()}")

    def use_all() -> None:
        with ProjectClients(world.file) as clients:
            _ = clients.bucket, clients.ledger, clients.repository, clients.experiments

    assert f"`{conn_id}` isn't defined" in sentence(use_all, retried=False)


# S3


def test_s3_that_does_not_answer(world: World, s3: S3) -> None:
    extra = {"endpoint_url": f"http://127.0.0.1:{free_port()}", "config_kwargs": {"retries": {"max_attempts": 1}}}
    world.set("aws_default", s3.connection() | {"extra": extra})
    message = sentence(lambda: discover(world.file), retried=True)
    assert message.startswith("connection 'aws_default': s3://images/incoming/: S3 does not answer. Check the conn")


@pytest.mark.parametrize(
    ("user", "code"),
    [("cannot list", "AccessDenied"), ("wrong secret", "SignatureDoesNotMatch"), ("unknown", "InvalidAccessKeyId")],
)
def test_a_bucket_that_may_not_be_listed(world: World, s3: S3, user: str, code: str) -> None:
    world.set("aws_default", s3.connection(user))
    message = sentence(lambda: discover(world.file), retried=False)
    assert message.startswith("connection 'aws_default': s3://images/incoming/: S3 denies access. Check the connection")
    assert code in message
    assert s3.keys["all"][1] not in message


def test_a_bucket_that_is_not_there(world: World) -> None:
    world.write(PROJECT.replace("s3://images/", "s3://typo/"))
    message = sentence(lambda: discover(world.file), retried=False)
    assert message.startswith("connection 'aws_default': s3://typo/incoming/: there is no such bucket. Correct")


def test_a_bucket_of_another_region(world: World, s3: S3) -> None:
    """The answer is Amazon's (docs: error responses); moto does not give it."""
    body = (
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region"
        " 'us-east-1' is wrong; expecting 'eu-west-1'</Message></Error>"
    )
    with answering(400, body, "application/xml") as amazon:
        world.set("aws_default", s3.connection() | {"extra": {"endpoint_url": amazon.url}})
        message = sentence(lambda: discover(world.file), retried=False)
    assert "the bucket is in another region. Correct region_name in the connection's extra" in message
    assert "expecting 'eu-west-1'" in message


def test_an_endpoint_that_is_not_s3(world: World, s3: S3, cvat: Server) -> None:
    world.set("aws_default", s3.connection() | {"extra": {"endpoint_url": str(cvat.admin.base_url)}})
    message = sentence(lambda: discover(world.file), retried=False)
    assert message.startswith("connection 'aws_default'")
    assert "what answers is not S3. Correct endpoint_url" in message


# CVAT


def test_cvat_that_does_not_answer(world: World, cvat: Server) -> None:
    world.set("cvat_default", cvat_connection(cvat, host=f"http://127.0.0.1:{free_port()}"))
    message = sentence(lambda: create_tasks.function(world.file, []), retried=True)
    assert message.startswith("connection 'cvat_default': CVAT at http://127.0.0.1:")
    assert message.endswith("See that CVAT runs, and that the connection's host is its URL")


@pytest.mark.parametrize("login", ["admin", None])
def test_a_password_or_token_that_cvat_does_not_take(world: World, cvat: Server, login: str | None) -> None:
    world.set("cvat_default", cvat_connection(cvat, login=login, password="a-wrong-secret"))
    message = sentence(lambda: create_tasks.function(world.file, []), retried=False)
    assert message.startswith("connection 'cvat_default': ")
    assert message.endswith("Give it a valid token, or the right login and password")
    assert "a-wrong-secret" not in message


def test_a_token_that_may_only_read(world: World, cvat: Server) -> None:
    token = cvat.admin.post("/api/auth/access_tokens", json={"name": "ro", "read_only": True}).json()["value"]
    world.set("cvat_default", cvat_connection(cvat, login=None, password=token))
    message = sentence(lambda: create_tasks.function(world.file, []), retried=False)
    assert message.startswith("connection 'cvat_default': POST ")
    assert "403" in message
    assert "a read-only token cannot write" in message
    assert token not in message


# The ledger


def test_a_ledger_that_does_not_answer(world: World) -> None:
    postgres: dict[str, object] = {"conn_type": "labelcycle_ledger", "host": "127.0.0.1", "port": free_port()}
    world.set("labelcycle_ledger", postgres | {"login": "me", "password": "secret-word", "schema": "labelcycle"})
    message = sentence(lambda: discover(world.file), retried=True)
    assert message.startswith("connection 'labelcycle_ledger': the ledger's database postgresql")
    assert "Connection refused" in message
    assert "See that the database runs" in message
    assert "secret-word" not in message


@pytest.mark.parametrize(
    "words", ['password authentication failed for user "me"', 'database "labelcycle" does not exist']
)
def test_a_password_or_database_that_postgres_does_not_know(world: World, words: str) -> None:
    with refusing_postgres(words) as port:
        postgres: dict[str, object] = {"conn_type": "postgres", "host": "127.0.0.1", "port": port}
        world.set("labelcycle_ledger", postgres | {"login": "me", "password": "secret-word", "schema": "labelcycle"})
        message = sentence(lambda: discover(world.file), retried=False)
    assert message.startswith("connection 'labelcycle_ledger': ")
    assert words in message
    assert message.endswith("Correct its login, password and database, or make them")
    assert "secret-word" not in message


def test_a_ledger_without_tables(world: World) -> None:
    (world.folder / "ledger.db").unlink()
    message = sentence(lambda: discover(world.file), retried=False)
    assert message.startswith("connection 'labelcycle_ledger': ")
    assert message.endswith("run python -m include.clients.ledger upgrade")


# git and DVC


def test_a_repository_that_is_not_there(world: World) -> None:
    world.pin()
    world.set("labelcycle_datasets", {"conn_type": "labelcycle_git", "host": "/no/such/datasets.git"})
    message = sentence(world.publish, retried=False)
    assert message.startswith("connection 'labelcycle_datasets': `git ls-remote")
    assert "See that the git URL is right" in message


def test_a_git_server_that_does_not_answer(world: World) -> None:
    world.pin()
    url = f"http://127.0.0.1:{free_port()}/datasets.git"
    world.set("labelcycle_datasets", {"conn_type": "labelcycle_git", "host": url})
    message = sentence(world.publish, retried=True)
    assert message.startswith("connection 'labelcycle_datasets': ")
    assert "See that the git server answers" in message


def test_a_dvc_remote_that_may_not_be_written(world: World, s3: S3) -> None:
    world.pin()
    world.set("aws_default", s3.connection("cannot write"))
    message = sentence(world.publish, retried=False)
    assert message.startswith("connection 'aws_default': `dvc push")
    assert "may list, read and write the bucket" in message
    assert s3.keys["cannot write"][1] not in message


def test_git_needs_no_identity_of_the_machine(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith(("GIT_", "EMAIL", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    world.pin()
    world.publish()
    command = ["git", "-C", str(tmp_path / "datasets.git"), "log", "--format=%an <%ae>", TAG]
    log = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(log.stdout.splitlines()) == {"Labelcycle <labelcycle@localhost>"}


# MLflow


def test_mlflow_that_does_not_answer(world: World) -> None:
    world.pin("a commit")
    world.set("mlflow_default", {"conn_type": "mlflow", "host": f"http://127.0.0.1:{free_port()}"})
    message = sentence(world.log, retried=True)
    assert message.startswith(f"connection 'mlflow_default': Logging {TAG}")
    assert "See that MLflow is up" in message


@pytest.mark.parametrize(("login", "sent"), [("me", "Basic bWU6c2VjcmV0LXdvcmQ="), (None, "Bearer secret-word")])
def test_a_login_that_mlflow_does_not_take(world: World, login: str | None, sent: str) -> None:
    world.pin("a commit")
    with answering(401, "You are not authenticated.") as mlflow:
        fields: dict[str, object] = {"conn_type": "mlflow", "host": mlflow.url, "password": "secret-word"}
        world.set("mlflow_default", fields | {"login": login})
        message = sentence(world.log, retried=False)
    assert [headers["Authorization"] for headers in mlflow.asked] == [sent]
    assert message.startswith(f"connection 'mlflow_default': Logging {TAG}")
    assert message.endswith("Give a login that MLflow knows, and that may write")
    assert "secret-word" not in message
    assert not [name for name in os.environ if name.startswith("MLFLOW_TRACKING_")]


# A full disk


FULL_DISK = """\
import resource, sys
from datetime import UTC, datetime
from labelcycle.hooks.project import ProjectClients

def failing(work):
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        with ProjectClients(sys.argv[1]) as clients:
            clients.ledger, clients.experiments.check()  # MLflow makes its database
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
            work(clients)
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\\n")

big = b"0" * 3_000_000
logged = dict(key="k", name="n", params={}, metrics={}, tags={}, artifacts={"big": big}, at=datetime.now(UTC))
failing(lambda clients: clients.ledger.audit.add("signs", "a test", "x", big.decode()))
failing(lambda clients: clients.repository.publish("v1", "signs", "a test", lambda to: (to / "big").write_bytes(big)))
failing(lambda clients: clients.experiments.log_evaluation("x", **logged))
"""


def test_a_full_disk(world: World) -> None:
    """A limit on the size of files is as near to a full disk as a test can come without being root. The kernel answers
    "File too large" instead of "No space left on device"; both are looked for, and so is "Disk quota exceeded"."""
    (world.folder / "artifacts").mkdir()
    command = [sys.executable, "-W", "ignore", "-c", FULL_DISK, world.file]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=world.folder, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
    ledger, release, artifacts = [line for line in ended.stderr.splitlines() if line.startswith("Airflow")]
    assert ledger.startswith("AirflowException: connection 'labelcycle_ledger': ")
    assert ledger.endswith("Free space on the database's disk")
    assert release.startswith("AirflowException: this worker: [Errno 27] File too large")
    assert release.endswith("Free space in its folder for temporary files (TMPDIR names another)")
    assert artifacts.startswith("AirflowException: connection 'mlflow_default': Logging n (k)")
    assert artifacts.endswith("Free space on the disk of MLflow's artifacts")
