"""A CVAT for the client's tests, and a client on it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from include.clients.cvat import CvatClient
from tests.include.emulated import Emulated, emulated


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("cvat")) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        request.getfixturevalue("server").forget_faults()


@pytest.fixture
def cvat(server: Emulated) -> Iterator[CvatClient]:
    with CvatClient(server.access) as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"thing {uuid4().hex[:12]}"
