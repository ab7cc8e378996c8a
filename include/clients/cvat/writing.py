"""How shapes are written into a job so that none is lost or doubled: in parts, and after a loss by what is there.

CVAT makes all shapes of a call or none. A part holds whole frames, so that every shape that is found in a job tells by
its frame which part it came with: a job that nobody touched holds each part not at all, once, or more than once where
its call was repeated. Nothing in this file calls the server.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.clients.cvat.drawn import TAG, Annotations, CvatShape, NewShape

_PART = 5_000  # shapes a call: under a second of the server's time, where a proxy waits for 60 s or less


class PeopleWereThere(Exception):
    """Whether shapes came into a job is unknown, and people may have been in it: one of them decides."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of the shapes that were to be written: ids by their place in the plan, and twins too many."""

    ids: dict[int, int] = field(default_factory=dict)
    twins: list[CvatShape] = field(default_factory=list)


def parts_of(planned: Sequence[NewShape], most: int = _PART) -> list[range]:
    """Shapes in the order of frames, cut into calls of whole frames, by their places in the plan.

    A part has so many shapes at the most, unless one frame alone has more.
    """
    parts: list[range] = []
    start = frame = 0
    for place, shape in enumerate(planned):
        if shape.frame != planned[frame].frame:
            frame = place
        if place - start >= most and frame > start:
            parts.append(range(start, frame))
            start = frame
    return [*parts, range(start, len(planned))] if planned else []


def compare(planned: Sequence[NewShape], parts: Sequence[range], known: Mapping[int, int], drawn: Annotations) -> Found:
    """Find the planned shapes among what is drawn in a job. `known` are the ids that the ledger has, by place.

    Of twins the one that the ledger knows stays, else the oldest. Raises PeopleWereThere where anything is drawn that
    the parts do not explain, or a known shape is not as it was written.
    """
    if drawn.tracks:
        raise PeopleWereThere("were the predictions applied? There are tracks in the job, which are not ours")
    part_of = {planned[place].frame: number for number, part in enumerate(parts) for place in part}
    by_part: dict[int, list[CvatShape]] = defaultdict(list)
    for shape in sorted(drawn.objects, key=lambda shape: abs(shape.id)):  # the oldest first
        by_part[part_of.get(shape.frame, -1)].append(shape)
    if by_part.get(-1):
        raise PeopleWereThere("were the predictions applied? Something is drawn on a frame that was to be left empty")
    found = Found()
    for number, part in enumerate(parts):
        _pair(planned, part, {place: known[place] for place in part if place in known}, by_part[number], found)
    return found


def _pair(
    planned: Sequence[NewShape], part: range, known: Mapping[int, int], drawn: Sequence[CvatShape], found: Found
) -> None:
    """Add to what was found the shapes of one part."""
    times, rest = divmod(len(drawn), len(part))
    looks = {place: look(planned[place]) for place in part}
    if rest or Counter(map(look, drawn)) != Counter({key: times * n for key, n in Counter(looks.values()).items()}):
        raise PeopleWereThere("were the predictions applied? What is drawn in the job is not what was to be")
    by_id = {shape.id: look(shape) for shape in drawn}
    if any(by_id.pop(shape_id, None) != looks[place] for place, shape_id in known.items()):
        raise PeopleWereThere("were all predictions applied? Some that were are gone or changed")
    left: dict[object, deque[CvatShape]] = defaultdict(deque)
    for shape in drawn:
        if shape.id in by_id:
            left[by_id[shape.id]].append(shape)
    if times:
        found.ids.update({place: known[place] if place in known else left[looks[place]].popleft().id for place in part})
        found.twins.extend(shape for shapes in left.values() for shape in shapes)


def look(shape: NewShape | CvatShape) -> object:
    """What makes a shape ours and untouched: place, label, attributes, source and, but for a tag, score, as sent."""
    points = tuple(round(value, 2) for value in shape.points)
    attributes = tuple(sorted((attribute.spec_id, attribute.value) for attribute in shape.attributes))
    place = (shape.frame, shape.type, points, round(shape.rotation, 2), shape.occluded)
    score = None if shape.type == TAG else round(shape.score, 4)
    return place, shape.label_id, attributes, shape.source, score
