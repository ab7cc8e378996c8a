"""Images in S3: listed, their headers read by range, read whole, written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from include.clients.ahead import ahead
from include.clients.storage import AccessDenied, ObjectChanged, ObjectMissing, storage_errors
from include.lifecycle.headers import NeedMoreBytes, NotAnImage, check_name, read_header
from include.lifecycle.images import Header, StoredObject, split_uri

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

# A header ends within the first KiB as a rule; a telephone's previews and profiles take some hundred; the metadata of
# a WEBP or TIFF may stand at the very end of the file.
_HEADER_BYTES = (64 << 10, 1 << 20, 32 << 20)


@dataclass(frozen=True, slots=True)
class HeaderResult:
    """An object's header, or why there is none: what is in `error` concerns this object alone."""

    object: StoredObject
    header: Header | None
    error: NotAnImage | ObjectChanged | ObjectMissing | AccessDenied | None = None


class ImageBucket:
    """Reads and writes through a boto3 S3 client, whose timeouts, retries and `max_pool_connections` (at least the
    number of workers) are the caller's choice.

    Every method raises a StorageError: BucketNotFound, AccessDenied, Unreachable and, where an object is named,
    ObjectMissing or ObjectChanged. URIs are `s3://bucket/key`; another raises ValueError.
    """

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def list(self, uri_prefix: str) -> Iterator[StoredObject]:
        """The objects whose URIs begin with the prefix, sorted by URI in UTF-8 bytes (as Python sorts strings).

        Empty objects named like folders (`…/`) are left out; other empty objects are not. A page of 1,000 at a time.
        """
        bucket, prefix = split_uri(uri_prefix)
        with storage_errors(uri_prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for row in page.get("Contents", []):
                    if row["Size"] or not row["Key"].endswith("/"):
                        yield StoredObject(f"s3://{bucket}/{row['Key']}", row["ETag"].strip('"'), row["Size"])

    def stat(self, uri: str) -> StoredObject:
        """The object as a listing would show it."""
        bucket, key = split_uri(uri)
        with storage_errors(uri):
            answer = self._client.head_object(Bucket=bucket, Key=key)
        return StoredObject(uri, answer["ETag"].strip('"'), answer["ContentLength"])

    def read_header(self, stored: StoredObject) -> Header:
        """The object's header, by as few bytes as its format needs: 64 KiB, then 1 MiB, then 32 MiB at most.

        Raises NotAnImage, and ObjectChanged where the etag is no longer that of the listing.
        """
        check_name(stored.uri)
        if not stored.size:
            raise NotAnImage("the file is empty")
        start, version_id = b"", None
        for end in _HEADER_BYTES:
            part, version_id = self._get(stored.uri, stored.etag, f"bytes={len(start)}-{end - 1}")
            start += part
            try:
                return replace(read_header(start, complete=len(start) >= stored.size), version_id=version_id)
            except NeedMoreBytes:
                continue
        raise NotAnImage(f"its header does not end within the first {_HEADER_BYTES[-1] >> 20} MiB")

    def read_headers(self, listing: Iterable[StoredObject], *, workers: int = 16) -> Iterator[HeaderResult]:
        """The headers of many objects, in their order, `workers` at a time.

        What concerns one object is in its result; a missing bucket or an unreachable server is raised.
        """
        return ahead(self._header_result, listing, workers=workers)

    def read(self, uri: str, etag: str) -> bytes:
        """The whole object, if its content is still the one of that etag (without quotes)."""
        return self._get(uri, etag)[0]

    @contextmanager
    def open(self, uri: str, etag: str) -> "Iterator[StreamingBody]":
        """The object as a stream, if its content is still the one of that etag (without quotes); close by leaving."""
        bucket, key = split_uri(uri)
        with storage_errors(uri):
            answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
            with answer["Body"] as body:
                _check_etag(uri, etag, answer["ETag"])
                yield body

    def write(self, uri: str, data: bytes, content_type: str) -> StoredObject:
        """Puts an object, in place of what was there."""
        bucket, key = split_uri(uri)
        with storage_errors(uri):
            answer = self._client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)
        return StoredObject(uri, answer["ETag"].strip('"'), len(data))

    def _header_result(self, stored: StoredObject) -> HeaderResult:
        try:
            return HeaderResult(stored, self.read_header(stored))
        except (NotAnImage, ObjectChanged, ObjectMissing, AccessDenied) as error:
            return HeaderResult(stored, None, error)

    def _get(self, uri: str, etag: str, byte_range: str | None = None) -> tuple[bytes, str | None]:
        """The bytes and the version id, which is None where the bucket keeps no versions."""
        bucket, key = split_uri(uri)
        part: dict[str, Any] = {"Range": byte_range} if byte_range else {}
        with storage_errors(uri):
            answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"', **part)
            with answer["Body"] as body:
                data = body.read()
        _check_etag(uri, etag, answer["ETag"])
        version_id = answer.get("VersionId")
        return data, None if version_id == "null" else version_id  # "null" is S3's word for a content without one


def _check_etag(uri: str, expected: str, found: str) -> None:
    if found.strip('"') != expected:  # some servers (rclone's) ignore If-Match
        raise ObjectChanged(uri)
