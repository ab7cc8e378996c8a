"""Bulk records in S3: immutable files (Parquet tables, JSON documents), named by their content."""

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from include.clients.storage import ObjectMissing, StorageError, storage_errors
from include.lifecycle.images import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Damaged(StorageError):
    sentence = "the file is not what its name says. Restore it from the bucket's versions or from a backup"


class BulkStore:
    """Files at `<prefix>/<kind>/<SHA-256 of the file>.<suffix>`. What is there never changes.

    Methods raise StorageErrors; see ImageBucket.
    """

    def __init__(self, client: "S3Client", uri_prefix: str) -> None:
        self._client = client
        self._prefix = uri_prefix.rstrip("/")
        split_uri(self._prefix)  # raises ValueError before anything is written

    def write(self, kind: str, table: pa.Table) -> str:
        """The URI of a file with the table's rows, schema and metadata; it is put only if it is not there.

        The same table gives the same bytes and so the same URI, as long as pyarrow stays the same.
        """
        return self._put(kind, _parquet(table), "parquet", "application/vnd.apache.parquet")

    def read(self, uri: str) -> pa.Table:
        """The table that `write` put. Raises ObjectMissing, or Damaged where the digest is not that of the name."""
        return pq.ParquetFile(pa.BufferReader(self._get(uri))).read()  # read_table imports pandas, for nothing here

    def write_text(self, kind: str, text: str) -> str:
        """The URI of a JSON document, kept in the same way."""
        return self._put(kind, text.encode(), "json", "application/json")

    def read_text(self, uri: str) -> str:
        """The document that `write_text` put; raises as `read` does."""
        return self._get(uri).decode()

    def _put(self, kind: str, data: bytes, suffix: str, content_type: str) -> str:
        uri = f"{self._prefix}/{kind}/{hashlib.sha256(data).hexdigest()}.{suffix}"
        if not self._exists(uri):
            bucket, key = split_uri(uri)
            with storage_errors(uri):
                self._client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type)
        return uri

    def _get(self, uri: str) -> bytes:
        bucket, key = split_uri(uri)
        with storage_errors(uri), self._client.get_object(Bucket=bucket, Key=key)["Body"] as body:
            data = body.read()
        digest = hashlib.sha256(data).hexdigest()
        if uri.rpartition("/")[2].partition(".")[0] != digest:
            raise Damaged(uri, f"the SHA-256 of its {len(data)} bytes is {digest}")
        return data

    def _exists(self, uri: str) -> bool:
        bucket, key = split_uri(uri)
        try:
            with storage_errors(uri):
                self._client.head_object(Bucket=bucket, Key=key)
        except ObjectMissing:
            return False
        return True


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    # One chunk a column: how a table was put together must not show in the bytes.
    pq.write_table(table.combine_chunks(), sink, compression="zstd")
    return bytes(sink.getvalue())
