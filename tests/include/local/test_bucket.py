"""The embedded S3, asked by boto3 as the project asks it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from include.local.bucket import REGION, Bucket, serve_bucket
from include.local.state import State


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    return State(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def bucket(state: State) -> Iterator[Bucket]:
    with serve_bucket(state) as running:
        yield running


def _client(bucket: Bucket, *, secret: str | None = None, checksums: str = "when_required") -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        region_name=REGION,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=secret or bucket.secret_key,
        config=Config(request_checksum_calculation=checksums, response_checksum_validation=checksums),  # type: ignore[arg-type]
    )


@pytest.fixture
def s3(bucket: Bucket) -> Iterator[S3Client]:
    with closing(_client(bucket)) as client:
        yield client


def test_a_wrong_secret_is_refused(bucket: Bucket) -> None:
    with closing(_client(bucket, secret="guessed")) as stranger, pytest.raises(ClientError) as refused:
        stranger.list_buckets()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_the_secret_is_on_no_command_line_and_in_no_log(
    bucket: Bucket, state: State, command_lines: Callable[[], list[bytes]]
) -> None:
    lines = command_lines()
    assert any(bucket.endpoint_url.removeprefix("http://").encode() in line for line in lines)
    assert not any(bucket.secret_key.encode() in line for line in lines)
    assert bucket.secret_key not in state.log("bucket").read_text()
    assert bucket.secret_key not in repr(bucket)


def test_an_object_comes_back_whole_and_in_ranges_with_its_md5_as_etag(s3: S3Client) -> None:
    content = bytes(range(256)) * 1000
    s3.create_bucket(Bucket="objects")
    s3.put_object(Bucket="objects", Key="in/a b/ü.bin", Body=content, ContentType="image/jpeg", Metadata={"day": "1"})
    head = s3.head_object(Bucket="objects", Key="in/a b/ü.bin")
    assert head["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert (head["ContentLength"], head["ContentType"]) == (256_000, "image/jpeg")
    assert {name.lower(): value for name, value in head["Metadata"].items()} == {"day": "1"}
    assert s3.get_object(Bucket="objects", Key="in/a b/ü.bin")["Body"].read() == content
    part = s3.get_object(Bucket="objects", Key="in/a b/ü.bin", Range="bytes=250-259")
    assert part["ContentRange"] == "bytes 250-259/256000"
    assert part["Body"].read() == content[250:260]


def test_a_range_is_readable_to_boto3_as_it_comes_if_the_object_was_put_without_a_checksum(
    bucket: Bucket, s3: S3Client
) -> None:
    s3.create_bucket(Bucket="checksums")
    s3.put_object(Bucket="checksums", Key="one", Body=b"0123456789")
    with closing(_client(bucket, checksums="when_supported")) as client:
        assert client.get_object(Bucket="checksums", Key="one", Range="bytes=2-4")["Body"].read() == b"234"


def test_a_listing_is_sorted_by_key_over_its_pages(s3: S3Client) -> None:
    keys = {f"in/{name}" for name in ("b", "B", "a-1", "a/1", "a.jpg", "a0", "img10", "img9", "z/y/x")}
    s3.create_bucket(Bucket="listed")
    for key in keys | {"other"}:
        s3.put_object(Bucket="listed", Key=key, Body=key.encode())
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(Bucket="listed", Prefix="in/", PaginationConfig={"PageSize": 4})
    )
    rows = [row for page in pages for row in page["Contents"]]
    assert [row["Key"] for row in rows] == sorted(keys)
    assert [len(page["Contents"]) for page in pages] == [4, 4, 1]
    assert {row["Key"]: row["ETag"].strip('"') for row in rows} == {
        key: hashlib.md5(key.encode()).hexdigest() for key in keys
    }


def test_a_missing_key_is_told_from_a_missing_bucket(s3: S3Client) -> None:
    s3.create_bucket(Bucket="empty")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="empty", Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="nowhere")


def test_what_was_put_is_there_at_the_same_address_after_a_restart(tmp_path: Path) -> None:
    state = State(tmp_path)
    with serve_bucket(state) as before, closing(_client(before)) as client:
        client.create_bucket(Bucket="kept")
        client.put_object(Bucket="kept", Key="one", Body=b"1")
    with serve_bucket(state) as after, closing(_client(after)) as client:
        assert after == before
        assert client.get_object(Bucket="kept", Key="one")["Body"].read() == b"1"
