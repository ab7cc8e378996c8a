"""A world of its own for each test of the steps, on one CVAT and one S3 server."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.clients.cvat import BucketAccess, CvatAccess, CvatClient
from include.clients.ledger import Ledger, migrate, open_engine
from tests.include.emulated import Emulated, emulated
from tests.include.steps.world import World, new_name, project_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("cvat")) as running:
        yield running


@pytest.fixture(scope="session")
def cvat_access(server: Emulated) -> CvatAccess:
    return server.token()


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with this release's tables: copied for each test, because making them takes long."""
    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def new_world(
    server: Emulated,
    cvat_access: CvatAccess,
    empty_ledger: Path,
    s3: "S3Client",
    s3_endpoint: str,
    bucket: str,
    tmp_path: Path,
) -> Iterator[Callable[..., World]]:
    """Makes worlds; the arguments are sections of the project's file."""
    with ExitStack() as closing:

        def make(**sections: Any) -> World:
            name = new_name()
            file = tmp_path / f"{name}.db"
            shutil.copy(empty_ledger, file)
            ledger = Ledger(open_engine(f"sqlite:///{file}"))
            closing.callback(ledger.engine.dispose)
            return World(
                project=project_of(name, bucket, **sections),
                s3=s3,
                bucket_name=bucket,
                access=BucketAccess(bucket, "tester", "of-tests", s3_endpoint, "us-east-1"),
                server=server,
                cvat_access=cvat_access,
                cvat=closing.enter_context(CvatClient(cvat_access)),
                ledger=ledger,
            )

        yield make
        server.forget_faults()
        server.hold(False)


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world()
