"""From an older version's shapes to a newer one's: nothing that people did is undone, and each object is there once."""

from collections import Counter
from dataclasses import dataclass
from itertools import count

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from include.clients.cvat import Attribute, CvatShape, NewShape
from include.clients.cvat.difference import Difference, difference
from include.clients.cvat.writing import look

DOT, OTHER = 7, 8


def box(left: float, frame: int = 0, label: int = DOT, score: float = 0.5) -> NewShape:
    """A square of 10 px. Two of them have an IoU of 0.5 or more up to 3.33 px from one another."""
    return NewShape(frame, label, "rectangle", (left, 0.0, left + 10.0, 10.0), "auto", score)


def drawn(id_: int, shape: NewShape, **changes: object) -> CvatShape:
    return msgspec.structs.replace(CvatShape(id_, **msgspec.structs.asdict(shape)), **changes)


# By hand


def test_what_was_never_written_is_added() -> None:
    assert difference([box(0), box(50)], {}, []) == Difference(add=[0, 1])


def test_what_nobody_touched_is_replaced_and_what_is_the_same_stays() -> None:
    old = {1: box(0), 2: box(50), 3: box(90)}
    there = [drawn(id_, shape) for id_, shape in old.items()]
    found = difference([box(1), box(50)], old, there)
    assert (found.add, [one.id for one in found.remove], found.keep) == ([0], [1, 3], {1: 2})


def test_another_score_is_another_shape() -> None:
    found = difference([box(0, score=0.9)], {1: box(0)}, [drawn(1, box(0))])
    assert (found.add, [one.id for one in found.remove]) == ([0], [1])


def test_what_a_person_deleted_is_not_added_again_unless_it_is_another_object() -> None:
    written = {1: box(0)}
    for left, added in ((0, []), (3, []), (4, [0])):
        assert difference([box(left)], written, []).add == added
    assert difference([box(0, label=OTHER)], written, []).add == [0]
    assert difference([box(0, frame=1)], written, []).add == [0]


def test_what_a_person_moved_stays_and_the_newer_versions_is_not_put_beside_it_or_where_it_was() -> None:
    moved = drawn(1, box(100), source="semi-auto")
    found = difference([box(0), box(101), box(200)], {1: box(0)}, [moved])
    assert found == Difference(add=[2])


def test_what_a_person_called_otherwise_is_not_called_back() -> None:
    found = difference([box(0), box(0, label=OTHER)], {1: box(0)}, [drawn(1, box(0), label_id=OTHER)])
    assert found == Difference()


def test_what_a_person_drew_stays_and_is_not_drawn_again() -> None:
    by_hand = drawn(9, box(0), source="manual", score=1.0)
    assert difference([box(2), box(50)], {}, [by_hand]) == Difference(add=[1])


def test_where_a_person_took_one_of_two_out_the_other_stays() -> None:
    """The newer version's only shape is the same object as both."""
    written = {1: box(0), 2: box(3)}
    assert difference([box(1)], written, [drawn(1, box(0))]) == Difference()


def test_other_types_are_compared_by_the_boxes_around_them() -> None:
    polygon = NewShape(0, DOT, "polygon", (0, 0, 10, 0, 10, 10, 0, 10), "auto", 0.5)
    mask = NewShape(0, DOT, "mask", (0.0, 100.0, 0, 0, 9, 9), "auto", 0.5)
    point, near, far = (NewShape(0, OTHER, "points", (x, 50.0), "auto", 0.5) for x in (50.0, 52.0, 60.0))
    assert difference([mask, near, far], {1: polygon, 2: point}, []).add == [2]


def tag(text: str, frame: int = 0, score: float = 0.5) -> NewShape:
    return NewShape(frame, OTHER, "tag", (), "auto", score, attributes=(Attribute(1, text),))


def test_a_tag_is_the_same_object_as_any_other_of_its_label_on_the_frame() -> None:
    """A caption that a person deleted or wrote anew is not written again, however the newer version words it."""
    written = {-1: tag("a road")}
    anew = drawn(-1, tag("a motorway"), source="semi-auto")
    assert difference([tag("a street"), tag("a street", frame=1)], written, []) == Difference(add=[1])
    assert difference([tag("a street")], written, [anew]) == Difference()


def test_a_tag_that_nobody_touched_is_replaced_and_another_score_is_no_other_tag() -> None:
    there = drawn(-1, tag("a road"), score=1.0)  # CVAT keeps none
    found = difference([tag("a street")], {-1: tag("a road")}, [there])
    assert (found.add, found.remove) == ([0], [there])
    assert difference([tag("a road", score=0.9)], {-1: tag("a road")}, [there]) == Difference(keep={0: -1})


def test_a_tag_and_a_shape_of_one_label_are_two_objects() -> None:
    dot = msgspec.structs.replace(box(0), label_id=OTHER)
    assert difference([dot], {-1: tag("a road")}, []) == Difference(add=[0])


def test_shapes_that_only_people_draw_are_left_alone() -> None:
    cuboid = drawn(9, NewShape(0, DOT, "cuboid", tuple(map(float, range(16))), "manual", 1.0))
    assert difference([box(0)], {}, [cuboid]) == Difference(add=[0])


# Whatever people did

