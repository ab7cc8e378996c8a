import io
import socket
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import PIL.Image
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.clients.images import HeaderResult, ImageBucket
from include.clients.storage import AccessDenied, BucketNotFound, ObjectChanged, ObjectMissing, Unreachable
from include.lifecycle.headers import NotAnImage
from include.lifecycle.images import Header, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def images(s3: "S3Client") -> ImageBucket:
    return ImageBucket(s3)


def jpeg(width: int = 60, height: int = 40, **options: object) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (width, height), "gray").save(file, "JPEG", **options)
    return file.getvalue()


def put(images: ImageBucket, uri: str, data: bytes) -> StoredObject:
    return images.write(uri, data, "image/jpeg")


def test_a_listing_is_what_was_written(images: ImageBucket, bucket: str) -> None:
    # MD5 of "hello" as of RFC 1321's md5sum
    put(images, f"s3://{bucket}/day/a.jpg", b"hello")
    put(images, f"s3://{bucket}/other/a.jpg", b"hello")
    assert list(images.list(f"s3://{bucket}/day/")) == [
        StoredObject(f"s3://{bucket}/day/a.jpg", "5d41402abc4b2a76b9719d911017c592", 5)
    ]


def test_a_listing_goes_on_after_the_first_page(
    images: ImageBucket, s3: "S3Client", bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    names = [f"{number:04}.jpg" for number in range(7)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 3
    assert [found.uri for found in images.list(f"s3://{bucket}/")] == [f"s3://{bucket}/{name}" for name in names]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.text(st.sampled_from("ab-/. +%é日\U0001f600"), min_size=1, max_size=4), max_size=6))
def test_a_listing_is_sorted_by_utf8_bytes(images: ImageBucket, s3: "S3Client", bucket: str, names: set[str]) -> None:
    prefix = uuid4().hex
    for name in names:
        s3.put_object(Bucket=bucket, Key=prefix + name, Body=b"x")
    uris = [found.uri for found in images.list(f"s3://{bucket}/{prefix}")]
    expected = sorted((f"s3://{bucket}/{prefix}{name}" for name in names), key=lambda uri: uri.encode())
    assert uris == expected == sorted(uris)


def test_folder_markers_are_left_out_and_empty_files_are_not(images: ImageBucket, s3: "S3Client", bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="day/")
    s3.put_object(Bucket=bucket, Key="day/empty.jpg")
    (empty,) = images.list(f"s3://{bucket}/")
    assert (empty.uri, empty.size) == (f"s3://{bucket}/day/empty.jpg", 0)
    with pytest.raises(NotAnImage, match="the file is empty"):
        images.read_header(empty)


@pytest.mark.parametrize("profile", [0, 100_000, 3_000_000])
def test_a_header_is_read_however_far_it_goes(images: ImageBucket, bucket: str, profile: int) -> None:
    """A colour profile stands before the size: it moves that behind the first and the second range."""
    stored = put(images, f"s3://{bucket}/a.jpg", jpeg(icc_profile=bytes(profile)))
    assert images.read_header(stored) == Header("JPEG", 60, 40, 1, "RGB")


def test_a_header_takes_the_first_range_of_a_large_file_alone(images: ImageBucket, bucket: str) -> None:
    """Behind the first 64 KiB the object is no JPEG any more; nobody notices."""
    stored = put(images, f"s3://{bucket}/a.jpg", jpeg() + bytes(5 << 20))
    assert images.read_header(stored).format == "JPEG"


def test_a_header_without_end_is_given_up(images: ImageBucket, bucket: str) -> None:
    comment = b"\xff\xfe\xff\xff" + bytes(65533)  # a JPEG comment (ITU-T T.81, B.2.4.5) of the greatest length
    stored = put(images, f"s3://{bucket}/a.jpg", b"\xff\xd8" + comment * 520)
    with pytest.raises(NotAnImage, match="its header does not end within the first 32 MiB"):
        images.read_header(stored)


