"""CVAT's quality reports: asked for, waited for, read; a server without them is told from one that fails."""

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from include.clients.cvat import CvatAccess, CvatClient, InvalidError, UnreachableError
from include.clients.cvat.lines import Watched
from include.clients.cvat.poller import wait_for_requests
from include.clients.cvat.quality import QualityReport
from include.clients.cvat.records import NotSupported
from tests.include.clients.cvat.blinded import draw, filled_task
from tests.include.emulated import Emulated

BOX = (1.0, 1.0, 11.0, 11.0)
MOVED = (2.0, 1.0, 12.0, 11.0)  # IoU 90 / 110


@pytest.fixture
def task(server: Emulated, cvat: CvatClient, name: str) -> int:
    """Frames 0 and 2 are in the ground truth; the task has a box on 0, and a wrong one on 3 that is not looked at."""
    task = filled_task(server, cvat, name)
    job = cvat.blind.create(task, (0, 2))
    draw(server, task, f"/api/jobs/{job.id}/annotations", (0, 2), BOX)
    draw(server, task, f"/api/tasks/{task}/annotations", (0, 3), MOVED)
    return task


def accept(cvat: CvatClient, task: int) -> None:
    job = cvat.blind.ground_truth(task)
    assert job is not None
    cvat.update_job(job.id, stage="acceptance", state="completed")


def test_a_report_is_asked_for_waited_for_and_read(server: Emulated, cvat: CvatClient, task: int) -> None:
    accept(cvat, task)
    assert cvat.quality.newest(task) is None
    request = cvat.quality.ask(task)
    assert isinstance(request, str)
    ended = asyncio.run(wait_for_requests(server.access, [Watched(request, datetime.now(UTC) + timedelta(minutes=1))]))
    assert ended[request].answer == "finished"
    report = cvat.quality.newest(task)
    assert isinstance(report, QualityReport)
    assert report.id == ended[request].result_id
    assert (report.summary.accuracy, report.summary.precision, report.summary.recall) == (0.5, 1.0, 0.5)
    assert report.summary.conflicts_by_type == {"missing_annotation": 1}
    assert report.summary.validation_frames == 2
    assert report.gt_last_updated <= report.created_date


def test_before_the_ground_truth_is_accepted_there_is_none(cvat: CvatClient, task: int) -> None:
    with pytest.raises(InvalidError, match="require a Ground Truth job"):
        cvat.quality.ask(task)


def test_asked_twice_it_is_one_request(server: Emulated, cvat: CvatClient, task: int) -> None:
    accept(cvat, task)
    server.hold(True)
    try:
        assert cvat.quality.ask(task) == cvat.quality.ask(task)
    finally:
        server.hold(False)


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_without_reports_is_no_failure(server: Emulated, cvat: CvatClient, task: int, status: int) -> None:
    server.fault("GET", "/api/quality", status=status)
    server.fault("POST", "/api/quality", status=status)
    assert isinstance(cvat.quality.newest(task), NotSupported)
    assert isinstance(cvat.quality.ask(task), NotSupported)


def test_one_that_fails_is(server: Emulated, cvat: CvatClient, task: int) -> None:
    server.fault("GET", "/api/quality", status=503, count=4)
    with pytest.raises(UnreachableError):
        cvat.quality.newest(task)


class _Later(http.server.BaseHTTPRequestHandler):
    """Reports in the form of cvat-sdk 2.80's models."""

    def do_GET(self) -> None:
        summary = {
            "total_frames": 4,
            "validation_frames": 2,
            "validation_frame_share": 0.5,
            "conflict_count": 1,
            "error_count": 1,
            "conflicts_by_type": {"missing_annotation": 1},
            "requirements": {"count": 1},
        }
        dates = dict.fromkeys(("created_date", "target_last_updated", "gt_last_updated"), "2026-11-20T22:18:58.5Z")
        row = {"id": 4, "job_id": None, "task_id": 7, "target": "task", "summary": summary, **dates}
        body = json.dumps({"count": 1, "next": None, "previous": None, "results": [row]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def later() -> Iterator[CvatClient]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Later) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with CvatClient(CvatAccess(f"http://127.0.0.1:{server.server_port}", token="any")) as client:
            yield client
        server.shutdown()
        thread.join()


def test_reports_of_later_versions_are_not_supported(later: CvatClient) -> None:
    found = later.quality.newest(7)
    assert isinstance(found, NotSupported)
    assert "CVAT 2.73" in found.reason
