"""What brings a job from the shapes of an older version to those of a newer one, and undoes nothing of people's.

Untouched is what looks as it was written: place, label, attributes, source and score. Where a person decided (deleted
what was written, changed it, or drew), that place stays as it was left: whatever is the same object there, of the newer
version or the older, is neither added nor taken out. A tag's place is its frame. Nothing in this file calls the server.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from include.clients.cvat.drawn import TAG, CvatShape, NewShape
from include.clients.cvat.writing import look
from include.lifecycle.boxes import Box
from include.lifecycle.extents import extent, overlap
from include.lifecycle.shapes import Shape, ShapeType

_CARRIED = frozenset(ShapeType)  # people may draw others: skeletons, cuboids
_WHOLE = (0.0, 0.0, 1.0, 1.0)  # where tags are, among themselves
_SAME = 0.5  # intersection over union from which on two shapes of a label are the same object

Drawn = NewShape | CvatShape


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be done in a job; `add` and the keys of `keep` are places in the plan. What is in neither is held
    back, for a person has decided about that object."""

    add: list[int] = field(default_factory=list)
    remove: list[CvatShape] = field(default_factory=list)
    keep: dict[int, int] = field(default_factory=dict)  # by place, the shape's id: it is there as planned already


def difference(planned: Sequence[NewShape], written: Mapping[int, NewShape], drawn: Sequence[CvatShape]) -> Difference:
    """The way from what is drawn in a job to what is planned. `written` is all that was ever written into it and not
    taken out again, by CVAT's ids, as it was written."""
    untouched = [one for one in drawn if one.id in written and look(one) == look(written[one.id])]
    keep = _as_planned(planned, untouched)
    left = set(keep.values())
    ours = [one for one in untouched if one.id not in left]
    places = [place for place in range(len(planned)) if place not in keep]
    held, staying = _decided(planned, places, ours, _by_people(written, drawn, untouched))
    add = [place for place in places if place not in held]
    return Difference(add, [one for one in ours if one.id not in staying], keep)


def _as_planned(planned: Sequence[NewShape], untouched: Sequence[CvatShape]) -> dict[int, int]:
    """The ids of those that look as planned, each once, by place."""
    by_look: dict[object, deque[int]] = defaultdict(deque)
    for one in sorted(untouched, key=lambda one: abs(one.id)):
        by_look[look(one)].append(one.id)
    return {place: by_look[key].popleft() for place, key in enumerate(map(look, planned)) if by_look[key]}


def _by_people(
    written: Mapping[int, NewShape], drawn: Sequence[CvatShape], untouched: Sequence[CvatShape]
) -> list[Drawn]:
    """What people decided about: what they deleted or changed, as it was written; and all that they left or drew."""
    same = {one.id for one in untouched}
    return [*(one for id_, one in written.items() if id_ not in same), *(one for one in drawn if one.id not in same)]


def _decided(
    planned: Sequence[NewShape], places: Iterable[int], ours: Sequence[CvatShape], decided: Sequence[Drawn]
) -> tuple[set[int], set[int]]:
    """The places, and the ids of ours, that are the same object as what people decided about, one through another."""
    theirs, mine = _Index(list(enumerate(decided))), _Index([(one.id, one) for one in ours])
    open_, held, staying = set(places), set[int](), set[int]()
    reached = {place for place in open_ if theirs.same(planned[place])}
    while reached:
        held |= reached
        beside = {id_ for place in reached for id_ in mine.same(planned[place])} - staying
        staying |= beside
        near = _Index([(one.id, one) for one in ours if one.id in beside])
        reached = {place for place in open_ - held if near.same(planned[place])}
    return held, staying


class _Index:
    """Shapes and tags by number, found by frame and label."""

    def __init__(self, shapes: Iterable[tuple[int, Drawn]]) -> None:
        self._found: dict[tuple[int, int, bool], list[tuple[int, Box]]] = defaultdict(list)
        for number, shape in shapes:
            if shape.type in _CARRIED:
                self._found[_key(shape)].append((number, _box(shape)))

    def same(self, shape: NewShape) -> list[int]:
        """The numbers of those that are the same object as a shape."""
        near = self._found.get(_key(shape))
        if not near:
            return []
        box = _box(shape)
        return [number for number, other in near if box == other or overlap(box, other) >= _SAME]


def _key(shape: Drawn) -> tuple[int, int, bool]:
    return shape.frame, shape.label_id, shape.type == TAG


def _box(shape: Drawn) -> Box:
    if shape.type == TAG:
        return _WHOLE
    return extent(Shape(str(shape.label_id), ShapeType(shape.type), shape.points, shape.rotation))
