"""The wait for background requests over HTTP, on the emulator: in one wait, with few looks, through every trouble."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.clients.cvat import BucketAccess, CvatAccess, CvatClient, UnauthorizedError
from include.clients.cvat.lines import Ended, Watched
from include.clients.cvat.poller import wait_for_requests
from include.clients.cvat.records import NewTask
from tests.include.emulated import Emulated, calls_to, emulated

LATER = timedelta(minutes=5)
FINISHED = Ended("finished")


@pytest.fixture
def requests(server: Emulated, cvat: CvatClient, s3_endpoint: str, bucket: str, name: str) -> Iterator[list[str]]:
    """Five requests, held in the queue; they will fail, for there is no such image, unless they are let through."""
    project, access = (
        cvat.create_project(name, []),
        BucketAccess(bucket, "tester", "of-tests", s3_endpoint, "us-east-1"),
    )
    storage = cvat.find_or_create_storage("images", access)
    server.hold(True)
    tasks = [cvat.create_task(NewTask(f"{name} {number}", project, segment_size=10)) for number in range(5)]
    yield [cvat.attach_link(task.id, storage, "none.jsonl", ["a.jpg"]) for task in tasks]
    server.hold(False)


def wait(access: CvatAccess, requests: list[str], seconds: float = 300) -> dict[str, Ended]:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    return asyncio.run(wait_for_requests(access, [Watched(one, deadline) for one in requests]))


def after(seconds: float, *calls: object) -> threading.Timer:
    def run() -> None:
        for call in calls:
            call()  # type: ignore[operator]

    timer = threading.Timer(seconds, run)
    timer.start()
    return timer


def test_many_requests_end_in_one_wait_with_cvats_words(server: Emulated, requests: list[str]) -> None:
    server.hold(False)
    ended = wait(server.token(), requests)
    assert list(ended) == requests
    assert {end.answer for end in ended.values()} == {"failed"}
    assert "none.jsonl" in ended[requests[0]].message


def test_few_looks_are_taken_while_the_queue_stands_still(server: Emulated, requests: list[str]) -> None:
    access = server.token()
    timer = after(0.5, lambda: server.hold(False))
    with calls_to(server) as calls:
        wait(access, requests)
    timer.join()
    looks = [call for call in calls.made if call.startswith("GET /api/requests/")]
    assert len(set(looks)) == len(requests)
    # each request once when it ended, once to learn its age, and the oldest a few times in half a second
    assert len(looks) <= 2 * len(requests) + 5


def test_nothing_to_wait_for_asks_nothing(server: Emulated) -> None:
    with calls_to(server) as calls:
        assert wait(server.access, []) == {}
    assert calls.made == []


@pytest.mark.slow
def test_a_look_that_fails_is_logged_and_repeated(
    server: Emulated, requests: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    access, path = server.token(), "/api/requests/"
    for fault in ({"status": 502}, {"status": 429}, {"status": 500}, {"drop": True}):
        server.fault("GET", path, **fault)
    server.hold(False)
    ended = wait(access, requests[:1])
    assert ended[requests[0]].answer == "failed"  # which CVAT says of the request, not we of the look
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 4
    assert all("1 requests are waited for" in warning for warning in warnings)
    assert ["502" in warnings[0], "429" in warnings[1], "500" in warnings[2]] == [True, True, True]


def test_a_request_that_cvat_has_forgotten_or_whose_task_is_gone_has_expired(
    server: Emulated, cvat: CvatClient, requests: list[str]
) -> None:
    cvat.delete_task(int(requests[1].rpartition("=")[2]))
    unknown = "action=create&target=task&target_id=999999"
    ended = wait(server.token(), [unknown, requests[1]])
    assert [end.answer for end in ended.values()] == ["expired", "expired"]
    assert "There is no request with specified id" in ended[unknown].message


def test_a_deadline_that_passes_says_what_was_waited_for_and_the_others_go_on(
    server: Emulated, requests: list[str]
) -> None:
    now, access = datetime.now(UTC), server.token()
    watched = [Watched(requests[0], now + timedelta(seconds=0.3)), Watched(requests[1], now + LATER)]
    timer = after(0.8, lambda: server.hold(False))
    ended = asyncio.run(wait_for_requests(access, watched))
    timer.join()
    assert ended[requests[0]].answer == "overdue"
    assert "CVAT says queued" in ended[requests[0]].message
    assert ended[requests[1]].answer == "failed"


def test_a_deadline_bounds_the_wait_for_a_server_that_is_down(server: Emulated) -> None:
    server.fault("GET", "/api/requests/", status=503, count=1000)
    ended = wait(server.token(), ["x"], seconds=0.3)
    assert ended["x"].answer == "overdue"
    assert "503" in ended["x"].message


def test_a_deadline_that_has_passed_still_gets_one_look(server: Emulated, requests: list[str]) -> None:
    server.hold(False)
    assert wait(server.token(), requests[:1])[requests[0]].answer == "failed"
    assert wait(server.token(), requests[:1], seconds=-60)[requests[0]].answer == "failed"


def test_a_user_logs_in_once(server: Emulated, requests: list[str]) -> None:
    server.hold(False)
    with calls_to(server) as calls:
        wait(server.access, requests)
    assert calls.count("POST /api/auth/login") == 1


def test_wrong_credentials_end_the_wait_at_once(server: Emulated, requests: list[str]) -> None:
    for access in (CvatAccess(server.url, token="revoked"), CvatAccess(server.url, username="admin", password="wrong")):
        with pytest.raises(UnauthorizedError):
            wait(access, requests)


@pytest.mark.slow
def test_a_wait_outlives_a_server_that_is_started_again(
    tmp_path: Path, s3_endpoint: str, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    with emulated(tmp_path) as server, CvatClient(server.access) as cvat:
        access = BucketAccess(bucket, "tester", "of-tests", s3_endpoint, "us-east-1")
        storage, project = cvat.find_or_create_storage("images", access), cvat.create_project("p", [])
        task = cvat.create_task(NewTask("t", project, segment_size=10))
        server.hold(True)
        request = cvat.attach_link(task.id, storage, "none.jsonl", ["a.jpg"])
        timer = after(0.3, server.stop, server.start_again)  # which holds no requests any more
        ended = wait(server.token(), [request])
        timer.join()
    assert ended[request].answer == "failed"
    assert "gives no answer to GET /api/requests/" in caplog.text
