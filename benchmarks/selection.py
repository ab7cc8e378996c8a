"""What people see first, and who is spared what: the demo's data, by the functions that plan, without CVAT.

240 photographs with known truth, what RapidOCR finds on them, and the demo's seeded reviewer with his slips. Labels are
released as the reviewer left them where he saw the image, else as the model drew them; F1 is against the truth, micro,
from an IoU of 0.5 on.

Orders: each against a random one (the mean of 20 seeds). The second annotator for disagreement is RapidOCR on smaller
pictures (`short_side: 320`). An order that knows all errors shows what could be had at the best. The figure is
docs/images/selection.png. Scores are as the model gives them.

Planning by route, against jobs of the same images in the order of their names (of the demo's, two of five have only
texts that are read surely, evenly spread: the worst case) and in a random one (the mean of 20 seeds): an image is sure
from a score of 0.95 on, and a job is accepted unseen where all its images are sure; of such jobs, people see a quarter
all the same.

Calibration is learnt from the first half of the images, all reviewed, and used on the other half, against scores as
they are, at the same threshold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

from matplotlib.figure import Figure

from benchmarks.results import Row, save
from include.annotators.answers import Answers
from include.annotators.looks import look_of
from include.annotators.opened import open_picture
from include.annotators.rapidocr_text import RapidOcrText
from include.evaluation.calibrating import calibrate
from include.evaluation.calibration import Calibration
from include.evaluation.judged import judged
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.batches import BatchRules, Candidate, PlannedBatch, plan
from include.lifecycle.headers import read_header
from include.lifecycle.images import Image, image_id
from include.lifecycle.looks import farthest_first
from include.lifecycle.predictions import Prediction
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.routing import Route, verdict
from include.lifecycle.selection import interleaved, uncertainty
from include.lifecycle.shapes import Shape, ShapeType
from include.local.days import SEED
from include.local.photographs import Photograph, day
from include.local.reviewer import Drawn
from include.local.unseen import Flaws, as_reviewed, flaws
from include.projects.fields import Order
from include.projects.routing import CalibrationSettings, Routing

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "selection.png"
_DAYS = range(1, 18)  # bring 240 photographs
_SEEDS = 20
_GOOD = 0.95  # of F1
_SHARE = 0.3  # of the images
_RULES = Routing(accept_above=0.95, audit_share=0.25)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Picture:
    """An image, what two annotators found on it, what it looks like, and what is wrong with its labels if nobody sees
    it, and if people do."""

    id: str
    name: str
    size: tuple[int, int]
    first: tuple[Prediction, ...]
    second: tuple[Prediction, ...]
    features: bytes
    unseen: Flaws
    seen: Flaws
    drawn: tuple[Drawn, ...]  # as people leave it


def main() -> None:
    """Ask the annotators, simulate, save the rows and the figure."""
    photographs = [photograph for number in _DAYS for photograph in day(number, SEED).photographs]
    with get_context("spawn").Pool(2) as pool:
        pictures = pool.map(looked_at, photographs, chunksize=10)
    curves = {name: f1_by_reviewed(order, pictures) for name, order in orders(pictures).items()}
    draws = [f1_by_reviewed(by("random", pictures, seed), pictures) for seed in range(_SEEDS)]
    mean = [sum(values) / len(draws) for values in zip(*draws, strict=True)]
    draw(curves, draws, mean)
    save("selection", [*order_rows(curves, draws, mean), *route_rows(pictures), *calibration_rows(pictures)])


@cache
def engine(short_side: int) -> RapidOcrText:
    """A process loads it once."""
    return RapidOcrText(short_side=short_side)


def looked_at(photograph: Photograph) -> Picture:
    """A photograph as annotators and people see it."""
    uri, content = f"s3://street-signs/incoming/{photograph.name}", photograph.content
    header = read_header(content, complete=True)
    image = Image(image_id(uri, ""), uri, "", len(content), header)
    picture, found = open_picture(content, header), []
    for short_side in (480, 320):
        model = engine(short_side)
        shapes = model.detect(SimpleNamespace(conf_threshold=None), picture)
        found.append(Answers(model.spec).predictions(shapes, image, f"rapidocr@{short_side}").objects)
    drawn = [_drawn(number, one.shape) for number, one in enumerate(found[0], 1)]
    left = as_reviewed(drawn, photograph.objects, picture.size, SEED, f"incoming/{photograph.name}")
    unseen, seen = (flaws(objects, photograph.objects, picture.size) for objects in (drawn, left))
    look = look_of(picture).features
    return Picture(image.id, photograph.name, picture.size, found[0], found[1], look, unseen, seen, tuple(left))


# Orders


def orders(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Each strategy's order, and the best there is."""
    known = sorted(pictures, key=lambda one: (_errors(one.seen) - _errors(one.unseen), one.name))
    names: tuple[Order, ...] = ("least_confidence", "margin", "entropy", "disagreement")
    found = {str(name): by(name, pictures) for name in names}
    mixed = {f"{name}, diversity 0.3": by(name, pictures, diversity=0.3) for name in (names[0], names[3])}
    return {**found, **mixed, "all errors known": known}


