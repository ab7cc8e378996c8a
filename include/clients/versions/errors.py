"""What can go wrong with dataset versions, as sentences that say what to do."""

import re


class VersionsError(Exception):
    """A dataset version could not be made or read."""


class PushRefusedError(VersionsError):
    """The repository did not take the commit and the tag, or its answer was not heard."""


def advice(problem: str) -> str:
    """What to do about a problem that git or DVC tells of; empty where we know no better than they."""
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, problem)), "")


_ADVICE = (
    ("there is no program 'git'", "Install git on this worker"),
    ("was still running after", "See that the git server and the bucket answer, or allow more time"),
    ("Could not connect to the endpoint|[Cc]onnect timeout", "See that the S3 endpoint is right and reachable"),
    ("NoSuchBucket|bucket does not exist", "Make the bucket, or correct the URL of the DVC remote"),
    (
        r"Unable to locate credentials|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden|\b403\b",
        "See that the S3 access key and its secret are right, and that they may list, read and write the bucket",
    ),
    ("hook declined|protected branch", "The git server's rules refuse the push: change them, or the branch"),
    (
        "Could not read from remote|unable to access|not appear to be a git repository|could not read Username",
        "See that the git URL is right, and that this worker has access (ssh key or credential helper)",
    ),
)
