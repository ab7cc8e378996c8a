"""Images: objects in a bucket that Labelcycle has seen, and what it made of them."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One row of a bucket's listing. The URI is `s3://bucket/key`; the etag has no quotes; size is in bytes."""

    uri: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file's first bytes tell: width and height in pixels after EXIF orientation (1 to 8) is applied;
    format and mode in Pillow's words (`JPEG`, `RGB`); the version id only where the bucket keeps versions."""

    format: str
    width: int
    height: int
    orientation: int
    mode: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be labelled."""

    id: str
    uri: str
    etag: str
    size: int
    header: Header


class ImageState(StrEnum):
    """Every image is in exactly one of these (invariant 1)."""

    WAITING = "waiting"  # for predictions or for a batch
    BATCHED = "batched"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why an image is in quarantine."""

    NOT_AN_IMAGE = "not an image"
    UNDECODABLE = "cannot be decoded"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    REPLACED = "replaced"
    MISSING = "no longer in the bucket"
    ANNOTATOR_FAILED = "the annotator failed on it"


def image_id(uri: str, etag: str) -> str:
    """The name of one content at one place: 16 hexadecimal digits of SHA-256 over URI and etag."""
    return hashlib.sha256(f"{uri}\n{etag}".encode()).hexdigest()[:16]


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI; the key may be empty.

    Raises ValueError where the URI is of another scheme or names no bucket.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI: it must look like s3://bucket/prefix/")
    return bucket, key
