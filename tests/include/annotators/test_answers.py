from typing import Any

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import numpy as np
import pytest
from cvat_sdk.masks import encode_mask
from hypothesis import given
from hypothesis import strategies as st

from include.annotators.answers import Answers, BadAnswer
from include.lifecycle.images import Header, Image
from include.lifecycle.predictions import prediction_id
from include.lifecycle.shapes import Shape, ShapeType

SPEC = cvataa.DetectionFunctionSpec(
    labels=[
        cvataa.label_spec("car", 7),
        cvataa.label_spec(
            "bus",
            3,
            attributes=[
                cvataa.text_attribute_spec("plate", 0),
                cvataa.select_attribute_spec("colour", 1, ["red", "blue"]),
            ],
        ),
    ]
)
IMAGE = Image("i" * 16, "s3://b/a.jpg", "0" * 32, 9, Header("JPEG", 100, 50, 1, "RGB"))


def read(*answer: Any) -> list[tuple[Shape, float]]:
    found = Answers(SPEC).predictions(answer, IMAGE, "x@1")
    assert (found.image_id, found.annotator) == (IMAGE.id, "x@1")
    return [(prediction.shape, prediction.score) for prediction in found.objects]


def test_a_rectangle_keeps_label_score_and_attributes() -> None:
    attributes = [
        models.AttributeValRequest(spec_id=0, value="B-LC 1"),
        models.AttributeValRequest(spec_id=1, value="red"),
    ]
    (found,) = read(cvataa.rectangle(3, [1.004, 2.006, 99.999, 50], score=0.25, attributes=attributes))
    shape = Shape(
        "bus", ShapeType.RECTANGLE, (1.0, 2.01, 100.0, 50.0), attributes=(("colour", "red"), ("plate", "B-LC 1"))
    )
    assert found == (shape, 0.25)


def test_no_score_is_one_as_in_cvat() -> None:
    assert read(cvataa.rectangle(7, [0, 0, 1, 1]))[0][1] == 1.0


def test_each_type_of_shape_is_carried() -> None:
    mask = np.zeros((50, 100), bool)
    mask[10:12, 20:23] = True
    found = read(
        cvataa.tag(7),
        cvataa.polygon(7, [0, 0, 10, 0, 10, 10]),
        cvataa.shape(7, type="polyline", points=[0, 0, 100, 50]),
        cvataa.shape(7, type="points", points=[5, 5]),
        cvataa.shape(7, type="ellipse", points=[50, 25, 60, 20]),
        cvataa.mask(7, encode_mask(mask)),
        cvataa.rectangle(7, [-20, 20, 60, 30], rotation=90),
    )
    # the mask: no pixel off, six on, then left, top, right, bottom (CVAT's run lengths)
    points = {shape.type: shape.points for shape, _ in found}
    assert points[ShapeType.MASK] == (0, 6, 20, 10, 22, 11)
    assert points[ShapeType.TAG] == ()
    assert set(points) == set(ShapeType)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (cvataa.rectangle(1, [0, 0, 1, 1]), "label id 1 is not in the function's spec"),
        (cvataa.rectangle(7, [0, 0, 101, 1]), r"a rectangle .* not inside 100 x 50 pixels: \[0.0, 0.0, 101.0, 1.0\]"),
        (cvataa.rectangle(7, [-1, 0, 1, 1]), "not inside"),
        (cvataa.rectangle(7, [0, 0, 1, 51]), "not inside"),
        (cvataa.rectangle(7, [9, 0, 1, 1]), "inverted"),
        (cvataa.rectangle(7, [1, 1, 1.001, 2]), "inverted"),  # no width is left when it is rounded
        (cvataa.rectangle(7, [0, 0, float("nan"), 1]), "inverted or not inside"),
        (cvataa.rectangle(7, [0, 0, 300, 10], rotation=5), "not inside"),
        (cvataa.rectangle(7, [0, 0, 10, 10], rotation=float("nan")), "turned by nan degrees"),
        (cvataa.rectangle(7, [0, 0, 1, 1], score=float("nan")), "the score nan of a car is not in 0..1"),
        (cvataa.rectangle(7, [0, 0, 1]), "a rectangle of 3 numbers"),
        (cvataa.rectangle(7, [0, 0, 1, 1, 2, 2]), "a rectangle of 6 numbers"),
        (cvataa.polygon(7, [0, 0, 1, 1]), "a polygon of 4 numbers"),
        (cvataa.polygon(7, [0, 0, 1, 1, 1, 2, 3]), "a polygon of 7 numbers"),
        (cvataa.shape(7, type="ellipse", points=[50, 25, 110, 20]), "not inside"),
        (cvataa.mask(7, [0, 5, 20, 10, 22, 11]), "a mask that"),  # five pixels in a box of six
        (cvataa.mask(7, [0, 6, 98, 10, 100, 11]), "a mask that"),  # the last column is 99
        (cvataa.skeleton(7, []), "a skeleton: such shapes are not carried"),
        (
            cvataa.rectangle(7, [0, 0, 1, 1], attributes=[models.AttributeValRequest(spec_id=0, value="a")]),
            "attribute id 0 of a car is unknown or given twice",
        ),
        (
            cvataa.rectangle(3, [0, 0, 1, 1], attributes=[models.AttributeValRequest(spec_id=1, value="pink")]),
            "'pink' is no value of attribute 'colour' of a bus",
        ),
    ],
)
def test_a_bad_answer_is_told_what_is_wrong(answer: Any, what: str) -> None:
    with pytest.raises(BadAnswer, match=what):
        read(answer)


boxes = st.tuples(st.sampled_from([3, 7]), st.integers(0, 40), st.integers(0, 40), st.floats(0, 1))


@given(st.lists(boxes, max_size=6), st.randoms())
def test_ids_and_order_do_not_hang_on_the_models_order(rows: list[tuple[int, int, int, float]], random: Any) -> None:
    def predictions() -> Any:
        answer = [cvataa.rectangle(label, [x, y, x + 9, y + 9], score=score) for label, x, y, score in rows]
        return Answers(SPEC).predictions(answer, IMAGE, "x@1")

    first = predictions()
    random.shuffle(rows)
    assert predictions() == first
    assert [found.id for found in first.objects] == [prediction_id(IMAGE.id, "x@1", n) for n in range(len(rows))]
    keys = [(found.shape.label, found.shape.points, found.score) for found in first.objects]
    assert keys == sorted(keys)
