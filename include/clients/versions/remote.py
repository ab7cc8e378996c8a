"""The bucket in which DVC keeps the data."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from include.clients.storage import ObjectMissing, StorageError, storage_errors
from include.clients.versions.errors import VersionsError
from include.lifecycle.images import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OTHER_ENDPOINTS = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}
_OTHER_KEYS = {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"}


@dataclass(frozen=True, slots=True)
class DataRemote:
    """A DVC remote, `s3://bucket/prefix`, and the access to it.

    No endpoint means Amazon's; no keys mean that the machine's own access is used (a role, a profile). The access goes
    only into the environment of `dvc`, which writes it nowhere. Raises ValueError where the URL is no S3 URI.
    """

    url: str
    region: str = "us-east-1"
    endpoint_url: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        split_uri(self.url)

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited`, changed so that an AWS library finds this access and no other."""
        given = {"AWS_DEFAULT_REGION": self.region, "AWS_REGION": self.region}
        if self.endpoint_url:
            given["AWS_ENDPOINT_URL"] = self.endpoint_url
        hidden = _OTHER_ENDPOINTS
        if self.access_key and self.secret_key:
            given |= {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
            hidden = _OTHER_ENDPOINTS | _OTHER_KEYS
        return {name: value for name, value in inherited.items() if name not in hidden} | given

    def masked(self, text: str) -> str:
        """`text` without the keys."""
        for secret in (self.secret_key, self.access_key):
            text = text.replace(secret, "***") if secret else text
        return text

    def check_pushed(self, cache: Path) -> None:
        """See that every object of a local DVC cache is in the bucket, by name and size.

        `dvc push` and `dvc status --cloud` are no proof: they take the presence of a folder's list of files (`….dir`)
        for the presence of the files. Raises VersionsError naming the first object that is not there.
        """
        bucket, prefix = split_uri(self.url.rstrip("/") + "/")
        with closing(self._client()) as s3:
            for file in sorted(file for file in (cache / "files").rglob("*") if file.is_file()):
                key = prefix + file.relative_to(cache).as_posix()
                self._check_object(s3, bucket, key, file.stat().st_size)

    def _check_object(self, s3: "S3Client", bucket: str, key: str, size: int) -> None:
        uri = f"s3://{bucket}/{key}"
        try:
            with storage_errors(uri):
                found = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
        except ObjectMissing:
            problem = "is missing"
        except StorageError as error:
            raise VersionsError(self.masked(str(error))) from None
        else:
            problem = "" if found == size else f"has {found} bytes instead of {size}"
        if problem:
            raise VersionsError(
                f"After `dvc push`, {uri} {problem}: it was deleted or damaged since it was first pushed. "
                "Delete it and the .dir object of this release, which DVC takes for proof of the rest; release again"
            )

    def _client(self) -> "S3Client":
        return boto3.client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )
