"""The embedded stack: bucket, CVAT emulator, ledger, git repository, MLflow and Airflow's settings, in one folder."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pyarrow as pa
from botocore.config import Config

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger, migrate, open_engine
from include.lifecycle.images import split_uri
from include.local.bucket import REGION, Bucket, bucket_of, serve_bucket
from include.local.cvat import Cvat, cvat_of, serve_cvat
from include.local.people import Account, register
from include.local.state import State

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parents[2]
PROJECTS = Path(__file__).parent / "projects"
BUCKETS = ("street-signs", "labelcycle")


@dataclass(frozen=True, slots=True)
class Stack:
    """The running services, and how Airflow reaches them."""

    folder: Path
    bucket: Bucket
    cvat: Cvat
    reviewer: Account

    @property
    def repository(self) -> Path:
        """The git repository of the dataset versions, bare."""
        return self.folder / "datasets.git"

    @property
    def mlflow(self) -> str:
        """MLflow's tracking URI."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def ledger_url(self) -> str:
        """The ledger's database."""
        return f"sqlite:///{self.folder / 'ledger.db'}"

    def environment(self) -> dict[str, str]:
        """The variables with which Airflow runs the project's DAGs on this stack."""
        connections = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in self._connections().items()}
        return airflow_settings(self.folder) | connections

    def ledger(self) -> Ledger:
        """The ledger; the caller disposes of its engine."""
        return Ledger(open_engine(self.ledger_url))

    def put(self, bucket: str, files: Mapping[str, bytes]) -> None:
        """Put files into a bucket, by key."""
        with closing(_s3(self.bucket)) as client:
            for key, content in files.items():
                client.put_object(Bucket=bucket, Key=key, Body=content)

    def content(self, uri: str) -> bytes:
        """An object of the bucket."""
        bucket, key = split_uri(uri)
        with closing(_s3(self.bucket)) as client:
            return client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def read_text(self, uri: str) -> str:
        """A document of the ledger's store."""
        with closing(_s3(self.bucket)) as client:
            return BulkStore(client, uri.rpartition("/")[0]).read_text(uri)

    def read(self, uri: str) -> pa.Table:
        """A table of the ledger's store."""
        with closing(_s3(self.bucket)) as client:
            return BulkStore(client, uri.rpartition("/")[0]).read(uri)

    def _connections(self) -> Mapping[str, Mapping[str, object]]:
        return {
            "aws_default": {
                "conn_type": "aws",
                "login": self.bucket.access_key,
                "password": self.bucket.secret_key,
                "extra": {"endpoint_url": self.bucket.endpoint_url, "region_name": REGION},
            },
            "cvat_default": {
                "conn_type": "cvat",
                "host": self.cvat.url,
                "login": self.cvat.username,
                "password": self.cvat.password,
            },
            "labelcycle_ledger": {"conn_type": "labelcycle_ledger", "host": str(self.folder / "ledger.db")},
            "labelcycle_datasets": {"conn_type": "labelcycle_git", "host": str(self.repository)},
            "mlflow_default": {
                "conn_type": "mlflow",
                "host": self.mlflow,
                "extra": {"artifacts": str(self.folder / "mlflow"), "pages": State(self.folder).address("mlflow")},
            },
        }


def airflow_settings(folder: Path) -> dict[str, str]:
    """Airflow's settings for a stack's folder. Airflow reads them when it is first imported."""
    home = folder / "airflow"
    return {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "6",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__LABELCYCLE__PROJECTS_FOLDER": str(PROJECTS),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


@contextmanager
def embedded(folder: Path, *, anew: bool = False) -> Iterator[Stack]:
    """Run the stack on a folder, which is made where it is missing, for as long as the context lasts; `anew` deletes
    what was there before: its parts belong together, and live or die as a whole.

    Raises InUse where a stack runs on the folder already, ServerFailed and OSError where one of its servers cannot.
    """
    state = State(folder)
    with state.alone():
        if anew:
            _empty(folder)
        with serve_bucket(state), serve_cvat(state):
            stack = stack_of(folder)
            _prepare(stack)
            yield stack


def stack_of(folder: Path) -> Stack:
    """The stack of a folder, whether it runs or not."""
    state = State(folder)
    return Stack(folder, bucket_of(state), cvat_of(state), Account("reviewer", state.secret("reviewer's password")))


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _prepare(stack: Stack) -> None:
    with closing(_s3(stack.bucket)) as client:
        there = {row["Name"] for row in client.list_buckets()["Buckets"]}
        for bucket in BUCKETS:
            if bucket not in there:
                client.create_bucket(Bucket=bucket)
    if not stack.repository.exists():
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(stack.repository)]
        subprocess.run(command, check=True)
    engine = open_engine(stack.ledger_url)
    migrate(engine)
    engine.dispose()
    register(stack.cvat.url, stack.reviewer)


def _s3(bucket: Bucket) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        region_name=REGION,
        config=Config(request_checksum_calculation="when_required", response_checksum_validation="when_required"),
    )
