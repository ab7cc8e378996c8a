"""Canvas: what CVAT would take without a word, or refuse with all else, is told by job, frame and label."""

import math
from typing import Any

import msgspec
import pytest

from include.clients.cvat import Attribute, Canvas, NewShape, ProjectLabels
from include.clients.cvat.records import AttributeSpec, Frame, LabelRow, Meta

SPECS = [
    AttributeSpec(1, "colour", "red", "select", ("red", "green")),
    AttributeSpec(2, "side", "", "radio", ("left", "right")),
    AttributeSpec(3, "seen", "false", "checkbox"),
    AttributeSpec(4, "wheels", "0", "number", ("0", "10", "2")),
    AttributeSpec(5, "share", "0", "number", ("0", "1", "0.1")),
    AttributeSpec(6, "text", "?", "text"),
]
LABELS = ProjectLabels(
    [
        LabelRow(10, "car", "rectangle", SPECS),
        LabelRow(11, "any", "any", []),
        LabelRow(12, "road", "polygon", []),
        LabelRow(13, "scene", "tag", SPECS[:1]),
    ]
)
META = Meta([Frame(f"{number}.jpg", 64, 48) for number in range(6)], frozenset({3}))
CANVAS = Canvas(77, 2, 5, META, LABELS)
CAR = NewShape(2, 10, "rectangle", (1.0, 2.0, 30.0, 40.0), "auto", 0.5)


def refusal(**values: Any) -> str | None:
    return CANVAS.refusal(msgspec.structs.replace(CAR, **values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"frame": 4, "score": 0.0},
        {"score": 1.0, "rotation": 359.5},
        {"label_id": 11, "type": "polyline", "points": (0.0, 0.0, 64.0, 48.0)},
        {"label_id": 12, "type": "polygon", "points": (0.0, 0.0, 64.0, 48.0, 0.0, 48.0)},
        {"points": (0.0, 0.0, 64.004, 48.0)},
        {"label_id": 13, "type": "tag", "points": (), "attributes": (Attribute(1, "green"),)},
    ],
)
def test_what_is_right_is_let_through(values: dict[str, Any]) -> None:
    assert refusal(**values) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frame": 1}, "job 77 frame 1 label 'car': the job has the frames 2 to 4"),
        ({"frame": 5}, "job 77 frame 5 label 'car': the job has the frames 2 to 4"),
        ({"frame": 3}, "job 77 frame 3 label 'car': people took the frame out"),
        ({"label_id": 99}, "job 77 frame 2 label 99: the project has no such label"),
        ({"label_id": 12}, "label 'road': a rectangle, and it is a label for a polygon"),
        ({"type": "tag", "points": ()}, "label 'car': a tag, and it is a label for a rectangle"),
        ({"label_id": 13}, "label 'scene': a rectangle, and it is a label for a tag"),
        ({"label_id": 13, "type": "tag", "points": (), "frame": 3}, "label 'scene': people took the frame out"),
        ({"label_id": 11, "type": "cuboid"}, "label 'any': a cuboid: such shapes are not written"),
        ({"points": (1.0, 2.0, 3.0)}, "label 'car': a rectangle of 3 numbers"),
        ({"points": (30.0, 2.0, 1.0, 40.0)}, "a rectangle that is inverted or not inside 64 x 48 pixels"),
        ({"points": (1.0, 2.0, 64.5, 40.0)}, "not inside 64 x 48 pixels: [1.0, 2.0, 64.5, 40.0]"),
        ({"points": (1.0, math.nan, 3.0, 40.0)}, "inverted or not inside"),
        ({"points": (1.0, 2.0, math.inf, 40.0)}, "inverted or not inside"),
        ({"score": 1.01}, "label 'car': the score 1.01 is not in 0..1"),
        ({"score": math.nan}, "the score nan is not in 0..1"),
        ({"rotation": -5.0}, "turned by -5.0 degrees, which is not in 0..360"),
        ({"rotation": math.nan}, "turned by nan degrees"),
        ({"attributes": (Attribute(9, "x"),)}, "label 'car': it has no attribute 9"),
    ],
)
def test_what_is_wrong_is_told(values: dict[str, Any], words: str) -> None:
    assert words in (refusal(**values) or "")


ALLOWED = [(1, "red"), (1, "green"), (2, "left"), (2, ""), (3, "true"), (4, "10"), (4, "2"), (5, "0.3"), (6, "!")]
REFUSED = [
    *((1, "blue", "'blue' is no value of its attribute 'colour' (red, green)"), (2, "up", "'side' (left, right)")),
    *((3, "yes", "'seen' (true or false)"), (4, "3", "'wheels' (minimum, maximum and step: 0, 10, 2)")),
    *((4, "12", "'wheels'"), (4, "-2", "'wheels'"), (4, "nan", "'wheels'"), (4, "two", "'wheels'")),
    (5, "0.35", "'share'"),
]


@pytest.mark.parametrize(("spec", "value"), ALLOWED)
def test_an_attributes_value_is_one_that_people_can_give_or_its_default(spec: int, value: str) -> None:
    assert refusal(attributes=(Attribute(spec, value),)) is None


@pytest.mark.parametrize(("spec", "value", "words"), REFUSED)
def test_an_attributes_value_that_people_cannot_give_is_refused(spec: int, value: str, words: str) -> None:
    assert words in (refusal(attributes=(Attribute(spec, value),)) or "")
