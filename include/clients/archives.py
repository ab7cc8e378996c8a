"""Files by their address: an absolute path on this machine's disk, or `s3://bucket/key`.

A file is there whole or not at all: on a disk it gets its name last; to S3 it is sent when it is complete, from a
temporary file (TMPDIR says where these are), in parts of 16 MiB of which at most four are in memory.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from include.clients.cvat.uploads import UploadFile
from include.clients.images import ImageBucket
from include.clients.storage import AccessDenied, BucketNotFound, ObjectMissing, storage_errors
from include.lifecycle.images import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PART = 16 << 20
_PARTS_AT_A_TIME = 4


class WrongAddress(ValueError):
    """No absolute path and no URI of an object in S3, or nothing that can be read is there."""


class Archives:
    """Reads and writes files by their address. The S3 client is asked for where one is needed."""

    def __init__(self, s3: "Callable[[], S3Client]") -> None:
        self._s3 = s3

    def check_writable(self, address: str) -> None:
        """See that a file can be written there, as far as can be seen without writing. Raises WrongAddress and
        StorageErrors."""
        check_address(address)
        if address.startswith("s3://"):
            self._check_bucket(address)
        else:
            _check_path(Path(address))

    @contextmanager
    def writing(self, address: str) -> Iterator[Path]:
        """A path to write to; what is there at the end becomes the file of that address, in place of what was there.

        If what is done inside raises, nothing has changed. Raises WrongAddress and StorageErrors.
        """
        self.check_writable(address)
        if address.startswith("s3://"):
            with NamedTemporaryFile(prefix="labelcycle-") as file:
                yield Path(file.name)
                self._send(Path(file.name), address)
            return
        part = Path(f"{address}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(address)
        finally:
            part.unlink(missing_ok=True)

    def reading(self, address: str) -> UploadFile:
        """A file to be sent somewhere, by its name without folders. Raises WrongAddress and StorageErrors."""
        check_address(address)
        if address.startswith("s3://"):
            return self._object(address)
        path = Path(address)
        if not path.is_file():
            raise WrongAddress(f"there is no file {address} on this machine: put it there, or name one in S3")
        return UploadFile(path.name, path.stat().st_size, lambda: path.open("rb"))

    def _check_bucket(self, address: str) -> None:
        bucket, _ = split_uri(address)
        try:
            with storage_errors(address):
                self._s3().head_bucket(Bucket=bucket)
        except ObjectMissing:  # of a HEAD the code is only 404
            raise BucketNotFound(address) from None
        except AccessDenied:  # keys that may put, but not list
            return

    def _object(self, address: str) -> UploadFile:
        bucket, key = split_uri(address)
        with storage_errors(address):
            head = self._s3().head_object(Bucket=bucket, Key=key)
        opened = partial(ImageBucket(self._s3()).open, address, head["ETag"].strip('"'))
        return UploadFile(Path(key).name, head["ContentLength"], opened)

    def _send(self, file: Path, address: str) -> None:
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        bucket, key = split_uri(address)
        parts = TransferConfig(_PART, max_concurrency=_PARTS_AT_A_TIME, multipart_chunksize=_PART)
        with storage_errors(address):
            try:
                self._s3().upload_file(str(file), bucket, key, Config=parts)
            except S3UploadFailedError as error:  # boto3 hides the error that says why
                raise error.__context__ or error from None


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise WrongAddress(f"{path} is a folder: name a file, as in {path}/export.zip")
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        raise WrongAddress(f"{path} cannot be written: {folder} is a file and no folder. Name another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WrongAddress(f"{path} cannot be written: this worker may not write in {folder}. Let it, or name another")


def check_address(address: str) -> None:
    """Raises WrongAddress for what is neither an absolute path nor an object in S3."""
    whole = address.startswith("s3://") and all(address.removeprefix("s3://").partition("/")[::2])
    if not (whole or address.startswith("/")) or address.endswith("/"):
        raise WrongAddress(f"{address!r} is no file's address: give an absolute path, or s3://bucket/key")
