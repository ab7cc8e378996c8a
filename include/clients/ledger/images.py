"""The ledger's images: what was discovered, what waits, what was set aside."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Row,
    case,
    exists,
    func,
    insert,
    select,
    update,
)

from include.clients.ledger.database import chunks
from include.clients.ledger.tables import images, predictions
from include.lifecycle.discovery import KnownImage
from include.lifecycle.images import Header, Image, ImageState, Reason, StoredObject, image_id
from include.lifecycle.looks import Look

_LAST = "\U0010ffff"  # sorts after every URI
WAITS = {"state": ImageState.WAITING, "reason": None, "detail": None}

_gone, _original = images.alias("gone"), images.alias("original")


@dataclass(frozen=True, slots=True)
class Discovered:
    """An object that was looked at: with a header it waits for predictions, with a reason it is in quarantine."""

    object: StoredObject
    header: Header | None
    reason: Reason | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class WaitingImage:
    """A waiting image. Its look is None where it was never recorded."""

    image_id: str
    uri: str
    discovered_at: datetime
    look: Look | None = None


class ImageTable:
    """What is known of the images in the bucket."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, project: str, prefix: str) -> Iterator[KnownImage]:
        """The newest content at each URI under a prefix, in the order of an S3 listing."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)  # the first text after all that begin with the prefix
        query = (
            select(images.c.uri, images.c.etag, images.c.id)
            .where(images.c.project == project, images.c.current, images.c.uri >= prefix)
            .where(images.c.uri < end)  # LIKE would ignore case on SQLite
            .order_by(images.c.uri)
        )
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=5000).execute(query):
                yield KnownImage(row.uri, row.etag, row.id)

    def originals(self, project: str, contents: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """The URI at which each content (etag, size) is known already, where it is: the first, if there are several."""
        wanted = set(contents)
        found: dict[tuple[str, int], str] = {}
        for etags in chunks(sorted({etag for etag, _ in wanted})):
            query = select(images.c.etag, images.c.size, images.c.uri).where(
                images.c.project == project, images.c.current, images.c.etag.in_(etags), _is_original(images)
            )
            with self._engine.connect() as connection:
                for row in connection.execute(query.order_by(images.c.uri.desc())):
                    found[row.etag, row.size] = row.uri
        return {content: uri for content, uri in found.items() if content in wanted}

    def add(self, project: str, discovered: Sequence[Discovered], replaced: Sequence[str], now: datetime) -> None:
        """Write a shard of a discovery, whole or not at all: new images, and the ids of those they replace.

        A content that comes back to its place (an object changed or deleted, then restored) becomes current again, as
        it looks now; if it is in a batch, it stays there.
        """
        with self._engine.begin() as connection:
            _set_aside(connection, project, replaced, Reason.REPLACED)
            rows = {row["id"]: row for row in (_row(project, item, now) for item in discovered)}
            known = _existing(connection, project, list(rows))
            _bring_back(connection, project, [row for id_, row in rows.items() if id_ in known])
            if new := [row for id_, row in rows.items() if id_ not in known]:
                connection.execute(insert(images), new)
            _forget_copies(connection, project, replaced)

    def lose(self, project: str, image_ids: Sequence[str]) -> None:
        """Set images aside whose objects are gone: they are in no plan and in no release until they come back.

        Copies of what is gone are forgotten, so that the next discovery finds them as new: an object that was moved is
        an image, not a duplicate.
        """
        with self._engine.begin() as connection:
            _set_aside(connection, project, image_ids, Reason.MISSING)
            _forget_copies(connection, project, image_ids)

    def quarantine(self, project: str, image_id: str, reason: Reason, detail: str) -> bool:
        """Set a waiting image aside, and say whether it was one; one that is in a batch stays there."""
        values = {"state": ImageState.QUARANTINED, "reason": reason, "detail": detail}
        with self._engine.begin() as connection:
            waiting = (
                images.c.project == project,
                images.c.id == image_id,
                images.c.state == ImageState.WAITING,
            )
            return connection.execute(update(images).where(*waiting).values(values)).rowcount == 1

    def ask_again(self, project: str) -> int:
        """Let the images wait again that are in quarantine because an annotator failed on them; say how many."""
        failed = (images.c.state == ImageState.QUARANTINED, images.c.reason == Reason.ANNOTATOR_FAILED)
        with self._engine.begin() as connection:
            mine = update(images).where(images.c.project == project, *failed)
            return connection.execute(mine.values(WAITS)).rowcount

    def unpredicted(
        self, project: str, annotator: str, after: str, limit: int | None, last: str = _LAST
    ) -> list[Image]:
        """Waiting images without this annotator's predictions, in order: URIs after `after`, up to `last`."""
        query = (
            select(images)
            .where(
                images.c.project == project,
                images.c.state == ImageState.WAITING,
                images.c.uri > after,
                images.c.uri <= last,
                ~select(predictions.c.image_id)
                .where(
                    predictions.c.project == project,
                    predictions.c.image_id == images.c.id,
                    predictions.c.annotator == annotator,
                )
                .exists(),
            )
            .order_by(images.c.uri)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [_image(row) for row in connection.execute(query)]

    def waiting(self, project: str, annotators: Sequence[str], *, unpredicted: bool = False) -> list[WaitingImage]:
        """All waiting images with predictions of at least one of these annotators; and those without any, if they are
        wanted."""
        answered = exists().where(
            predictions.c.project == images.c.project,
            predictions.c.image_id == images.c.id,
            predictions.c.annotator.in_(annotators),
        )
        query = select(images).where(images.c.project == project, images.c.state == ImageState.WAITING)
        query = (query if unpredicted else query.where(answered)).order_by(images.c.uri)
        with self._engine.connect() as connection:
            return [waiting_image(row) for row in connection.execute(query)]

    def of_batch(self, batch_id: str) -> tuple[Image, ...]:
        """A batch's images in the order of its frames."""
        query = select(images).where(images.c.batch_id == batch_id).order_by(images.c.frame)
        with self._engine.connect() as connection:
            return tuple(_image(row) for row in connection.execute(query))

    def get(self, project: str, image_ids: Sequence[str], *, current: bool = False) -> dict[str, Image]:
        """Images by id: all of them, or those that are still the newest content at their URI."""
        found: dict[str, Image] = {}
        with self._engine.connect() as connection:
            for chunk in chunks(image_ids):
                query = select(images).where(images.c.project == project, images.c.id.in_(chunk))
                rows = connection.execute(query.where(images.c.current) if current else query)
                found |= {row.id: _image(row) for row in rows}
        return found

    def counts(self, project: str) -> Mapping[tuple[str, str | None], int]:
        """How many images are in each state, by reason."""
        query = select(images.c.state, images.c.reason, func.count()).where(images.c.project == project)
        with self._engine.connect() as connection:
            rows = connection.execute(query.group_by(images.c.state, images.c.reason))
            return {(state, reason): count for state, reason, count in rows}


def _row(project: str, item: Discovered, now: datetime) -> dict[str, Any]:
    header = item.header
    return {
        "project": project,
        "id": image_id(item.object.uri, item.object.etag),
        "uri": item.object.uri,
        "etag": item.object.etag,
        "size": item.object.size,
        "current": True,
        "format": header.format if header else None,
        "width": header.width if header else None,
        "height": header.height if header else None,
        "orientation": header.orientation if header else None,
        "mode": header.mode if header else None,
        "version_id": header.version_id if header else None,
        "state": ImageState.QUARANTINED if item.reason else ImageState.WAITING,
        "reason": item.reason,
        "detail": item.detail,
        "discovered_at": now,
    }


def _image(row: Row[Any]) -> Image:
    header = Header(row.format, row.width, row.height, row.orientation, row.mode, row.version_id)
    return Image(row.id, row.uri, row.etag, row.size, header)


def waiting_image(row: Row[Any]) -> WaitingImage:
    """Of a row of `images`."""
    look = Look(row.phash, row.features) if row.phash else None
    return WaitingImage(row.id, row.uri, row.discovered_at, look)


def _existing(connection: Connection, project: str, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(ids):
        query = select(images.c.id).where(images.c.project == project, images.c.id.in_(chunk))
        found |= set(connection.scalars(query))
    return found


def _set_aside(connection: Connection, project: str, ids: Sequence[str], reason: Reason) -> None:
    waited = case((images.c.state == ImageState.WAITING, ImageState.QUARANTINED.value), else_=images.c.state)
    for chunk in chunks(ids):
        these = (images.c.project == project, images.c.id.in_(chunk), images.c.current)
        gone = {"current": False, "reason": reason, "detail": None, "state": waited}
        connection.execute(update(images).where(*these).values(gone))


def _bring_back(connection: Connection, project: str, rows: Sequence[Mapping[str, Any]]) -> None:
    gone = (images.c.project == project, ~images.c.current)
    for chunk in chunks([row["id"] for row in rows]):
        batched = update(images).where(*gone, images.c.id.in_(chunk), images.c.state == ImageState.BATCHED)
        connection.execute(batched.values(current=True, reason=None, detail=None))
    for row in rows:
        connection.execute(update(images).where(*gone, images.c.id == row["id"]).values(row))


def _forget_copies(connection: Connection, project: str, ids: Sequence[str]) -> None:
    """The duplicates of what was set aside are no current images, unless another original is left."""
    same = (_original.c.project == project, _original.c.etag == images.c.etag, _original.c.size == images.c.size)
    left = select(_original.c.id).where(*same, _original.c.current, _is_original(_original)).exists()
    for chunk in chunks(ids):
        etags = select(_gone.c.etag).where(_gone.c.project == project, _gone.c.id.in_(chunk))
        copies = (images.c.project == project, images.c.etag.in_(etags), images.c.reason == Reason.DUPLICATE)
        connection.execute(update(images).where(*copies, images.c.current, ~left).values(current=False))


def _is_original(table: FromClause) -> ColumnElement[bool]:
    """Whether a copy of it needs no look of its own. A file may be no image by its name alone."""
    reason = table.c.reason
    return reason.is_(None) | reason.not_in([Reason.DUPLICATE, Reason.NOT_AN_IMAGE])
