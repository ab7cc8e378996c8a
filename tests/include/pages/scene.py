"""A snapshot to show, made by the real evaluation of synthetic reviews of the demo's photographs."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from include.evaluation.agreement import Agreement
from include.evaluation.calibrating import calibrate
from include.evaluation.calibration import Calibration
from include.evaluation.evaluation import Evaluation, evaluate
from include.evaluation.gates import Baseline, Standing, judge
from include.evaluation.judged import Judged
from include.evaluation.lint import FinalImage, LintReport, lint
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.evaluation.snapshot import (
    AnnotatorState,
    Blind,
    FunnelStage,
    ImageLink,
    OpenAlarm,
    ServerQuality,
    Snapshot,
    StageCount,
    Work,
)
from include.lifecycle.predictions import Prediction
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.shapes import Shape, ShapeType
from include.local.photographs import Photograph, day
from include.projects.gates import EACH, MICRO, FigureGate
from include.projects.routing import CalibrationSettings

PROJECT = "street_signs"
NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
LABELS = ("word", "number", "sign", "lamp")
_SIZE = (640, 480)
_SETTINGS = EvaluationSettings()


@cache
def full(images: int = 110) -> Snapshot:
    """A project in the middle of its life: two versions, an alarm, people, ground truth, slips."""
    photographs = _photographs()
    sizes = [_size(photographs[place % len(photographs)]) for place in range(images)]
    old = _older(
        [
            _reviewed("signs@1.4.0", place, size, {"word": 0.82, "number": 0.76, "sign": 0.88}, days=25)
            for place, size in enumerate(sizes)
        ]
    )
    new = [
        _reviewed("signs@1.5.0", place, size, {"word": 0.95, "number": 0.88, "sign": 0.5}, days=9)
        for place, size in enumerate(sizes)
    ]
    newer = _newer(new, old)
    return Snapshot(
        project=PROJECT,
        made_at=NOW,
        min_support=30,
        funnel=_FUNNEL,
        annotators=(newer, old),
        people=_PEOPLE,
        lint=_lint(new),
        agreement=Agreement(24, 24, 131, 0.94, 0.81, 0.87, 0.90),
        alarms=tuple(_alarms(newer)),
        comparisons=(
            "signs@1.5.0 is better than signs@1.4.0: F1 by 0.06 (95 %: 0.03 to 0.09), on 110 images of both.",
        ),
        server_quality=(_SERVER,),
        links=_links(images, photographs),
        latest_release="v1.3.0",
    )


def empty() -> Snapshot:
    """A project on its first day."""
    return Snapshot(
        project=PROJECT,
        made_at=NOW,
        min_support=30,
        funnel=(),
        annotators=(),
        people=(),
        lint=LintReport(0, {}, ()),
        agreement=None,
        alarms=(),
        comparisons=(),
        server_quality=(),
        links={},
        latest_release=None,
    )


def named(label: str, person: str = "vera") -> Snapshot:
    """A snapshot with names that others chose."""
    annotator = f"{label}@1"
    images = []
    for place in range(3):
        id_ = f"i{place}"
        shapes = [Shape(label, ShapeType.RECTANGLE, (10.0 + place, 10, 60, 60)), Shape(label, ShapeType.TAG, ())]
        predictions = [Prediction(f"p{place}", id_, annotator, Shape("other", shapes[0].type, shapes[0].points), 0.4)]
        images.append(_image(id_, predictions, shapes, (100, 80), NOW, person))
    state = AnnotatorState(_evaluated(annotator, images), NOW, None, False)
    return replace(
        empty(),
        project=label,
        annotators=(state,),
        people=(Work(person, 1, 3, 1, 2.0, 300.0),),
        lint=lint([FinalImage("i0", (100, 80), images[0].annotations), FinalImage("i1", (100, 80), ())]),
        alarms=(OpenAlarm(1, label, label, label, NOW),),
        comparisons=(label,),
        server_quality=(replace(_SERVER, explanation=label),),
        links={f"i{place}": ImageLink(f"s3://images/{label}", 1, 2, place) for place in range(3)},
        latest_release=label,
    )


def tags() -> Snapshot:
    """A snapshot of statements about images, all of which are right."""
    tag, images = Shape("cat", ShapeType.TAG, ()), []
    for place in range(6):
        id_ = f"i{place}"
        images.append(_image(id_, [Prediction(f"p{place}", id_, "cats@1", tag, 0.9)], [tag], (100, 80), NOW, "vera"))
    return replace(empty(), annotators=(AnnotatorState(_evaluated("cats@1", images), NOW, None, False),))


def picture(image_id: str) -> tuple[bytes, str]:
    """The image's file, and its media type."""
    found = _photographs()[int("".join(filter(str.isdigit, image_id))) % len(_photographs())]
    return found.content, "image/png" if found.name.endswith(".png") else "image/jpeg"