lefts = st.integers(0, 12).map(lambda step: step * 2.0)
tags = st.builds(tag, st.sampled_from("abc"), st.integers(0, 1), st.sampled_from([0.25, 0.5]))
boxes = tags | st.builds(box, lefts, st.integers(0, 1), st.sampled_from([DOT, OTHER]), st.sampled_from([0.25, 0.5]))


@dataclass(slots=True)
class Story:
    """A job: what was written into it, what is drawn in it after people were there, and what is planned now."""

    written: dict[int, NewShape]
    drawn: list[CvatShape]
    planned: list[NewShape]

    @property
    def untouched(self) -> list[CvatShape]:
        return [one for one in self.drawn if one.id in self.written and look(one) == look(self.written[one.id])]

    @property
    def decided(self) -> list[NewShape | CvatShape]:
        """All that people deleted, changed or drew, before and after."""
        same = {one.id for one in self.untouched}
        return [
            *(s for id_, s in self.written.items() if id_ not in same),
            *(s for s in self.drawn if s.id not in same),
        ]

    def do(self, found: Difference) -> None:
        """As the step does it."""
        gone = {one.id for one in found.remove}
        ids = count(1000)
        made = [drawn(next(ids), self.planned[place]) for place in found.add]
        self.written = {id_: shape for id_, shape in self.written.items() if id_ not in gone}
        self.written |= {one.id: self.planned[place] for one, place in zip(made, found.add, strict=True)}
        self.drawn = [one for one in self.drawn if one.id not in gone] + made


@st.composite
def stories(draw: st.DrawFn) -> Story:
    written = dict(enumerate(draw(st.lists(boxes, max_size=8)), 1))
    left: list[CvatShape] = []
    for id_, shape in written.items():
        match draw(st.sampled_from(["leave", "leave", "delete", "move", "call otherwise"])):
            case "leave":
                left.append(drawn(id_, shape))
            case "move" if shape.type == "tag":
                left.append(drawn(id_, shape, attributes=(Attribute(1, "by hand"),), source="semi-auto"))
            case "move":
                to = draw(lefts)
                left.append(drawn(id_, shape, points=(to, 1.0, to + 10.0, 11.0), source="semi-auto"))
            case "call otherwise":
                left.append(drawn(id_, shape, label_id=DOT + OTHER - shape.label_id, source="semi-auto"))
    by_hand = draw(st.lists(boxes, max_size=3))
    left += [drawn(100 + n, shape, source="manual", score=1.0) for n, shape in enumerate(by_hand)]
    return Story(written, left, draw(st.lists(boxes, max_size=8)))


def iou(a: NewShape | CvatShape, b: NewShape | CvatShape) -> float:
    """Of two squares or boxes, for those of one frame and label; 1 for two such tags."""
    if (a.frame, a.label_id, a.type) != (b.frame, b.label_id, b.type):
        return 0.0
    if a.type == "tag":
        return 1.0
    width = min(a.points[2], b.points[2]) - max(a.points[0], b.points[0])
    height = min(a.points[3], b.points[3]) - max(a.points[1], b.points[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (200 - common)


@given(stories())
def test_nothing_that_people_left_drew_or_deleted_is_undone(story: Story) -> None:
    found = difference(story.planned, story.written, story.drawn)
    untouched = {one.id for one in story.untouched}
    assert {one.id for one in found.remove} <= untouched
    assert all(iou(story.planned[place], one) < 0.5 for place in found.add for one in story.decided)


@given(stories())
def test_a_planned_shape_is_there_once_or_a_person_has_decided_near_it(story: Story) -> None:
    decided = story.decided
    before = {one.id for one in story.drawn}
    found = difference(story.planned, story.written, story.drawn)
    assert not set(found.add) & set(found.keep)
    assert len(set(found.keep.values())) == len(found.keep)
    if not decided:
        story.do(found)
        assert Counter(map(look, story.drawn)) == Counter(map(look, story.planned))
    for place in set(range(len(story.planned))) - set(found.add) - set(found.keep):
        near = [*decided, *(one for one in story.untouched if one.id not in {gone.id for gone in found.remove})]
        assert any(iou(story.planned[place], one) >= 0.5 for one in near)
    assert before >= {one.id for one in found.remove}


@given(stories())
def test_what_is_taken_out_is_no_object_that_is_held_back(story: Story) -> None:
    found = difference(story.planned, story.written, story.drawn)
    held = set(range(len(story.planned))) - set(found.add) - set(found.keep)
    assert all(iou(story.planned[place], one) < 0.5 for place in held for one in found.remove)
    stays = {one.id for one in story.untouched} - {one.id for one in found.remove} - set(found.keep.values())
    ours = [one for one in story.untouched if one.id in stays]
    assert all(iou(story.planned[place], one) < 0.5 for place in found.add for one in ours)


@given(stories())
def test_once_it_is_done_nothing_is_left_to_do(story: Story) -> None:
    story.do(difference(story.planned, story.written, story.drawn))
    again = difference(story.planned, story.written, story.drawn)
    assert (again.add, again.remove) == ([], [])


@given(stories())
def test_the_version_that_was_written_changes_nothing(story: Story) -> None:
    again = difference(list(story.written.values()), story.written, story.drawn)
    assert (again.add, again.remove) == ([], [])