def test_a_versioned_bucket_tells_the_version(images: ImageBucket, s3: "S3Client", bucket: str) -> None:
    unversioned = put(images, f"s3://{bucket}/old.jpg", jpeg())
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    stored = put(images, f"s3://{bucket}/new.jpg", jpeg())
    assert images.read_header(stored).version_id == s3.head_object(Bucket=bucket, Key="new.jpg")["VersionId"]
    assert images.read_header(unversioned).version_id is None


def test_an_object_that_changed_after_the_listing_is_noticed(images: ImageBucket, bucket: str) -> None:
    before = put(images, f"s3://{bucket}/a.jpg", jpeg(60))
    put(images, before.uri, jpeg(61))
    for read in (
        lambda: images.read_header(before),
        lambda: images.read(before.uri, before.etag),
        lambda: images.open(before.uri, before.etag).__enter__(),
    ):
        with pytest.raises(ObjectChanged, match=f"s3://{bucket}/a.jpg: the object has changed since it was listed"):
            read()


def test_what_was_written_is_read(images: ImageBucket, bucket: str) -> None:
    for data in (jpeg(), b""):
        stored = images.write(f"s3://{bucket}/a.jpg", data, "image/jpeg")
        assert images.read(stored.uri, stored.etag) == data
        with images.open(stored.uri, stored.etag) as stream:
            assert stream.read(10) + stream.read() == data


def test_the_content_type_is_kept(images: ImageBucket, s3: "S3Client", bucket: str) -> None:
    images.write(f"s3://{bucket}/manifest.jsonl", b"{}\n", "application/jsonl")
    assert s3.head_object(Bucket=bucket, Key="manifest.jsonl")["ContentType"] == "application/jsonl"


def test_headers_come_in_order_and_an_objects_error_costs_itself_alone(images: ImageBucket, bucket: str) -> None:
    good = [put(images, f"s3://{bucket}/{number}.jpg", jpeg(10 + number)) for number in range(20)]
    text = put(images, f"s3://{bucket}/text.jpg", b"this is no picture at all")
    changed = replace(good[0], etag="0" * 32)
    missing = replace(good[0], uri=f"s3://{bucket}/missing.jpg")
    named = put(images, f"s3://{bucket}/notes.txt", jpeg())
    results = list(images.read_headers([*good, text, changed, missing, named], workers=4))
    expected = [HeaderResult(found, Header("JPEG", 10 + number, 40, 1, "RGB")) for number, found in enumerate(good)]
    assert results[:20] == expected
    assert [result.object for result in results[20:]] == [text, changed, missing, named]
    assert [type(result.error) for result in results[20:]] == [NotAnImage, ObjectChanged, ObjectMissing, NotAnImage]


def test_a_missing_bucket_is_an_error_of_the_whole(images: ImageBucket) -> None:
    uri = "s3://no-such-bucket-here/a.jpg"
    with pytest.raises(BucketNotFound, match=f"{uri}: there is no such bucket"):
        images.write(uri, b"", "image/jpeg")
    with pytest.raises(BucketNotFound):
        list(images.list(uri))
    with pytest.raises(BucketNotFound):
        list(images.read_headers([StoredObject(uri, "0" * 32, 9)]))


def test_a_missing_object_is_told_by_its_uri(images: ImageBucket, bucket: str) -> None:
    with pytest.raises(ObjectMissing, match=f"s3://{bucket}/gone.jpg: the object is gone"):
        images.read(f"s3://{bucket}/gone.jpg", "0" * 32)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            aws_access_key_id="tester",
            aws_secret_access_key="of-tests",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2),
        )
        with pytest.raises(Unreachable, match="s3://b/: S3 does not answer"):
            list(ImageBucket(client).list("s3://b/"))
        client.close()


def test_no_keys_mean_no_access(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.Session().client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    with pytest.raises(AccessDenied, match="s3://b/: S3 denies access"):
        list(ImageBucket(client).list("s3://b/"))
    client.close()


@pytest.mark.parametrize("uri", ["/local/a.jpg", "https://b/a.jpg", "s3:///a.jpg"])
def test_another_uri_is_refused(images: ImageBucket, uri: str) -> None:
    with pytest.raises(ValueError, match="is not an S3 URI"):
        images.read(uri, "0" * 32)
