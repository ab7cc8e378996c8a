"""One client a process and account."""

import logging
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace

import pytest

from include.clients.cvat import CvatAccess, CvatClient, UnreachableError
from include.clients.cvat.shared import close_shared_clients, shared_client
from include.clients.cvat.versions import UnsupportedError
from tests.include.emulated import Emulated, calls_to
from tests.plugins.labelcycle.systems import answering, free_port


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_shared_clients()


def test_everybody_gets_the_same_client_which_logs_in_and_asks_for_the_version_once(server: Emulated) -> None:
    with calls_to(server) as calls:
        first = shared_client(server.access)
        second = shared_client(replace(server.access))
        second.find_project("none")
    assert first is second
    assert calls.count("POST /api/auth/login") == 1
    assert calls.count("GET /api/server/about") == 1
    assert shared_client(server.token()) is not first


def test_a_closed_client_is_made_anew(server: Emulated) -> None:
    first = shared_client(server.access)
    close_shared_clients()
    assert shared_client(server.access) is not first


def test_an_old_server_is_refused_each_time_and_a_new_one_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with answering(200, '{"version": "2.72.0"}', "application/json") as old:
        for _ in range(2):
            with pytest.raises(UnsupportedError, match="it lacks webhook events"):
                shared_client(CvatAccess(old.url, token="t"))
    caplog.set_level(logging.WARNING)
    with answering(200, '{"version": "2.81.0"}', "application/json") as new:
        shared_client(CvatAccess(new.url, token="t"))
        shared_client(CvatAccess(new.url, token="t"))
    assert len(new.asked) == 1
    [warning] = caplog.messages
    assert "unverified" in warning


def test_a_server_that_does_not_answer_is_asked_for_its_version_later(caplog: pytest.LogCaptureFixture) -> None:
    client = shared_client(CvatAccess(f"http://127.0.0.1:{free_port()}", token="t"))
    assert "is not known yet" in caplog.text
    with pytest.raises(UnreachableError, match="cannot be reached"):
        client.find_project("none")


def _whether_shared(access: CvatAccess, of_parent: CvatClient) -> None:
    raise SystemExit(int(shared_client(access) is of_parent))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_process_has_a_client_of_its_own(server: Emulated) -> None:
    access = server.token()
    child = multiprocessing.get_context("fork").Process(target=_whether_shared, args=(access, shared_client(access)))
    child.start()
    child.join(30)
    assert child.exitcode == 0
