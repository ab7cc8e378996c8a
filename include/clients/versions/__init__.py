"""Dataset versions: a git repository that holds DVC's pointers, and the S3 bucket that holds the data.

A version is an annotated tag on a commit with `<path>.dvc`. Its data is in the bucket before the tag is in the
repository, and a tag is never moved, so `dvc get <git url> <path> --rev <tag>` gives the same files for ever.
"""

from include.clients.versions.errors import (
    BucketRefusedError,
    PushRefusedError,
    RepositoryRefusedError,
    VersionsError,
)
from include.clients.versions.remote import DataRemote
from include.clients.versions.repository import DatasetRepository, Published, Tag

__all__ = [
    "BucketRefusedError",
    "DataRemote",
    "DatasetRepository",
    "Published",
    "PushRefusedError",
    "RepositoryRefusedError",
    "Tag",
    "VersionsError",
]