def _newer(images: list[ReviewedImage], baseline: AnnotatorState) -> AnnotatorState:
    blind = [replace(one, annotations=one.annotations + _more(one)) for one in images[:40]]
    evaluation = _evaluated("signs@1.5.0", images, finished=160)
    other = Baseline("signs@1.4.0", baseline.evaluation.figures)
    return AnnotatorState(
        evaluation=evaluation,
        made_at=NOW - timedelta(minutes=12),
        mlflow_run_id="5f0c2b1d9a6e4d0f8b7a3c2e1d0f9a8b",
        is_baseline=False,
        work=Work("signs@1.5.0", 37, 110, 23, 24.0, 95.0),
        calibration=_calibration("signs@1.5.0"),
        blind=Blind(
            images=40,
            unbiased=_evaluated("signs@1.5.0", blind).figures,
            images_reviewed=30,
            reviewed=_evaluated("signs@1.5.0", images[:30]).figures,
            beside=_evaluated("signs@1.5.0", blind[:30]).figures,
        ),
        verdicts=judge(evaluation.figures, other, _GATES, 30),
    )


def _older(images: list[ReviewedImage]) -> AnnotatorState:
    return AnnotatorState(_evaluated("signs@1.4.0", images), NOW - timedelta(days=9), None, is_baseline=True)


def _alarms(state: AnnotatorState) -> Iterator[OpenAlarm]:
    for verdict in state.verdicts:
        if verdict.standing is Standing.FAILED:
            worst = state.evaluation.worst[:3]
            images = tuple(one.image_id for one in worst)
            cause, since = f"quality/signs/f1/{verdict.label}", NOW - timedelta(hours=26)
            yield OpenAlarm(3, cause, verdict.sentence, "critical", since, state.evaluation.annotator, images, worst)


def _more(image: ReviewedImage) -> tuple[Annotation, ...]:
    """What a person draws besides who sees no predictions, on each third image."""
    if int(image.image_id[-1]) % 3 or not image.annotations:
        return ()
    shape = replace(image.annotations[0].shape, type=ShapeType.RECTANGLE, points=(8.0, 300.0, 60.0, 340.0))
    return (replace(image.annotations[0], shape=shape),)


def _evaluated(annotator: str, images: Sequence[ReviewedImage], finished: int | None = None) -> Evaluation:
    return evaluate(
        images,
        _SETTINGS,
        annotator=annotator,
        revision_ids=[image.image_id for image in images],
        jobs_finished=finished or len(images),
        images_finished=finished or len(images),
    )


