"""A CVAT whose connection is `cvat_default`, and what is in it."""

import json
from collections.abc import Iterator

import pytest

from include.clients.cvat.shared import close_shared_clients
from tests.include.emulated import Emulated, emulated
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.operators.scene import Scene, new_scene


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("cvat")) as running:
        yield running


@pytest.fixture
def cvat(server: Emulated, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    connection = {"conn_type": "cvat", "host": server.url, "password": server.token().token}
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", json.dumps(connection))
    yield server
    server.forget_faults()
    server.hold(False)
    close_shared_clients()


@pytest.fixture
def scene(cvat: Emulated) -> Scene:
    return new_scene(cvat)


@pytest.fixture
def task() -> Task:
    return Task()