def by(order: Order, pictures: Sequence[Picture], seed: int = 0, diversity: float = 0.0) -> list[Picture]:
    """As plans order images; the second annotator is asked for disagreement alone."""

    def key(one: Picture) -> tuple[float, str]:
        answers = (one.first, one.second) if order == "disagreement" else (one.first,)
        return -uncertainty(order, one.id, answers, seed), one.name

    ordered = sorted(pictures, key=key)
    if not diversity:
        return ordered
    unlike = [ordered[place] for place in farthest_first([one.features for one in ordered], len(ordered))]
    return list(interleaved(ordered, unlike, diversity))


def f1_by_reviewed(order: Sequence[Picture], pictures: Sequence[Picture]) -> list[float]:
    """F1 of the release once none, one, two … of an order's images were reviewed."""
    unseen = sum((one.unseen for one in pictures), Flaws())
    changes = ((_counts(one.seen), _counts(one.unseen)) for one in order)
    steps = ([a - b for a, b in zip(seen, before, strict=True)] for seen, before in changes)
    totals = accumulate(
        steps, lambda total, step: [a + b for a, b in zip(total, step, strict=True)], initial=_counts(unseen)
    )
    return [2 * right / (2 * right + wrong + missing) for right, wrong, missing in totals]


def order_rows(
    curves: Mapping[str, Sequence[float]], draws: Sequence[Sequence[float]], mean: Sequence[float]
) -> list[Row]:
    """How many images until F1 is good, and F1 after a share of them."""
    count = len(mean) - 1
    place = round(_SHARE * count)
    needed = [share_needed(one) for one in draws]
    rows = [
        Row(f"share reviewed until F1 is {_GOOD}, random: the best seed", min(needed), "%", count),
        Row(f"share reviewed until F1 is {_GOOD}, random: the worst seed", max(needed), "%", count),
    ]
    for name, curve in curves.items():
        what = f"share reviewed until F1 is {_GOOD}, {name}"
        rows.append(Row(what, share_needed(curve), "%", count, "random", share_needed(mean)))
    for name, curve in curves.items():
        what = f"what F1 lacks of 1 after {_SHARE:.0%} are reviewed, {name}"
        rows.append(Row(what, 1 - curve[place], "", count, "random", 1 - mean[place]))
    return rows


def share_needed(curve: Sequence[float]) -> float:
    """In percent of the images."""
    return 100 * next(place for place, f1 in enumerate(curve) if f1 >= _GOOD) / (len(curve) - 1)


