"""Discover: the bucket's listing against the ledger; what is new is looked at, what is no image is set aside."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.ledger.images import Discovered
from include.clients.storage import ObjectChanged, ObjectMissing
from include.lifecycle.discovery import Changed, KnownImage, Missing, New, discover, duplicates
from include.lifecycle.headers import NotAnImage
from include.lifecycle.images import Reason, StoredObject
from include.projects.model import Project

log = logging.getLogger(__name__)
_SHARD = 1000  # objects whose headers are read, and whose rows are written, together


class TooManyFailuresError(Exception):
    """More of the new images are unreadable than the project tolerates. They are recorded all the same."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one look at the bucket found: new contents, and what became of them. Skipped are objects that changed
    while they were looked at: the next discovery finds them."""

    known: int = 0
    new: int = 0
    changed: int = 0
    missing: int = 0
    duplicates: int = 0
    unreadable: int = 0
    skipped: int = 0


def discover_images(project: Project, bucket: ImageBucket, ledger: Ledger, now: datetime) -> Discovery:
    """Record every new or changed image of the project's prefix, shard by shard, so that a killed run loses nothing.

    Raises a StorageError where the bucket cannot be listed, and TooManyFailuresError beyond the project's share of
    unreadable images (which are recorded all the same), or of known images that are gone (which are not: a prefix
    that looks empty is more often a mistake than a wish).
    """
    uri, counts = project.images.uri, Counter[str]()
    known = _counted(ledger.images.known(project.name, uri), counts)
    findings = discover(bucket.list(uri), known)
    missing: list[str] = []
    while shard := list(islice(findings, _SHARD)):
        missing += [finding.image_id for finding in shard if isinstance(finding, Missing)]
        counts += _record(
            project, [finding for finding in shard if not isinstance(finding, Missing)], bucket, ledger, now
        )
        log.info("project %s: %d new images under %s so far", project.name, counts["new"], uri)
    check_share(project, len(missing), counts["known"], "known: they are gone from the bucket")
    ledger.images.lose(project.name, missing)
    check_share(project, counts["unreadable"], counts["new"] + counts["changed"], "discovered: they cannot be read")
    return Discovery(missing=len(missing), **counts)


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


def _record(
    project: Project, findings: Sequence[New | Changed], bucket: ImageBucket, ledger: Ledger, now: datetime
) -> Counter[str]:
    replaces = {finding.object.uri: finding.replaces for finding in findings if isinstance(finding, Changed)}
    rows = list(_looked_at(project, [finding.object for finding in findings], bucket, ledger))
    replaced = [replaces[row.object.uri] for row in rows if row.object.uri in replaces]
    ledger.images.add(project.name, rows, replaced, now)
    return Counter(
        new=len(rows) - len(replaced),
        changed=len(replaced),
        duplicates=sum(row.reason is Reason.DUPLICATE for row in rows),
        unreadable=sum(row.reason in (Reason.NOT_AN_IMAGE, Reason.UNREADABLE) for row in rows),
        skipped=len(findings) - len(rows),
    )


def _looked_at(
    project: Project, objects: Sequence[StoredObject], bucket: ImageBucket, ledger: Ledger
) -> Iterator[Discovered]:
    """Each object with its header, or with the reason why it goes to quarantine."""
    copies = _copies(project, objects, ledger)
    for stored in objects:
        if stored.uri in copies:
            yield Discovered(stored, None, Reason.DUPLICATE, f"the same content as {copies[stored.uri]}")
    for result in bucket.read_headers(stored for stored in objects if stored.uri not in copies):
        if isinstance(result.error, ObjectChanged | ObjectMissing):
            log.warning("project %s: %s", project.name, result.error)
        elif result.error is None:
            yield Discovered(result.object, result.header)
        else:
            reason = Reason.NOT_AN_IMAGE if isinstance(result.error, NotAnImage) else Reason.UNREADABLE
            yield Discovered(result.object, None, reason, str(result.error))


def _copies(project: Project, objects: Sequence[StoredObject], ledger: Ledger) -> dict[str, str]:
    """Where the original is of each object that is a copy: of a known image, or of an earlier object."""
    contents = {(stored.etag, stored.size) for stored in objects if stored.size}
    originals = ledger.images.originals(project.name, contents)
    copies = {copy.uri: original.uri for copy, original in duplicates(objects)}
    for stored in objects:
        original = originals.get((stored.etag, stored.size), stored.uri)
        if original != stored.uri:
            copies[stored.uri] = original
    return copies
