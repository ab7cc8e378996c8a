"""Discover: the bucket's listing against the ledger; what is new is looked at, what is no image is set aside."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from include.clients.images import HeaderResult, ImageBucket
from include.clients.ledger import Ledger
from include.clients.ledger.images import Discovered
from include.clients.storage import AccessDenied, StorageError
from include.lifecycle.discovery import Changed, Finding, KnownImage, Missing, New, discover, duplicates
from include.lifecycle.headers import NotAnImage, check_name
from include.lifecycle.images import Reason, StoredObject
from include.lifecycle.manifest import is_manifest
from include.projects.model import Project

log = logging.getLogger(__name__)


class TooManyFailuresError(Exception):
    """More of the new images are unreadable than the project tolerates. They are recorded all the same."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one look at the bucket found: new contents, and what became of them. Skipped are objects that changed
    while they were looked at, or may not be read (these are unreadable too): the next discovery looks again."""

    known: int = 0
    new: int = 0
    changed: int = 0
    missing: int = 0
    duplicates: int = 0
    unreadable: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """What a discovery looks at: the objects whose keys go on with `below` after the project's prefix, and so many new
    or changed ones of them; the next discovery finds the others."""

    below: str = ""
    at_most: int | None = None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a discovery would find: its counts, the objects that would wait for predictions, and the ids of images that
    would be set aside because they were replaced or are gone."""

    discovery: Discovery
    coming: Sequence[StoredObject]
    going: Sequence[str]


def discover_images(
    project: Project,
    bucket: ImageBucket,
    ledger: Ledger,
    now: datetime,
    scope: Scope = EVERYTHING,
    *,
    shard_size: int = 1000,
) -> Discovery:
    """Record every new or changed image of the project's prefix, a shard at a time: a killed run loses nothing.

    Raises a StorageError where the bucket cannot be listed, and TooManyFailuresError beyond the project's share of
    unreadable images (what is no image is recorded all the same), or of known images that are gone (which are not: a
    prefix that looks empty is more often a mistake than a wish).
    """
    counts = Counter[str]()
    findings = _findings(project, bucket, ledger, scope, counts)
    missing: list[str] = []
    while shard := list(islice(findings, shard_size)):
        missing += [finding.image_id for finding in shard if isinstance(finding, Missing)]
        looked = _look_at([finding for finding in shard if not isinstance(finding, Missing)], project, bucket, ledger)
        ledger.images.add(project.name, looked.rows, looked.replaced, now)
        counts += looked.counts
        log.info("project %s: %d new images so far", project.name, counts["new"])
    check_share(project, len(missing), counts["known"], "known: they are gone from the bucket")
    ledger.images.lose(project.name, missing)
    looked_at = counts["new"] + counts["changed"] + counts["skipped"]
    check_share(project, counts["unreadable"], looked_at, "discovered: they cannot be read")
    return Discovery(missing=len(missing), **counts)


def foresee(project: Project, bucket: ImageBucket, ledger: Ledger, scope: Scope = EVERYTHING) -> Foreseen:
    """What `discover_images` would do now, by the same look at the bucket. Writes nothing."""
    counts = Counter[str]()
    findings = list(_findings(project, bucket, ledger, scope, counts))
    missing = [finding.image_id for finding in findings if isinstance(finding, Missing)]
    looked = _look_at([finding for finding in findings if not isinstance(finding, Missing)], project, bucket, ledger)
    counts += looked.counts
    coming = [row.object for row in looked.rows if row.reason is None]
    return Foreseen(Discovery(missing=len(missing), **counts), coming, [*missing, *looked.replaced])


def check_share(project: Project, failed: int, of: int, what: str) -> None:
    """Raise TooManyFailuresError where more failed than the project's share."""
    share = project.images.max_failed_share
    if failed > of * share:
        raise TooManyFailuresError(
            f"{failed} of {of} images under {project.images.uri} {what}, and project {project.name} tolerates "
            f"{share:.0%}: mend the source, or raise images.max_failed_share; the ledger's images have the reasons"
        )


def _counted(known: Iterable[KnownImage], counts: Counter[str]) -> Iterator[KnownImage]:
    for image in known:
        counts["known"] += 1
        yield image


def _findings(
    project: Project, bucket: ImageBucket, ledger: Ledger, scope: Scope, counts: Counter[str]
) -> Iterator[Finding]:
    """Where bucket and ledger differ within the scope; counts the known images on the way."""
    uri, taken = project.images.uri + scope.below, 0
    known = _counted(ledger.images.known(project.name, uri), counts)
    listing = (stored for stored in bucket.list(uri) if not is_manifest(stored.uri))
    for finding in discover(listing, known):
        taken += not isinstance(finding, Missing)
        if isinstance(finding, Missing) or scope.at_most is None or taken <= scope.at_most:
            yield finding


@dataclass(frozen=True, slots=True)
class _Looked:
    """What became of new and changed objects: rows for the ledger, ids that they replace, and counts."""

    rows: Sequence[Discovered]
    replaced: Sequence[str]
    counts: Counter[str]


def _look_at(findings: Sequence[New | Changed], project: Project, bucket: ImageBucket, ledger: Ledger) -> _Looked:
    replaces = {finding.object.uri: finding.replaces for finding in findings if isinstance(finding, Changed)}
    objects = [finding.object for finding in findings]
    copies = _copies(project, objects, ledger)
    results = list(bucket.read_headers(stored for stored in objects if stored.uri not in copies))
    for result in results:
        if isinstance(result.error, StorageError):
            log.warning("project %s: %s", project.name, result.error)
    rows = [_copy(stored, copies[stored.uri]) for stored in objects if stored.uri in copies]
    rows += [_looked_at(result) for result in results if not isinstance(result.error, StorageError)]
    replaced = [replaces[row.object.uri] for row in rows if row.object.uri in replaces]
    counts = Counter(
        new=len(rows) - len(replaced),
        changed=len(replaced),
        duplicates=len(copies),
        unreadable=sum(isinstance(result.error, NotAnImage | AccessDenied) for result in results),
        skipped=len(findings) - len(rows),
    )
    return _Looked(rows, replaced, counts)


def _copy(stored: StoredObject, original: str) -> Discovered:
    return Discovered(stored, None, Reason.DUPLICATE, f"the same content as {original}")


def _looked_at(result: HeaderResult) -> Discovered:
    if result.error is None:
        return Discovered(result.object, result.header)
    return Discovered(result.object, None, Reason.NOT_AN_IMAGE, str(result.error))


def _copies(project: Project, objects: Sequence[StoredObject], ledger: Ledger) -> dict[str, str]:
    """Where the original is of each image that is a copy: of a known image, or of an earlier object."""
    images = [stored for stored in objects if _has_image_name(stored.uri)]
    originals = ledger.images.originals(project.name, {(image.etag, image.size) for image in images if image.size})
    copies = {copy.uri: original.uri for copy, original in duplicates(images)}
    for image in images:
        original = originals.get((image.etag, image.size), image.uri)
        if original != image.uri:
            copies[image.uri] = original
    return copies


def _has_image_name(uri: str) -> bool:
    try:
        check_name(uri)
    except NotAnImage:
        return False
    return True
