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

from include.clients.cvat import Annotations, CvatShape, NewShape
from include.clients.cvat.writing import PeopleWereThere, compare, look, parts_of


def shape(frame: int, left: float = 1.0) -> NewShape:
    return NewShape(frame, 7, "rectangle", (left, 2.0, left + 3.0, 4.0), "auto", 0.5)


# Few lefts, so that a model proposes the same box twice now and then.
plans = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=30).map(
    lambda rows: [shape(frame, left) for frame, left in sorted(rows, key=lambda row: row[0])]
)


@dataclass(slots=True)
class Job:
    """A job in CVAT: all of a call is made or nothing, under new ids; it is read by frames."""

    shapes: list[CvatShape] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=lambda: count(100))

    def create(self, shapes: list[NewShape]) -> list[int]:
        made = [CvatShape(next(self._ids), **msgspec.structs.asdict(one)) for one in shapes]
        self.shapes += made
        return [one.id for one in made]

    def delete(self, shapes: list[CvatShape]) -> None:
        gone = {one.id for one in shapes}
        self.shapes = [one for one in self.shapes if one.id not in gone]

    def read(self) -> Annotations:
        return Annotations(sorted(self.shapes, key=lambda one: one.frame), [], [])


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
    changes = [{"points": (9.0, 9.0, 20.0, 20.0)}, {"label_id": 8}, {"source": "semi-auto"}, {"occluded": True}]
    place = chance.randrange(len(story.job.shapes))
    story.job.shapes[place] = msgspec.structs.replace(story.job.shapes[place], **chance.choice(changes))


def draw_one(story: Story, _chance: random.Random) -> None:
    story.job.create([shape(99)])


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


def test_tags_and_tracks_are_peoples() -> None:
    with pytest.raises(PeopleWereThere, match="tags or tracks"):
        compare([], [], {}, Annotations([], [msgspec.Raw(b"{}")], []))
