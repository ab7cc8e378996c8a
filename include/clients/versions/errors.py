"""What can go wrong with dataset versions, as sentences that say what to do."""

import re


class VersionsError(Exception):
    """A dataset version could not be made or read."""


class PushRefusedError(VersionsError):
    """The repository did not take the commit and the tag, or its answer was not heard."""


class RepositoryRefusedError(VersionsError):
    """git finds no such repository, or does not let this worker in."""


class BucketRefusedError(VersionsError):
    """DVC's bucket is not there, or does not take the keys."""


def error_of(problem: str) -> VersionsError:
    """The error for a problem that git or DVC tells of, with what to do where we know better than they."""
    for pattern, kind, advice in _ADVICE:
        if re.search(pattern, problem):
            return kind(f"{problem}. {advice}")
    return VersionsError(problem)


_ADVICE: tuple[tuple[str, type[VersionsError], str], ...] = (
    ("there is no program 'git'", VersionsError, "Install git on this worker"),
    (
        "No space left on device|Disk quota exceeded|File too large|ENOSPC",
        VersionsError,
        "Free space in this worker's folder for temporary files (TMPDIR names another)",
    ),
    ("was still running after", VersionsError, "See that the git server and the bucket answer, or allow more time"),
    (
        "Could not connect to the endpoint|[Cc]onnect timeout",
        VersionsError,
        "See that the S3 endpoint is right and reachable",
    ),
    (
        "NoSuchBucket|bucket does not exist",
        BucketRefusedError,
        "Make the bucket, or correct the URL of the DVC remote",
    ),
    (
        r"Unable to locate credentials|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden|\b403\b",
        BucketRefusedError,
        "See that the S3 access key and its secret are right, and that they may list, read and write the bucket",
    ),
    (
        "hook declined|protected branch",
        RepositoryRefusedError,
        "The git server's rules refuse the push: change them, or the branch",
    ),
    (
        "Could not resolve host|Connection refused|Connection timed out|Failed to connect|Couldn't connect|unreachable",
        VersionsError,
        "See that the git server answers from this worker, and that the git URL is right",
    ),
    (
        "Could not read from remote|unable to access|not appear to be a git repository|could not read Username"
        "|Authentication failed|repository .* not found",
        RepositoryRefusedError,
        "See that the git URL is right, and that this worker has access (ssh key or credential helper)",
    ),
)
