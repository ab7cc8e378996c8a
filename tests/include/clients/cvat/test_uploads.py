"""Uploads against the emulator over HTTP: what arrives, what is sent again and what is not, and how much is held."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import PIL.Image
import pytest

from include.clients.cvat import CvatClient, InvalidError, UnknownOutcomeError, UploadFile
from include.clients.cvat.records import NewTask
from tests.include.emulated import Emulated, calls_to, until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1 << 20


def picture(number: int, size: int = 0) -> bytes:
    """A JPEG, with bytes behind its end to fill up a size: decoders pass over them."""
    target = io.BytesIO()
    PIL.Image.new("RGB", (64, 48), (number, 0, 0)).save(target, "JPEG")
    content = target.getvalue()
    return content + os.urandom(max(0, size - len(content)))


def file_of(name: str, content: bytes, said: int | None = None) -> UploadFile:
    return UploadFile(name, len(content) if said is None else said, partial(io.BytesIO, content))


@pytest.fixture
def task(cvat: CvatClient, name: str) -> int:
    return cvat.create_task(NewTask(name, cvat.create_project(name, [{"name": "word"}]), segment_size=0)).id


def arrived(cvat: CvatClient, server: Emulated, task: int, names: Sequence[str]) -> list[tuple[str, bytes]]:
    """Names and contents of the frames, in order."""
    request_id = cvat.attach_uploads(task, names)
    until(lambda: cvat.request(request_id).status in ("finished", "failed"))
    assert cvat.request(request_id).message == ""
    query = {"type": "frame", "quality": "original"}
    return [
        (frame.name, server.http.get(f"/api/tasks/{task}/data", params={**query, "number": number}).content)
        for number, frame in enumerate(cvat.frames(task))
    ]


def test_files_arrive_whole_under_their_names_in_the_order_asked_for(
    cvat: CvatClient, server: Emulated, task: int
) -> None:
    contents = {
        "b 10.jpg": picture(1),
        "a.jpg": picture(2, 9 * MIB),  # in pieces of 4 MiB
        "b 9.jpg": picture(3, 4 * MIB),
        "ü;'%22.jpg": picture(4),
        "東京.jpg": picture(5, 4 * MIB + 1),
    }
    with calls_to(server) as calls:
        cvat.upload_files(task, [file_of(name, content) for name, content in contents.items()])
    assert arrived(cvat, server, task, list(contents)) == list(contents.items())
    assert calls.count(f"POST /api/tasks/{task}/data/") == 4  # start, one form, two begun in pieces
    assert calls.count(f"PATCH /api/tasks/{task}/data/") == 3 + 2


def test_a_form_has_32_mib_at_most(cvat: CvatClient, server: Emulated, task: int) -> None:
    names = [f"{number}.jpg" for number in range(17)]
    files = [file_of(name, picture(number, 2 * MIB)) for number, name in enumerate(names)]
    with calls_to(server) as calls:
        cvat.upload_files(task, files)
    assert calls.count("POST") == 1 + 2
    assert [name for name, _ in arrived(cvat, server, task, names)] == names


LOST = [{"status": 502}, {"status": 500}, {"drop": True}]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_piece_is_sent_again_where_it_did_not_arrive(
    cvat: CvatClient, server: Emulated, task: int, fault: dict[str, object], when: str
) -> None:
    content = picture(1, 9 * MIB)
    server.fault("PATCH", f"/api/tasks/{task}/data/", when=when, **fault)
    with calls_to(server) as calls:
        cvat.upload_files(task, [file_of("a.jpg", content)])
    assert arrived(cvat, server, task, ["a.jpg"]) == [("a.jpg", content)]
    assert calls.count("HEAD") == 1


def test_a_piece_that_is_lost_three_times_is_given_up(cvat: CvatClient, server: Emulated, task: int) -> None:
    server.fault("PATCH", f"/api/tasks/{task}/data/", status=502, count=3)
    with pytest.raises(UnknownOutcomeError, match="502"):
        cvat.upload_files(task, [file_of("a.jpg", picture(1, 9 * MIB))])


def test_a_last_piece_whose_answer_is_lost_has_an_unknown_outcome(
    cvat: CvatClient, server: Emulated, task: int
) -> None:
    """CVAT knows nothing any more of an upload that is whole."""
    server.fault("PATCH", f"/api/tasks/{task}/data/", when="after", skip=1, status=504)
    with pytest.raises(UnknownOutcomeError, match="504"):
        cvat.upload_files(task, [file_of("a.jpg", picture(1, 5 * MIB))])


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_form_is_not_sent_again(
    cvat: CvatClient, server: Emulated, task: int, fault: dict[str, object], when: str
) -> None:
    """CVAT may have some of its files, and takes no name twice."""
    server.fault("POST", f"/api/tasks/{task}/data/", when=when, skip=1, **fault)
    with pytest.raises(UnknownOutcomeError):
        cvat.upload_files(task, [file_of("a.jpg", picture(1))])
    sent = server.http.post(f"/api/tasks/{task}/data/", headers={"Upload-Multiple": ""}, files={"f": ("a.jpg", b"")})
    assert sent.status_code == (200 if when == "before" else 500)  # whether it has the name: of one form, not of two


@pytest.mark.parametrize("size", [1000, 5 * MIB])
@pytest.mark.parametrize("more", [-1, 1])
def test_a_file_of_another_size_than_was_said_is_an_error(cvat: CvatClient, task: int, size: int, more: int) -> None:
    with pytest.raises(InvalidError):
        cvat.upload_files(task, [file_of("a.jpg", picture(1, size), said=size + more)])


def test_what_reading_raises_comes_through(cvat: CvatClient, task: int) -> None:
    def broken() -> io.BytesIO:
        raise RuntimeError("the bucket is closed")

    with pytest.raises(RuntimeError, match="the bucket is closed"):
        cvat.upload_files(task, [file_of("a.jpg", picture(1)), UploadFile("b.jpg", 9, broken)])


_CHILD = """
import re, sys
from functools import partial
from pathlib import Path
import boto3
from include.clients.cvat import CvatAccess, CvatClient, UploadFile
from include.clients.images import ImageBucket

url, token, task, endpoint, bucket_name = sys.argv[1:]
keys = {"aws_access_key_id": "tester", "aws_secret_access_key": "of-tests"}
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
bucket = ImageBucket(s3)
found = list(bucket.list(f"s3://{bucket_name}/"))
files = [UploadFile(f"{n}.jpg", o.size, partial(bucket.open, o.uri, o.etag)) for n, o in enumerate(found)]

def peak():  # MiB; of this program alone, where getrusage counts what forked it
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10

with CvatClient(CvatAccess(url, token=token)) as cvat:
    cvat.upload_files(int(task), files[:1])
    before = peak()
    cvat.upload_files(int(task), files[1:])
    print(sum(file.size for file in files) >> 20, peak() - before)
"""


def test_60_mib_pass_through_20(server: Emulated, task: int, s3: "S3Client", s3_endpoint: str, bucket: str) -> None:
    """From a bucket, in a process of its own: 40 files of a MiB in two forms, and one of 20 MiB in pieces."""
    sizes = [MIB // 10] + [MIB] * 40 + [20 * MIB]
    for number, size in enumerate(sizes):
        s3.put_object(Bucket=bucket, Key=f"{number:02}", Body=picture(number, size))
    token = server.token().token
    arguments = [server.url, str(token), str(task), s3_endpoint, bucket]
    child = subprocess.run([sys.executable, "-c", _CHILD, *arguments], capture_output=True, text=True, check=True)
    sent, grown = map(int, child.stdout.split())
    assert sent == 60
    assert grown < 20
