"""S3 by Airflow's own connection type (`aws`)."""

from typing import TYPE_CHECKING

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.config import Config

from include.clients.cvat import BucketAccess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFIG = Config(
    connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=32
)


def s3_client(aws_conn_id: str) -> "S3Client":
    """A boto3 client with timeouts, retries, and connections for as many threads as the clients use."""
    client: S3Client = S3Hook(aws_conn_id=aws_conn_id, config=_CONFIG).get_conn()
    return client


def bucket_access(aws_conn_id: str, bucket: str) -> BucketAccess:
    """How somebody else (CVAT, DVC) reads a bucket with the connection's keys."""
    hook = S3Hook(aws_conn_id=aws_conn_id)
    keys = hook.get_credentials()
    if not (keys.access_key and keys.secret_key):
        raise ValueError(f"connection {aws_conn_id!r} has no keys: CVAT and DVC need an access key and a secret key")
    return BucketAccess(
        bucket=bucket,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        endpoint_url=hook.conn_config.endpoint_url,
        region=hook.region_name or "us-east-1",
    )
