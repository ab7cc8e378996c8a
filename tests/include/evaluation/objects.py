"""What the tests of evaluation are made of: small ways to say an image, and how Hypothesis draws one."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hypothesis import strategies as st

from include.evaluation.detection import Figures, detection_figures
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.evaluation.tally import tally_of
from include.lifecycle.predictions import Prediction
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.shapes import Shape, ShapeType

ANNOTATOR = "detector@1"
DEFAULT = EvaluationSettings()
LABELS = ("word", "number", "sign")


def box(x1: float, y1: float, x2: float, y2: float, label: str = "word") -> Shape:
    return Shape(label, ShapeType.RECTANGLE, (x1, y1, x2, y2))


def reviewed(
    predicted: Sequence[tuple[Shape, float]],
    final: Sequence[tuple[Shape, int]],
    *,
    image_id: str = "a",
    applied: Mapping[int, int] | None = None,
    weight: float = 1.0,
    accepted: Acceptance = Acceptance.PERSON,
    size: tuple[int, int] = (100, 100),
    finished_at: datetime | None = None,
    finished_by: str = "",
) -> ReviewedImage:
    """Predictions are (shape, score), their ids p0, p1, …; final annotations are (shape, CVAT shape id); applied is the
    shape id of the i-th prediction, by i."""
    predictions = (
        Prediction(f"p{index}", image_id, ANNOTATOR, shape, score) for index, (shape, score) in enumerate(predicted)
    )
    return ReviewedImage(
        image_id=image_id,
        predictions=tuple(predictions),
        annotations=tuple(Annotation(image_id, shape, "manual", shape_id) for shape, shape_id in final),
        applied={f"p{index}": shape_id for index, shape_id in (applied or {}).items()},
        weight=weight,
        accepted=accepted,
        size=size,
        finished_at=finished_at,
        finished_by=finished_by,
    )


def figures_of(images: Sequence[ReviewedImage], settings: EvaluationSettings = DEFAULT) -> Figures:
    """Their figures, without intervals."""
    return detection_figures(tally_of(images, settings), seed=None)


@st.composite
def shapes(draw: st.DrawFn, labels: Sequence[str] = LABELS) -> Shape:
    """Boxes on a small grid, so that they overlap often and IoUs are exact ratios."""
    x, y = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    width, height = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    return box(x, y, x + width, y + height, draw(st.sampled_from(labels)))


@st.composite
def images(draw: st.DrawFn, image_id: str = "a", labels: Sequence[str] = LABELS) -> ReviewedImage:
    scores = st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])
    predicted = draw(st.lists(st.tuples(shapes(labels), scores), max_size=5))
    final = draw(st.lists(shapes(labels), max_size=5))
    shown = {index: index for index in range(len(predicted)) if draw(st.booleans())}
    weight = draw(st.sampled_from([1.0, 2.0, 10.0]))
    return reviewed(
        predicted,
        [(shape, number) for number, shape in enumerate(final)],
        image_id=image_id,
        applied=shown,
        weight=weight,
        accepted=Acceptance.PERSON if weight == 1 else Acceptance.AUDIT,
    )


def datasets(labels: Sequence[str] = LABELS) -> st.SearchStrategy[list[ReviewedImage]]:
    """A few images of different ids."""
    return st.integers(0, 3).flatmap(lambda n: st.tuples(*(images(f"image{i}", labels) for i in range(n))).map(list))
