import pytest
from botocore.exceptions import ClientError

from include.clients.storage import AccessDenied, ObjectChanged, StorageError, Unreachable, storage_errors


# Codes and statuses of Amazon S3's "Error responses" page
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, AccessDenied),
        ("ExpiredToken", 400, AccessDenied),
        ("InvalidAccessKeyId", 403, AccessDenied),
        ("InternalError", 500, Unreachable),
        ("SlowDown", 503, Unreachable),
        ("ServiceUnavailable", 503, Unreachable),
        ("PreconditionFailed", 412, ObjectChanged),
        ("InvalidRange", 416, ObjectChanged),
        ("EntityTooLarge", 400, StorageError),
    ],
)
def test_s3s_answers_have_kinds(code: str, status: int, kind: type[StorageError]) -> None:
    answer = {"Error": {"Code": code, "Message": "as S3 says"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(StorageError, match=r"s3://b/k: .*as S3 says") as caught, storage_errors("s3://b/k"):
        raise ClientError(answer, "GetObject")
    assert type(caught.value) is kind
    assert caught.value.uri == "s3://b/k"
