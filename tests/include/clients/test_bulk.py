import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from include.clients.bulk import BulkStore, Damaged
from include.clients.storage import BucketNotFound, ObjectMissing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TABLE = pa.table({"id": ["a", "b"], "score": [0.5, 1.0]}).replace_schema_metadata({"what": "a test"})


@pytest.fixture
def store(s3: "S3Client", bucket: str) -> BulkStore:
    return BulkStore(s3, f"s3://{bucket}/records/")


def test_a_table_survives_with_its_metadata(store: BulkStore) -> None:
    table = store.read(store.write("scores", TABLE))
    assert table.equals(TABLE, check_metadata=True)


def test_the_name_is_the_digest_of_the_bytes(store: BulkStore, s3: "S3Client", bucket: str) -> None:
    uri = store.write("scores", TABLE)
    (found,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    with s3.get_object(Bucket=bucket, Key=found["Key"])["Body"] as body:
        digest = hashlib.sha256(body.read()).hexdigest()
    assert uri == f"s3://{bucket}/records/scores/{digest}.parquet"


def test_the_same_rows_are_put_once(store: BulkStore, s3: "S3Client", bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    in_parts = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    assert store.write("scores", TABLE) == store.write("scores", in_parts)
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_other_rows_have_another_name(store: BulkStore) -> None:
    assert store.write("scores", TABLE) != store.write("scores", TABLE.slice(0, 1))


def test_a_damaged_file_is_not_read(store: BulkStore, s3: "S3Client", bucket: str) -> None:
    uri = store.write("scores", TABLE)
    s3.put_object(Bucket=bucket, Key=uri.removeprefix(f"s3://{bucket}/"), Body=b"PAR1 but not really")
    with pytest.raises(Damaged, match=f"{uri}: the file is not what its name says.*its 19 bytes"):
        store.read(uri)


def test_a_missing_file_is_told_by_its_uri(store: BulkStore, bucket: str) -> None:
    uri = f"s3://{bucket}/records/scores/{'0' * 64}.parquet"
    with pytest.raises(ObjectMissing, match=f"{uri}: the object is gone"):
        store.read(uri)


def test_a_missing_bucket_is_told(s3: "S3Client") -> None:
    with pytest.raises(BucketNotFound, match="there is no such bucket"):
        BulkStore(s3, "s3://no-such-bucket-here/records").write("scores", TABLE)


def test_the_prefix_is_checked_at_once(s3: "S3Client") -> None:
    with pytest.raises(ValueError, match="is not an S3 URI"):
        BulkStore(s3, "/local/records")


_WORKER = """
import sys
import boto3
from include.clients.bulk import BulkStore
from include.clients.tables import predictions_from, predictions_table
from include.lifecycle.predictions import ImagePredictions

s3 = boto3.client("s3", "eu-west-1", endpoint_url=sys.argv[1], aws_access_key_id="k", aws_secret_access_key="s")
store = BulkStore(s3, sys.argv[2])
answers = [ImagePredictions("a", "m@1", ())]
assert predictions_from(store.read(store.write("predictions", predictions_table(answers)))) == answers
assert "pandas" not in sys.modules
"""


def test_workers_do_not_pay_for_pandas(s3: "S3Client", bucket: str) -> None:
    """Arrow imports it where it can: two seconds and 50 MB of every task."""
    command = [sys.executable, "-c", _WORKER, s3.meta.endpoint_url, f"s3://{bucket}/records"]
    subprocess.run(command, check=True)
