"""S3's errors, as sentences: which URI, what is wrong, what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from include.lifecycle.images import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class StorageError(RuntimeError):
    """S3 refused or failed; `uri` is what was asked for."""

    sentence: ClassVar[str] = "S3 did not do what it was asked for"

    def __init__(self, uri: str, cause: str = "") -> None:
        super().__init__(f"{uri}: {self.sentence}" + (f" ({cause})" if cause else ""))
        self.uri = uri


class BucketNotFound(StorageError):
    sentence = "there is no such bucket. Correct the bucket's name, or create the bucket"


class AccessDenied(StorageError):
    sentence = "S3 denies access. Check the connection's keys, and that they may list, get and put here"


class WrongRegion(StorageError):
    sentence = "the bucket is in another region. Correct region_name in the connection's extra"


class NotS3(StorageError):
    sentence = "what answers is not S3. Correct endpoint_url in the connection's extra"


class Unreachable(StorageError):
    sentence = "S3 does not answer. Check the connection's endpoint and the network, then run again"


class ObjectChanged(StorageError):
    sentence = "the object has changed since it was listed. The next discovery will find its new content"


class ObjectMissing(StorageError):
    sentence = "the object is gone. Put it back, or let the next discovery set it aside"


_KINDS: dict[str, type[StorageError]] = {
    "NoSuchBucket": BucketNotFound,
    "NoSuchKey": ObjectMissing,
    "NoSuchVersion": ObjectMissing,
    "404": ObjectMissing,  # HEAD has no body, so its code is the status
    "PreconditionFailed": ObjectChanged,
    "412": ObjectChanged,
    "InvalidRange": ObjectChanged,  # it has become shorter
    "InvalidAccessKeyId": AccessDenied,
    "SignatureDoesNotMatch": AccessDenied,
    "ExpiredToken": AccessDenied,
    "AuthorizationHeaderMalformed": WrongRegion,
    "IllegalLocationConstraintException": WrongRegion,
    "PermanentRedirect": WrongRegion,
    "301": WrongRegion,
    "SlowDown": Unreachable,
}


@contextmanager
def storage_errors(uri: str) -> Iterator[None]:
    """Turns botocore's exceptions about `uri` into StorageError's kinds."""
    try:
        yield
    except ClientError as error:
        raise _refusal(error)(uri, str(error)) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise AccessDenied(uri, str(error)) from error
    except (ConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise Unreachable(uri, str(error)) from error
    except ResponseParserError as error:
        raise NotS3(uri, str(error).partition("\n")[0]) from error
    except BotoCoreError as error:
        raise StorageError(uri, str(error)) from error


def _refusal(error: ClientError) -> type[StorageError]:
    code = error.response.get("Error", {}).get("Code", "")
    if error.operation_name == "ListObjectsV2" and code in ("404", "405"):  # S3 has a code in words for each refusal
        return NotS3
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    by_status = AccessDenied if status in (401, 403) else Unreachable if status >= 500 else StorageError
    return _KINDS.get(code, by_status)


def check_writable(client: "S3Client", folder: str) -> None:
    """See that objects can be put under `s3://bucket/folder` and deleted again, by doing it with one of a few bytes.

    Raises StorageErrors.
    """
    bucket, prefix = split_uri(folder.rstrip("/") + "/")
    key = f"{prefix}labelcycle-check-{uuid4()}"
    with storage_errors(f"s3://{bucket}/{key}"):
        client.put_object(Bucket=bucket, Key=key, Body=b"written by a check, to be deleted at once")
        client.delete_object(Bucket=bucket, Key=key)
