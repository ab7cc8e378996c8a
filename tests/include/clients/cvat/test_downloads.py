"""Downloads over HTTP: what breaks off is gone on with, what has changed is begun again, what is damaged is refused."""

import hashlib
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.clients.cvat import CvatAccess, ForbiddenError, UnreachableError
from include.clients.cvat.downloads import DamagedError, Downloaded, ExpiredError, OverdueError, download
from include.clients.cvat.wire import Wire
from tests.include.clients.cvat.results import Result, serving, zipped

MIB = 1 << 20
REQUEST = "action=export&target=task&target_id=3&user_id=1&format=COCO_1~0&subresource=dataset"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.clients.cvat.downloads._PAUSE", 0.001)


@contextmanager
def wire_to(result: Result) -> Iterator[Wire]:
    with serving(result), closing(Wire(CvatAccess(result.url, token="t"))) as wire:
        yield wire


def fetched(result: Result, to: Path, seconds: float = 60) -> Downloaded:
    with wire_to(result) as wire:
        deadline = datetime.now(UTC) + timedelta(seconds=seconds)
        return download(wire, "/api/tasks/3/dataset/download", REQUEST, to, deadline)


def test_what_is_fetched_is_the_result_and_its_digest(tmp_path: Path) -> None:
    content = zipped(3 * MIB)
    found = fetched(Result(content), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    assert found == Downloaded(len(content), hashlib.sha256(content).hexdigest())


def test_a_connection_that_breaks_costs_only_what_was_not_received(tmp_path: Path) -> None:
    content = zipped(3 * MIB)
    result = Result(content, cuts=[MIB, MIB + 5])
    assert fetched(result, tmp_path / "a").sha256 == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "a").read_bytes() == content
    assert result.asked == ["", f"bytes={MIB}-", f"bytes={2 * MIB + 5}-"]


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 40_000), max_size=5), size=st.integers(0, 60_000))
def test_wherever_it_breaks_off_the_file_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], size: int
) -> None:
    to = tmp_path_factory.mktemp("d") / "a"
    result = Result(zipped(size), cuts=cuts)
    fetched(result, to)
    assert to.read_bytes() == result.content
    ends = [end for end in accumulate(cuts) if end < len(result.content)]
    assert result.asked == ["", *(f"bytes={end}-" for end in ends)]


def test_a_result_that_was_made_anew_meanwhile_is_fetched_from_its_beginning(tmp_path: Path) -> None:
    old, new = zipped(MIB, seed=1), zipped(MIB, seed=2)
    result = Result(old, cuts=[1000], changes={1: new})
    assert fetched(result, tmp_path / "a").sha256 == hashlib.sha256(new).hexdigest()
    assert (tmp_path / "a").read_bytes() == new


def test_a_result_that_has_become_shorter_is_fetched_from_its_beginning(tmp_path: Path) -> None:
    new = zipped(10)
    fetched(Result(zipped(MIB), cuts=[MIB // 2], changes={1: new}), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == new


def test_a_server_without_ranges_sends_it_all_again(tmp_path: Path) -> None:
    content = zipped(MIB)
    fetched(Result(content, cuts=[1000], ranges=False), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content


def test_a_body_that_never_reaches_its_announced_size_is_given_up(tmp_path: Path) -> None:
    content = zipped(1000)
    with pytest.raises(UnreachableError):
        fetched(Result(content, announced=len(content) + 10), tmp_path / "a")


def test_progress_starts_the_count_of_failures_again(tmp_path: Path) -> None:
    content = zipped(1000)
    result = Result(content, cuts=[10] * 40)
    fetched(result, tmp_path / "a")
    assert len(result.asked) == 41


def test_a_damaged_zip_is_refused_with_the_member_that_is_damaged(tmp_path: Path) -> None:
    content = bytearray(zipped(1000))
    content[content.index(b"images/a.bin") + 500] ^= 1
    with pytest.raises(DamagedError, match=r"images/a\.bin .*CRC"):
        fetched(Result(bytes(content)), tmp_path / "a")
    with pytest.raises(DamagedError, match="no zip"):
        fetched(Result(b"<html>a login page</html>"), tmp_path / "b")


def test_what_is_no_zip_is_taken_as_it_is(tmp_path: Path) -> None:
    fetched(Result(b"id\tname\n", media_type="text/tab-separated-values"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"id\tname\n"


# The words are a real server's: recorded, but for those of a forgotten export, which are in its source.
@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        pytest.param((404, "There is no request with specified id"), ExpiredError, id="expired"),
        pytest.param((400, "Unknown export request id"), ExpiredError, id="forgotten"),
        pytest.param((400, "The export process is not finished"), ExpiredError, id="asked-for-again"),
        pytest.param((403, "You do not have permission to perform this action."), ForbiddenError, id="forbidden"),
    ],
)
def test_a_refusal_is_told_at_once(tmp_path: Path, refusal: tuple[int, str], error: type[Exception]) -> None:
    result = Result(zipped(10), refusals={0: refusal})
    with pytest.raises(error, match=refusal[1]):
        fetched(result, tmp_path / "a")
    assert len(result.asked) == 1


def test_a_result_that_expires_midway_is_told(tmp_path: Path) -> None:
    result = Result(zipped(MIB), cuts=[1000], refusals={1: (404, "There is no request with specified id")})
    with pytest.raises(ExpiredError):
        fetched(result, tmp_path / "a")


def test_nothing_is_fetched_past_the_deadline(tmp_path: Path) -> None:
    result = Result(zipped(10))
    with pytest.raises(OverdueError, match="0 of an unknown number of bytes"):
        fetched(result, tmp_path / "a", seconds=-1)
    assert result.asked == []


def test_a_server_that_stalls_is_not_waited_for_past_the_deadline(tmp_path: Path) -> None:
    content = zipped(1000)
    with pytest.raises(OverdueError, match=f"{len(content) // 2} of {len(content)} bytes"):
        fetched(Result(content, stall=1.0), tmp_path / "a", seconds=0.4)


def test_the_log_says_how_far_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.clients.cvat.downloads._REPORT", 0.0)
    caplog.set_level(logging.INFO, "include.clients.cvat.downloads")
    size = len(zipped(2 * MIB))
    fetched(Result(zipped(2 * MIB)), tmp_path / "a")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) > 2
    assert lines[-1].startswith("/api/tasks/3/dataset/download of ")
    assert f": {size:,} bytes of {size:,}, " in lines[-1]
    assert all(f"of {size:,}, " in line and REQUEST in line and "MB/s" in line for line in lines)


_PEAK = """
import sys, resource
from datetime import UTC, datetime, timedelta
from pathlib import Path
from include.clients.cvat import CvatAccess
from include.clients.cvat.downloads import download
from include.clients.cvat.wire import Wire
wire = Wire(CvatAccess(sys.argv[1], token="t"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
download(wire, "/api/tasks/3/dataset/download", "r", Path(sys.argv[2]), datetime.now(UTC) + timedelta(minutes=1))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_result_takes_little_memory(tmp_path: Path) -> None:
    with serving(Result(zipped(50 * MIB))) as result:
        command = [sys.executable, "-c", _PEAK, result.url, str(tmp_path / "a")]
        taken = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert taken < 20_000  # KiB; the result has 51,200