def draw(curves: Mapping[str, Sequence[float]], draws: Sequence[Sequence[float]], mean: Sequence[float]) -> None:
    """F1 against the share reviewed; strategies that order the images alike are one line."""
    alike: dict[tuple[float, ...], list[str]] = {}
    for name, curve in curves.items():
        alike.setdefault(tuple(curve), []).append(name.replace("_", " "))
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    share = [100 * place / (len(mean) - 1) for place in range(len(mean))]
    low, high = ([bound(values) for values in zip(*draws, strict=True)] for bound in (min, max))
    axes.fill_between(share, low, high, color="lightgray", label=f"random: {len(draws)} seeds")
    axes.plot(share, mean, color="gray", label="random: their mean")
    for curve, names in alike.items():
        best = names == ["all errors known"]
        axes.plot(share, curve, linestyle=":" if best else "-", color="black" if best else None, label=", ".join(names))
    axes.set(xlabel="images that people reviewed, %", ylabel="F1 of the released labels", xlim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(FIGURE, dpi=110, metadata={"Software": None})


# Routes


def route_rows(pictures: Sequence[Picture]) -> list[Row]:
    """Images that people see, and what is wrong in the release: jobs planned by route, and jobs as the images come."""
    rows: list[Row] = []
    for job_size in (4, 8, 16):
        rules = BatchRules(4 * job_size, job_size, timedelta(0), _RULES.audit_share, _RULES.between_share, _RULES.seed)
        by_route = list(plan([_candidate(one, one.first) for one in pictures], rules, _NOW))
        by_name = as_they_come(by("uri", pictures), rules)
        drawn = [as_they_come(by("random", pictures, seed), rules) for seed in range(_SEEDS)]
        for what, count in (("images for people", _people), ("wrong or missing objects", partial(_left, pictures))):
            measure, ours, n = f"{what}, {job_size} images a job", float(count(by_route)), len(pictures)
            rows.append(Row(measure, ours, "", n, "by name", count(by_name)))
            rows.append(Row(measure, ours, "", n, "in a random order", sum(map(count, drawn)) / _SEEDS))
    return rows


def as_they_come(pictures: Sequence[Picture], rules: BatchRules) -> list[PlannedBatch]:
    """Jobs of images in this order: each is planned alone, so that what is sure cannot come together."""
    candidates = [_candidate(one, one.first) for one in pictures]
    chunks = (candidates[start : start + rules.job_size] for start in range(0, len(candidates), rules.job_size))
    return [batch for chunk in chunks for batch in plan(chunk, replace(rules, size=rules.job_size), _NOW)]


def calibration_rows(pictures: Sequence[Picture]) -> list[Row]:
    """What is accepted unseen of the second half, by calibrated scores and by scores as they are."""
    half = len(pictures) // 2
    reviewed = [_reviewed(one) for one in pictures[:half]]
    curves = calibrate(list(judged(reviewed, 0.5)), "c", "rapidocr@480", CalibrationSettings())
    later = pictures[half:]
    worth = [one for one in later if _is_sure(one, [_worth(found, curves) for found in one.first])]
    plain = [one for one in later if _is_sure(one, one.first)]
    measures: dict[str, Callable[[Sequence[Picture]], float]] = {
        "images that are not sure": lambda sure: len(later) - len(sure),
        "wrong ones of 100 objects on sure images": lambda sure: _rate(sure, lambda one: one.wrong),
        "missing ones for 100 objects on sure images": lambda sure: _rate(sure, lambda one: one.missing),
    }
    rows = [Row(f"{name}, calibrated", of(worth), "", half, "as they are", of(plain)) for name, of in measures.items()]
    pooled = curves.pooled
    assert pooled  # 240 photographs are enough
    error = Row("calibration error, held out", pooled.after.error, "", pooled.support, "before", pooled.before.error)
    return [error, *rows]


def _candidate(one: Picture, objects: Sequence[Prediction]) -> Candidate:
    return Candidate(one.id, one.name, verdict(objects, _RULES), _NOW)


def _is_sure(one: Picture, objects: Sequence[Prediction]) -> bool:
    return _candidate(one, objects).verdict.certainty == "sure"


def _worth(found: Prediction, curves: Calibration) -> Prediction:
    return replace(found, score=curves.calibrated(found.shape.label, found.score))


def _people(batches: Sequence[PlannedBatch]) -> int:
    return sum(batch.images(Route.REVIEW, Route.AUDIT) for batch in batches)


def _left(pictures: Sequence[Picture], batches: Sequence[PlannedBatch]) -> int:
    """Errors of the release."""
    jobs = [(batch, job) for batch in batches for job in batch.jobs if job.route is Route.ACCEPT]
    unseen = {image for batch, job in jobs for image in batch.image_ids[job.start : job.stop]}
    return sum(_errors(one.unseen if one.id in unseen else one.seen) for one in pictures)


def _rate(pictures: Sequence[Picture], of: Callable[[Flaws], int]) -> float:
    total = sum((one.unseen for one in pictures), Flaws())
    return 100 * of(total) / total.objects


def _reviewed(one: Picture) -> ReviewedImage:
    final = (
        Annotation(one.id, Shape(drawn.label, ShapeType.RECTANGLE, drawn.box), "manual", number)
        for number, drawn in enumerate(one.drawn)
    )
    return ReviewedImage(one.id, one.first, tuple(final), {}, 1.0, Acceptance.PERSON, one.size)


def _drawn(number: int, shape: Shape) -> Drawn:
    x1, y1, x2, y2 = shape.points
    return Drawn(number, shape.label, dict(shape.attributes)["text"], (x1, y1, x2, y2))


def _counts(found: Flaws) -> list[int]:
    """Right, wrong and missing."""
    return [found.objects - found.wrong, found.wrong, found.missing]


def _errors(found: Flaws) -> int:
    return found.wrong + found.missing


if __name__ == "__main__":
    main()
