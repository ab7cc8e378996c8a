"""A cloud storage's bucket, reached through S3 with the storage's own credentials and endpoint."""

import functools
import io
import posixpath
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import boto3
import orjson
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.emulator.media import Frame, MediaError, read_header

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HEADER_BYTES = 65_536
_MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")


@functools.lru_cache(maxsize=64)
def _client(endpoint: str | None, region: str, key: str, secret_key: str, unsigned: bool) -> "S3Client":
    """Clients are safe to share between threads, and slow to make."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key or None,
        aws_secret_access_key=secret_key or None,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 2},
            s3={"addressing_style": "path"} if endpoint else {},
            signature_version=UNSIGNED if unsigned else None,
        ),
    )


class ObjectNotFoundError(Exception):
    """An object that the bucket does not have. The text is CVAT's."""


class Bucket:
    """One bucket. Unknown objects raise `ObjectNotFoundError`; other trouble is botocore's own exceptions."""

    def __init__(self, storage: Mapping[str, Any] | sqlite3.Row) -> None:
        self.name: str = storage["resource"]
        options = dict(parse_qsl(storage["specific_attributes"]))
        self._s3 = _client(
            options.get("endpoint_url"),
            options.get("region", "us-east-1"),
            storage["key"],
            storage["secret_key"],
            storage["credentials_type"] == "ANONYMOUS_ACCESS",
        )

    def is_reachable(self) -> bool:
        """Whether there is such a bucket; an unreachable endpoint counts as none, as in CVAT."""
        try:
            self._s3.head_bucket(Bucket=self.name)
        except (BotoCoreError, ClientError):
            return False
        return True

    def has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True

    def read(self, key: str, *, first: int | None = None) -> bytes:
        """An object's bytes, or only the first ones."""
        try:
            if first is None:
                answer = self._s3.get_object(Bucket=self.name, Key=key)
            else:
                answer = self._s3.get_object(Bucket=self.name, Key=key, Range=f"bytes=0-{first - 1}")
            with answer["Body"] as body:
                return body.read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":  # an empty object
                return b""
            if code not in _MISSING:
                raise
            message = f"The file '{key}' not found on the cloud storage '{self.name}'"
            raise ObjectNotFoundError(message) from error

    def write(self, key: str, file: Path) -> None:
        """Puts a file into the bucket."""
        self._s3.upload_file(str(file), self.name, key)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, sorted by their bytes."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", []))

    def level(self, prefix: str) -> tuple[list[str], list[str]]:
        """The names directly below a prefix: folders, then objects."""
        folders: list[str] = []
        objects: list[str] = []
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.name, Prefix=prefix, Delimiter="/"):
            folders += [p["Prefix"][len(prefix) :].rstrip("/") for p in page.get("CommonPrefixes", [])]
            objects += [o["Key"][len(prefix) :] for o in page.get("Contents", []) if o["Key"] != prefix]
        return folders, objects

    def header(self, key: str) -> Frame:
        """An image's size, from its first bytes if they hold it. Raises `MediaError` when it is no image."""
        start = self.read(key, first=_HEADER_BYTES)
        try:
            return read_header(key, io.BytesIO(start), key)
        except MediaError:
            if len(start) < _HEADER_BYTES:
                raise
        return read_header(key, io.BytesIO(self.read(key)), key)

    def manifest(self, key: str) -> list[Frame]:
        """The images that a manifest names, in its order, under their full keys.

        A manifest is a JSON object a line: `{"version": "1.1"}`, `{"type": "images"}`, then
        `{"name", "extension", "width", "height"}` with names relative to the manifest's folder.

        Raises:
            MediaError: it is no such file.
        """
        folder = posixpath.dirname(key)
        try:
            version, kind, *rows = [orjson.loads(line) for line in self.read(key).splitlines() if line.strip()]
            if "version" not in version or kind != {"type": "images"}:
                raise ValueError("not a manifest of images")
            return [
                Frame(posixpath.join(folder, row["name"] + row["extension"]), int(row["width"]), int(row["height"]))
                for row in rows
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise MediaError(_invalid("Invalid manifest was uploaded")) from error


def _invalid(text: str) -> str:
    detail = f"[ErrorDetail(string='{text}', code='invalid')]"
    return f"rest_framework.exceptions.ValidationError: {detail}\n"


def no_intersection() -> MediaError:
    """What a manifest without the asked files comes to; the missing blank is CVAT's."""
    return MediaError(
        _invalid("There is no intersection of the files specifiedin the request with the contents of the bucket")
    )
