"""The annotations of jobs: read as compact records, a few jobs at once, and written as they are given.

Answers are not asked for compressed: packing 100,000 shapes costs the server more time than a network of 400 Mbit/s or
more would save.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from include.clients.ahead import ahead
from include.clients.cvat.drawn import TAG, Annotations, CvatShape, NewShape, as_tag
from include.clients.cvat.errors import CvatError
from include.clients.cvat.records import Meta
from include.clients.cvat.wire import Wire

_READERS = 3  # jobs that are read at a time


class Content(msgspec.Struct, frozen=True):
    """All that is in a job: what is drawn, and which frames people took out, by their numbers in the task. What is
    drawn on these is still there."""

    annotations: Annotations
    deleted_frames: frozenset[int]


class JobAnnotations:
    """Reads and changes what is drawn in jobs, by their ids."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, job_id: int) -> Annotations:
        """All that is drawn in a job: shapes and tags, and tracks as they came."""
        return self._wire.get(f"/api/jobs/{job_id}/annotations", Annotations)

    def each(self, job_ids: Iterable[int]) -> Iterator[Content | CvatError]:
        """The content of each job, in the order given; or the error that its reading ended with, in its place.

        Threads read a few jobs ahead: so many are in memory at most, and the one that was handed out.
        """
        return ahead(self._content, job_ids, workers=_READERS)

    def create(self, job_id: int, shapes: Sequence[NewShape]) -> list[CvatShape]:
        """Create shapes and tags in a job, all or none; they come back with their ids, in the order sent.

        Raises UnknownOutcomeError where the answer was lost: the shapes may be there or still be coming.
        """
        made = self._change(job_id, "create", shapes)
        in_order = sorted(range(len(shapes)), key=lambda place: shapes[place].type == TAG)  # shapes first, as they come
        return [shape for _, shape in sorted(zip(in_order, made, strict=False), key=lambda pair: pair[0])]

    def delete(self, job_id: int, shapes: Sequence[CvatShape]) -> None:
        """Delete shapes and tags from a job; one that is gone already is no error."""
        self._change(job_id, "delete", shapes)

    def _content(self, job_id: int) -> Content | CvatError:
        try:
            meta = self._wire.get(f"/api/jobs/{job_id}/data/meta", Meta)
            return Content(self.read(job_id), meta.deleted_frames)
        except CvatError as error:
            return error

    def _change(self, job_id: int, action: str, shapes: Sequence[NewShape | CvatShape]) -> list[CvatShape]:
        tags = [as_tag(one) for one in shapes if one.type == TAG]
        placed = [one for one in shapes if one.type != TAG]
        body = {"version": 0, "tags": tags, "tracks": [], "shapes": placed}
        path = f"/api/jobs/{job_id}/annotations"
        return self._wire.call("PATCH", path, Annotations, query={"action": action}, body=body).objects
