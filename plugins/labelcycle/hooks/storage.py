"""S3 by Airflow's own connection type (`aws`)."""

from typing import TYPE_CHECKING

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseHook
from botocore.config import Config

from include.clients.cvat import BucketAccess
from labelcycle.hooks.fields import WrongConnection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "max_attempts": 5},
    max_pool_connections=32,
    signature_version="s3v4",  # of signed addresses, too
)


def s3_client(aws_conn_id: str) -> "S3Client":
    """A boto3 client with timeouts, retries, and connections for as many threads as the clients use.

    Raises WrongConnection for an endpoint that is none.
    """
    try:
        client: S3Client = _hook(aws_conn_id).get_conn()
    except ValueError as error:
        raise WrongConnection(aws_conn_id, f"is wrong: {error}") from None
    return client


def signing_client(aws_conn_id: str) -> "S3Client":
    """A client that signs addresses for people's browsers, and is asked nothing: of the endpoint `pages` in the
    connection's extra, where browsers cannot reach the other. Raises WrongConnection for an endpoint that is none."""
    hook = _hook(aws_conn_id)
    if not (pages := hook.conn_config.extra_config.get("pages")):
        return s3_client(aws_conn_id)
    try:
        session = hook.get_session()
        client: S3Client = session.client("s3", endpoint_url=pages, region_name=hook.region_name, config=hook.config)
    except ValueError as error:
        raise WrongConnection(aws_conn_id, f"has wrong pages in its extra: {error}") from None
    return client


def bucket_access(aws_conn_id: str, bucket: str) -> BucketAccess:
    """How somebody else (CVAT, DVC) reads a bucket with the connection's keys. Raises WrongConnection without any."""
    hook = _hook(aws_conn_id)
    keys = hook.get_credentials()
    if not (keys and keys.access_key and keys.secret_key):
        raise WrongConnection(aws_conn_id, "has no keys: CVAT and DVC need an access key and a secret key")
    return BucketAccess(
        bucket=bucket,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        endpoint_url=hook.conn_config.endpoint_url,
        region=hook.region_name or "us-east-1",
    )


def _hook(aws_conn_id: str) -> S3Hook:
    """Airflow's hook, which would take the machine's own access where the connection is not defined."""
    BaseHook.get_connection(aws_conn_id)
    return S3Hook(aws_conn_id=aws_conn_id, config=_CONFIG)
