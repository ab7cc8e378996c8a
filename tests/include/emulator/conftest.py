"""One emulator for the tests that leave it as they found it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.include.emulator.servers import running


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running(tmp_path_factory.mktemp("cvat")) as server:
        yield server.admin


@pytest.fixture
def emulator(shared_emulator: httpx.Client) -> Iterator[httpx.Client]:
    """Plain HTTP to a server without faults that works at once."""
    yield shared_emulator
    shared_emulator.delete("/emulator/faults")
    shared_emulator.post("/emulator/worker", json={"held": False, "delay_s": 0})
