"""Writing in parts: whatever came through of it, completing it leaves each planned shape exactly once."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from include.clients.cvat import Annotations, Attribute, CvatShape, NewShape
from include.clients.cvat.drawn import CvatTag
from include.clients.cvat.writing import PeopleWereThere, compare, look, parts_of


def shape(frame: int, left: float = 1.0) -> NewShape:
    return NewShape(frame, 7, "rectangle", (left, 2.0, left + 3.0, 4.0), "auto", 0.5)


def tag(frame: int, left: float = 1.0) -> NewShape:
    """CVAT keeps no score of it."""
    return NewShape(frame, 9, "tag", (), "auto", 0.7, attributes=(Attribute(1, str(left)),))


# Few lefts, so that a model proposes the same box, or says the same of a frame, twice now and then.
rows = st.tuples(st.integers(0, 9), st.sampled_from([shape, shape, tag]), st.integers(0, 2))
plans = st.lists(rows, max_size=30).map(
    lambda found: [kind(frame, left) for frame, kind, left in sorted(found, key=lambda row: row[0])]
)


def drawn(id_: int, one: NewShape) -> CvatShape:
    made = CvatShape(id_, **msgspec.structs.asdict(one))
    return msgspec.structs.replace(made, score=1.0) if one.type == "tag" else made


@dataclass(slots=True)
class Job:
    """A job in CVAT: all of a call is made or nothing, under new ids, which tags have of their own; it is read by
    frames."""

    shapes: list[CvatShape] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=lambda: count(100))
    _tag_ids: "count[int]" = field(default_factory=lambda: count(-100, -1))

    def create(self, shapes: list[NewShape]) -> list[int]:
        made = [drawn(next(self._tag_ids if one.type == "tag" else self._ids), one) for one in shapes]
        self.shapes += made
        return [one.id for one in made]

    def delete(self, shapes: list[CvatShape]) -> None:
        gone = {one.id for one in shapes}
        self.shapes = [one for one in self.shapes if one.id not in gone]

    def read(self) -> Annotations:
        there = sorted(self.shapes, key=lambda one: one.frame)
        tags = [
            CvatTag(-one.id, one.frame, one.label_id, one.source, one.attributes) for one in there if not one.points
        ]
        return Annotations([one for one in there if one.points], tags, [])


@dataclass(slots=True)
class Story:
    """What was planned, what came of it until the process died, and what the ledger knows of that."""

    planned: list[NewShape]
    parts: list[range]
    job: Job
    known: dict[int, int]

    def complete(self) -> None:
        """As the step does it."""
        found = compare(self.planned, self.parts, self.known, self.job.read())
        self.known |= found.ids
        self.job.delete(found.twins)
        for part in self.parts:
            if part.start not in found.ids:
                self.known |= dict(zip(part, self.job.create(self.planned[part.start : part.stop]), strict=True))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    planned = draw(plans)
    parts = parts_of(planned, draw(st.integers(1, 8)))
    arrivals = draw(st.lists(st.sampled_from(range(len(parts))), max_size=6)) if parts else []
    job, known = Job(), dict[int, int]()
    for number in arrivals:
        part = parts[number]
        ids = dict(zip(part, job.create(planned[part.start : part.stop]), strict=True))
        if draw(st.booleans()):  # its outcome was recorded, unless one already was
            known = ids | known
    draw(st.randoms()).shuffle(job.shapes)
    return Story(planned, parts, job, known)


@given(stories())
def test_whatever_came_through_each_planned_shape_is_there_once_in_the_end(story: Story) -> None:
    recorded = dict(story.known)
    story.complete()
    assert Counter(map(look, story.job.shapes)) == Counter(map(look, story.planned))
    by_id = {one.id: look(one) for one in story.job.shapes}
    assert {place: by_id[id_] for place, id_ in story.known.items()} == dict(enumerate(map(look, story.planned)))
    assert recorded.items() <= story.known.items()
    before = list(story.job.shapes)
    story.complete()
    assert story.job.shapes == before


def delete_one(story: Story, chance: random.Random) -> None:
    """One of a part of several: that a part of one shape never came could be true as well."""
    frames = {story.planned[place].frame for part in story.parts if len(part) > 1 for place in part}
    candidates = [one for one in story.job.shapes if one.frame in frames]
    assume(candidates)
    story.job.shapes.remove(chance.choice(candidates))


def delete_a_known_part(story: Story, chance: random.Random) -> None:
    known = [part for part in story.parts if part.start in story.known]
    assume(known)
    frames = {story.planned[place].frame for place in chance.choice(known)}
    story.job.shapes = [one for one in story.job.shapes if one.frame not in frames]


def change_one(story: Story, chance: random.Random) -> None:
    assume(story.job.shapes)
    changes: list[dict[str, object]] = [{"label_id": 8}, {"source": "semi-auto"}, {"attributes": (Attribute(1, "9"),)}]
    place = chance.randrange(len(story.job.shapes))
    if story.job.shapes[place].points:
        changes += [{"points": (9.0, 9.0, 20.0, 20.0)}, {"occluded": True}]
    story.job.shapes[place] = msgspec.structs.replace(story.job.shapes[place], **chance.choice(changes))


def draw_one(story: Story, chance: random.Random) -> None:
    story.job.create([chance.choice([shape, tag])(99)])


@pytest.mark.parametrize("meddle", [delete_one, delete_a_known_part, change_one, draw_one])
@given(story=stories(), chance=st.randoms())
def test_what_people_changed_is_asked_about_and_nothing_is_touched(
    meddle: Callable[[Story, random.Random], None], story: Story, chance: random.Random
) -> None:
    meddle(story, chance)
    left = list(story.job.shapes)
    with pytest.raises(PeopleWereThere, match=r"applied\?"):
        story.complete()
    assert story.job.shapes == left


@given(plans, st.integers(1, 8))
def test_parts_are_whole_frames_in_order_and_no_larger_than_they_must_be(planned: list[NewShape], most: int) -> None:
    parts = parts_of(planned, most)
    assert [place for part in parts for place in part] == list(range(len(planned)))
    frames = [{planned[place].frame for place in part} for part in parts]
    assert sum(len(found) for found in frames) == len(set().union(*frames))
    assert all(len(part) <= most or len(found) == 1 for part, found in zip(parts, frames, strict=True))
    assert all(
        len(part) + sum(planned[place].frame == planned[after.start].frame for place in after) > most
        for part, after in pairwise(parts)
    )


def test_tracks_are_peoples() -> None:
    with pytest.raises(PeopleWereThere, match="tracks"):
        compare([], [], {}, Annotations([], [], [msgspec.Raw(b"{}")]))
