"""Files by their address: whole or not at all, on a disk and in S3 (moto over HTTP)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from include.clients.archives import Archives, WrongAddress, check_address
from include.clients.storage import BucketNotFound, ObjectMissing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def s3() -> "Iterator[S3Client]":
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="tester",
        aws_secret_access_key="of-tests",
    )
    client.create_bucket(Bucket="files")
    yield client
    client.close()
    moto.stop()


@pytest.fixture
def archives(s3: "S3Client", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archives:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return Archives(lambda: s3)


def read(archives: Archives, address: str) -> tuple[str, int, bytes]:
    file = archives.reading(address)
    with file.open() as stream:
        return file.name, file.size, stream.read(1 << 30)


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_what_was_written_is_read_and_nothing_else_is_left(archives: Archives, tmp_path: Path, where: str) -> None:
    address = str(tmp_path / "new" / "a.zip") if where == "disk" else "s3://files/new/a.zip"
    for content in (b"old and longer", b"new"):
        with archives.writing(address) as path:
            path.write_bytes(content)
    assert read(archives, address) == ("a.zip", 3, b"new")
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == (["a.zip"] if where == "disk" else [])


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_what_breaks_off_changes_nothing(archives: Archives, tmp_path: Path, where: str) -> None:
    address = str(tmp_path / "a.zip") if where == "disk" else "s3://files/kept.zip"
    with archives.writing(address) as path:
        path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), archives.writing(address) as path:
        path.write_bytes(b"half" * (1 // 0 if path.write_bytes(b"ha") else 1))
    assert read(archives, address)[2] == b"old"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == (["a.zip"] if where == "disk" else [])


def test_a_large_file_goes_in_parts(archives: Archives, s3: "S3Client") -> None:
    content = os.urandom((16 << 20) + 1)
    with archives.writing("s3://files/large.zip") as path:
        path.write_bytes(content)
    assert read(archives, "s3://files/large.zip")[2] == content
    assert s3.head_object(Bucket="files", Key="large.zip")["ETag"].endswith('-2"')  # S3's etag of two parts


def test_what_is_not_there_is_said(archives: Archives, tmp_path: Path) -> None:
    with pytest.raises(WrongAddress, match=r"there is no file .*none\.zip"):
        archives.reading(str(tmp_path / "none.zip"))
    with pytest.raises(ObjectMissing, match=r"s3://files/none\.zip"):
        archives.reading("s3://files/none.zip")
    with pytest.raises(BucketNotFound), archives.writing("s3://no-such-bucket/a.zip") as path:
        path.write_bytes(b"")


@pytest.mark.parametrize("address", ["a.zip", "", "/folder/", "s3://bucket", "s3://bucket/", "s3:///key", "gs://b/k"])
def test_no_address_is_refused(address: str) -> None:
    with pytest.raises(WrongAddress, match=f"'{address}' is no file's address"):
        check_address(address)