def _reviewed(
    annotator: str, place: int, size: tuple[int, int], skills: Mapping[str, float], days: int
) -> ReviewedImage:
    rng, id_, truth = random.Random(f"{annotator}/{place}"), f"image-{place:03}", _truth(place, size)
    found = [(shape, rng.uniform(0.55, 0.99)) for one in truth if (shape := _predicted(rng, one, skills))]
    if rng.random() < 0.25:
        found.append((Shape(rng.choice(LABELS), ShapeType.RECTANGLE, _box(rng, size, 0.6)), rng.uniform(0.3, 0.8)))
    predictions = [
        Prediction(f"{id_}-{number}", id_, annotator, shape, round(score, 3))
        for number, (shape, score) in enumerate(found)
    ]
    moment = NOW - timedelta(days=days - place // 22 * (days // 5))
    return _image(id_, predictions, truth, size, moment, rng.choice(("anna", "boris", "chen")))


def _image(
    id_: str,
    predictions: Sequence[Prediction],
    shapes: Sequence[Shape],
    size: tuple[int, int],
    moment: datetime,
    person: str,
) -> ReviewedImage:
    number = int("".join(filter(str.isdigit, id_)) or 0)
    ids = [number * 100 + place for place in range(len(shapes))]
    by_points = {shape.points: id_ for shape, id_ in zip(shapes, ids, strict=True)}
    shown = {one.id: by_points.get(one.shape.points, -1 - place) for place, one in enumerate(predictions)}
    return ReviewedImage(
        image_id=id_,
        predictions=tuple(predictions),
        annotations=tuple(Annotation(id_, shape, "manual", n) for shape, n in zip(shapes, ids, strict=True)),
        applied=shown,
        weight=2.0 if number % 5 == 0 else 1.0,
        accepted=Acceptance.AUDIT if number % 5 == 0 else Acceptance.PERSON,
        size=size,
        finished_at=moment,
        finished_by=person,
    )


def _truth(place: int, size: tuple[int, int]) -> list[Shape]:
    """The words and numbers that are painted on a photograph, and a lamp or a sign."""
    rng = random.Random(f"truth/{place}")
    painted = _photographs()[place % len(_photographs())].objects
    shapes = [Shape(one.label, ShapeType.RECTANGLE, tuple(map(float, one.box))) for one in painted]
    if rng.random() < 0.5:
        x1, y1, x2, y2 = _box(rng, size, 1.0)
        shapes.append(
            Shape(
                "sign", ShapeType.POLYGON, ((x1 + x2) / 2, y1, x2, (y1 + y2) / 2, (x1 + x2) / 2, y2, x1, (y1 + y2) / 2)
            )
        )
    if rng.random() < 0.12 or not shapes:
        shapes.append(Shape("lamp", ShapeType.RECTANGLE, _box(rng, size, 0.5)))
    return shapes


def _predicted(rng: random.Random, truth: Shape, skills: Mapping[str, float]) -> Shape | None:
    if rng.random() > skills.get(truth.label, 0.8):
        return None
    if rng.random() < 0.55:
        return truth
    label = rng.choice(LABELS) if rng.random() < 0.15 else truth.label
    by = 16 if rng.random() < 0.15 else 2
    return Shape(label, truth.type, tuple(round(value + rng.uniform(-by, by), 2) for value in truth.points))


def _box(rng: random.Random, size: tuple[int, int], scale: float) -> tuple[float, ...]:
    width, height = rng.uniform(30, 130) * scale, rng.uniform(30, 110) * scale
    x, y = rng.uniform(0, size[0] - width), rng.uniform(0, (size[1] - height) * 0.7)
    return round(x, 1), round(y, 1), round(x + width, 1), round(y + height, 1)


def _calibration(annotator: str) -> Calibration:
    rng = random.Random("calibration")
    rows = []
    for place in range(1800):
        score, label = rng.uniform(0.05, 0.99), LABELS[place % 3]
        rows.append(Judged(f"i{place % 300}", label, score, rng.random() < score**1.8, 1.0))
    return calibrate(rows, "c", annotator, CalibrationSettings())


def _lint(images: Sequence[ReviewedImage]) -> LintReport:
    final = [FinalImage(image.image_id, image.size, image.annotations) for image in images]
    slim = replace(images[3].annotations[0], shape=Shape("word", ShapeType.RECTANGLE, (100, 100, 101.5, 140)))
    final[3] = replace(final[3], annotations=(*final[3].annotations, slim, *final[3].annotations[:1]))
    final[7] = replace(final[7], annotations=())
    return lint(final)


def _links(images: int, photographs: Sequence[Photograph]) -> dict[str, ImageLink]:
    return {
        f"image-{place:03}": ImageLink(
            f"s3://images/street_signs/{photographs[place % len(photographs)].name}",
            7 + place // 20,
            40 + place // 10,
            place % 20,
        )
        for place in range(images)
    }


@cache
def _photographs() -> tuple[Photograph, ...]:
    return day(1, 7).photographs


def _size(photograph: Photograph) -> tuple[int, int]:
    import io

    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(photograph.content)) as opened:
        width, height = ImageOps.exif_transpose(opened).size
    return width, height


_FUNNEL = (
    StageCount(FunnelStage.WAITING, 12, NOW - timedelta(hours=5)),
    StageCount(FunnelStage.QUARANTINED, 3, NOW - timedelta(days=6)),
    StageCount(FunnelStage.BATCHED, 0),
    StageCount(FunnelStage.IN_CVAT, 24, NOW - timedelta(hours=2)),
    StageCount(FunnelStage.ANNOTATED, 48, NOW - timedelta(days=1)),
    StageCount(FunnelStage.IN_REVIEW, 72, NOW - timedelta(days=4)),
    StageCount(FunnelStage.ACCEPTED, 160, NOW - timedelta(days=2)),
    StageCount(FunnelStage.RELEASED, 1240, NOW - timedelta(days=40)),
)
_PEOPLE = (
    Work("anna", 14, 41, 14, 22.0, 48.0),
    Work("boris", 11, 36, 9, 31.5, 190.0),
    Work("chen", 12, 33, 0, None, None),
)
_SERVER = ServerQuality(
    9, 31, NOW - timedelta(days=1), 0.82, 0.9, 0.88, 0.91, 0.88, "CVAT counts from IoU 0.4 on, this page from 0.5 on."
)
_GATES = (FigureGate(figure="f1", label=MICRO, at_least=0.6), FigureGate(figure="f1", label=EACH, drop_at_most=0.05))
