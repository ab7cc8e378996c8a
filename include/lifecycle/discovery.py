"""Discovery: what is new, changed or gone in a bucket, by one walk along its listing and the known images.

Both must be in the order of S3's own listings, by URI in UTF-8 bytes. That is the order of Python's strings, of
SQLite's BINARY and of Postgres's `COLLATE "C"`; other collations put `a-b` and `a/b` elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from include.lifecycle.images import StoredObject

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class KnownImage:
    """The newest content that the ledger knows at a URI."""

    uri: str
    etag: str
    image_id: str


@dataclass(frozen=True, slots=True)
class New:
    """An object at a URI that was not known."""

    object: StoredObject


@dataclass(frozen=True, slots=True)
class Changed:
    """Another content at a known URI; `replaces` is the id of the image that was there."""

    object: StoredObject
    replaces: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A known image that is no longer in the listing."""

    image_id: str


Finding = New | Changed | Missing


class UnsortedError(ValueError):
    """A listing or a table is not in strictly rising order of URI: a merge-join would find nonsense."""


def discover(listing: Iterable[StoredObject], known: Iterable[KnownImage]) -> Iterator[Finding]:
    """The differences between a listing and the known images under the same prefix, in order of URI.

    Unchanged images yield nothing. Linear in time, constant in memory. Raises UnsortedError as soon as either
    input is out of order or names a URI twice; what was yielded before that is not to be used.
    """
    images = _rising(known, lambda image: image.uri, "the table of known images")
    image = next(images, None)
    for stored in _rising(listing, lambda stored: stored.uri, "the listing"):
        while image and image.uri < stored.uri:
            yield Missing(image.image_id)
            image = next(images, None)
        if image is None or image.uri != stored.uri:
            yield New(stored)
            continue
        if image.etag != stored.etag:
            yield Changed(stored, replaces=image.image_id)
        image = next(images, None)
    while image:
        yield Missing(image.image_id)
        image = next(images, None)


def duplicates(objects: Iterable[StoredObject]) -> Iterator[tuple[StoredObject, StoredObject]]:
    """Each object whose content (etag and size) an earlier one has too, with the first that has it.

    The first is the original, so give the objects in order of URI. Empty files are no copies of each other.
    Memory grows with the number of contents. An etag is a digest of the content only where S3 does not encrypt
    with KMS and the upload was in one part (or in the same parts): copies may go unnoticed, but nothing else is
    taken for a copy.
    """
    first: dict[tuple[str, int], StoredObject] = {}
    for stored in objects:
        original = first.setdefault((stored.etag, stored.size), stored)
        if original is not stored and stored.size:
            yield stored, original


def _rising(rows: Iterable[_Row], uri: Callable[[_Row], str], name: str) -> Iterator[_Row]:
    last: str | None = None
    for row in rows:
        here = uri(row)
        if last is not None and here <= last:
            raise UnsortedError(f"{name} is not sorted by URI in UTF-8 bytes: {here!r} comes after {last!r}")
        last = here
        yield row
