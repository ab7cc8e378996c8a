"""S3 for the tests: moto, over real HTTP; and MLflow on SQLite."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from include.clients.experiments import Experiments


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3(s3_endpoint: str) -> "Iterator[S3Client]":
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="tester",
        aws_secret_access_key="of-tests",
        config=Config(max_pool_connections=16),
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    """The name of a new, empty bucket."""
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Experiments]":
    """A tracking database, migrated once."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # takes seconds, for few tests

    from include.clients.experiments import Experiments

    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    yield Experiments(uri, str(folder / "artifacts"))
    SqlAlchemyStore._engine_map.pop(uri).dispose()  # MLflow keeps engines, and their connections, for ever
