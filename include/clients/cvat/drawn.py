"""What is drawn in CVAT and is to be drawn there: shapes, and tags as shapes that are nowhere.

Records that come by the hundred thousand are not tracked by the garbage collector (`gc=False`): they refer to nothing
that could refer back to them, and it would look at each of them again and again.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

TAG = "tag"  # the type of what is said of a whole frame


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """An attribute's value, by the id of its specification."""

    spec_id: int
    value: str


class NewShape(msgspec.Struct, frozen=True, gc=False):
    """A shape or tag to be created. Points are in pixels; the frame is the task's. Of a tag CVAT keeps no score."""

    frame: int
    label_id: int
    type: str
    points: tuple[float, ...]
    source: str
    score: float
    rotation: float = 0.0
    occluded: bool = False
    attributes: tuple[Attribute, ...] = ()


class CvatShape(msgspec.Struct, frozen=True, gc=False):
    """A shape or tag as CVAT holds it. CVAT numbers tags apart from shapes: here a tag's id is its negative, so that
    no two objects of a job have one id."""

    id: int
    frame: int
    label_id: int
    type: str
    points: tuple[float, ...]
    source: str
    score: float = 1.0
    rotation: float = 0.0
    occluded: bool = False
    attributes: tuple[Attribute, ...] = ()


class CvatTag(msgspec.Struct, frozen=True, gc=False):
    """A tag as CVAT sends it, under its own id."""

    id: int
    frame: int
    label_id: int
    source: str
    attributes: tuple[Attribute, ...] = ()


class Annotations(msgspec.Struct, frozen=True):
    """A job's annotations; tracks are kept as they came."""

    shapes: list[CvatShape]
    tags: list[CvatTag]
    tracks: list[msgspec.Raw]

    @property
    def objects(self) -> list[CvatShape]:
        """The shapes, then the tags."""
        return [*self.shapes, *map(_as_shape, self.tags)]


def as_tag(drawn: NewShape | CvatShape) -> Mapping[str, Any]:
    """A tag in CVAT's form, with its own id if it has one."""
    fields = {"frame": drawn.frame, "label_id": drawn.label_id, "source": drawn.source, "attributes": drawn.attributes}
    return {"id": -drawn.id, **fields} if isinstance(drawn, CvatShape) else fields


def _as_shape(tag: CvatTag) -> CvatShape:
    return CvatShape(-tag.id, tag.frame, tag.label_id, TAG, (), tag.source, attributes=tag.attributes)
