from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.clients.tables import predictions_from, predictions_table, revision_from, revision_table
from include.lifecycle.predictions import ImagePredictions, Prediction
from include.lifecycle.reviews import Acceptance, Annotation, Revision
from include.lifecycle.shapes import Shape, ShapeType

names = st.text(max_size=5)
LONG = tuple(float(number) for number in range(5000))  # run lengths of a mask with a ragged edge
floats = st.floats(allow_nan=False, allow_infinity=False)
shapes = st.builds(
    Shape,
    label=names,
    type=st.sampled_from(ShapeType),
    points=st.lists(floats, max_size=6).map(tuple) | st.just(LONG),
    rotation=floats,
    occluded=st.booleans(),
    attributes=st.lists(st.tuples(names, names), max_size=3).map(tuple),
)


@st.composite
def image_predictions(draw: st.DrawFn) -> ImagePredictions:
    image_id, annotator = draw(names), draw(names)
    one = st.builds(Prediction, names, st.just(image_id), st.just(annotator), shapes, floats)
    return ImagePredictions(image_id, annotator, tuple(draw(st.lists(one, max_size=3))))


revisions = st.builds(
    Revision,
    id=names,
    batch_id=names,
    job_index=st.integers(0, 10_000),
    image_ids=st.lists(names, max_size=4).map(tuple),
    annotations=st.lists(
        st.builds(Annotation, image_id=names, shape=shapes, source=names, shape_id=st.integers(-(2**31), 2**62)),
        max_size=4,
    ).map(tuple),
    accepted=st.sampled_from(Acceptance),
    probability=st.floats(0, 1),
    finished_by=names,
    finished_at=names,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(image_predictions(), max_size=4))
def test_predictions_survive(predictions: list[ImagePredictions]) -> None:
    assert predictions_from(predictions_table(predictions)) == predictions


@settings(max_examples=50, deadline=None)
@given(revisions)
def test_a_revision_survives(revision: Revision) -> None:
    assert revision_from(revision_table(revision)) == revision


def test_images_without_objects_survive() -> None:
    empty = [ImagePredictions("a", "x@1", ()), ImagePredictions("b", "x@1", ())]
    assert predictions_from(predictions_table(empty)) == empty
    revision = Revision("r", "b", 0, ("a", "b"), (), Acceptance.PERSON, 1.0, "ann", "2026-01-01T00:00:00Z")
    assert revision_from(revision_table(revision)) == revision


def test_a_prediction_of_another_image_is_refused() -> None:
    box = Shape("word", ShapeType.RECTANGLE, (0.0, 0.0, 1.0, 1.0))
    stray = Prediction("p", "other", "x@1", box, 0.5)
    with pytest.raises(ValueError, match="prediction p is of image other by x@1, but stands among those of image a"):
        predictions_table([ImagePredictions("a", "x@1", (stray,))])


def test_one_table_is_not_taken_for_another() -> None:
    revision = Revision("r", "b", 0, ("a",), (), Acceptance.AUDIT, 0.1, "ann", "2026-01-01T00:00:00Z")
    with pytest.raises(ValueError, match="the table does not hold predictions: its columns are image_id, label"):
        predictions_from(revision_table(revision))
    with pytest.raises(ValueError, match="the table does not hold a revision: its columns are none"):
        revision_from(pa.table({}))
    with pytest.raises(ValueError, match="no `revision` in its metadata"):
        revision_from(revision_table(replace(revision)).replace_schema_metadata(None))


def test_a_number_that_is_not_finite_is_refused() -> None:
    shape = Shape(label="car", type=ShapeType.RECTANGLE, points=(0, 0, float("inf"), 1))
    answer = ImagePredictions("a", "m@1", (Prediction("p", "a", "m@1", shape, 0.5),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        predictions_table([answer])
