"""Figures to look at: an evaluation as MLflow metrics and as a table."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from include.evaluation.average_precision import AveragePrecision
from include.evaluation.detection import Figures, Intervals, Rates, Scores
from include.evaluation.evaluation import Evaluation

Row = tuple[str, ...]


def flat_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Every figure that has a value under a name that MLflow takes: `f1/<class>`, `f1/micro`, `f1/macro` and
    alike for precision, recall (each with `…_low` and `…_high`), mean_iou, support, tp, fp and fn; `audit/f1/…` for the
    audit sample; COCO's twelve (`ap`, `ap50` and on) with `ap/<class>` and alike; `errors/<type>` and
    `errors_won/<type>`; `kept`, `kept/<class>` and alike; `share_measured`, `images_reviewed` and alike. What is None
    is left out."""
    metrics = {**asdict(evaluation.coverage), "share_measured": evaluation.coverage.share_measured}
    metrics |= dict(_metrics_of(evaluation.figures))
    if evaluation.audit:
        metrics |= {f"audit/{name}": value for name, value in _metrics_of(evaluation.audit)}
    metrics |= {f"errors/{name}": value for name, value in asdict(evaluation.errors).items()}
    if evaluation.errors_won:
        metrics |= {f"errors_won/{name}": value for name, value in asdict(evaluation.errors_won).items()}
    if evaluation.precision:
        metrics |= dict(_precision(evaluation.precision))
    if evaluation.outcomes:
        metrics |= asdict(evaluation.outcomes.total)
        for label, counts in evaluation.outcomes.by_class.items():
            metrics |= _suffixed(asdict(counts), metric_label(label))
    return {name: float(value) for name, value in metrics.items() if value is not None}


def metric_label(label: str) -> str:
    """A class's name as part of an MLflow metric's: characters other than letters, digits, `_`, `-` and
    blanks become `:` and their code point in hexadecimal, and the classes `micro` and `macro` get a `:` in
    front, so that no two metrics share a name."""
    if label in ("micro", "macro"):
        return f":{label}"
    return "".join(char if char.isalnum() or char in "_- " else f":{ord(char):x}" for char in label)


def table(evaluation: Evaluation) -> str:
    """The evaluation as lines of text for people: a heading, a row a class, micro, macro, and what people
    did."""
    coverage, figures = evaluation.coverage, evaluation.figures
    heading = (
        f"{evaluation.annotator}: {coverage.images_reviewed} of {coverage.images_finished} finished images "
        f"measured ({_number(coverage.share_measured, '.0%')}), IoU {evaluation.settings.iou:g}, "
        f"score from {evaluation.settings.min_score:g}"
    )
    rows: list[Row] = [("class", "precision", "recall", "F1", "mean IoU", "support")]
    rows += [_row(label, scores.rates, scores.support) for label, scores in figures.by_class.items()]
    rows += [_row("micro", figures.micro.rates, figures.micro.support), _row("macro", figures.macro, None)]
    if evaluation.audit:
        rows.append(_row("audit (micro)", evaluation.audit.micro.rates, evaluation.audit.micro.support))
    last = [_averages(evaluation), _wrong(evaluation), f"worst class: {figures.worst or '-'}; {_done(evaluation)}"]
    return "\n".join([heading, "", *_aligned(rows), "", *last])


def _averages(evaluation: Evaluation) -> str:
    found = evaluation.precision
    if found is None:
        return "mAP means nothing here: all scores are equal"
    ap, ap50, ap75 = (_number(value, ".3f") for value in (found.ap, found.ap50, found.ap75))
    without = f", without classes whose scores are all equal: {', '.join(found.unordered)}" if found.unordered else ""
    return f"mAP {ap}, AP50 {ap50}, AP75 {ap75}{without}"


def _wrong(evaluation: Evaluation) -> str:
    return "errors: " + ", ".join(f"{value:g} {name}" for name, value in asdict(evaluation.errors).items())


def _done(evaluation: Evaluation) -> str:
    if evaluation.outcomes is None:
        return "people were shown nothing of it"
    return ", ".join(f"{count} {outcome}" for outcome, count in asdict(evaluation.outcomes.total).items())


def _metrics_of(figures: Figures) -> Iterator[tuple[str, float | None]]:
    for label, scores in figures.by_class.items():
        yield from _suffixed(_values(scores), metric_label(label)).items()
    yield from _suffixed(_values(figures.micro), "micro").items()
    yield from _suffixed({**asdict(figures.macro), **_sides(figures.macro_intervals)}, "macro").items()


def _precision(found: AveragePrecision) -> Iterator[tuple[str, float | None]]:
    for name, value in asdict(found).items():
        if name not in ("by_class", "unordered"):
            yield name, value
    for label, of_class in found.by_class.items():
        yield from _suffixed(asdict(of_class), metric_label(label)).items()


def _sides(intervals: Intervals) -> dict[str, float | None]:
    found = {name: getattr(intervals, name) for name in ("precision", "recall", "f1")}
    return {f"{name}_{side}": getattr(one, side) for name, one in found.items() if one for side in ("low", "high")}


def _values(scores: Scores) -> dict[str, float | None]:
    return {
        **asdict(scores.rates),
        **_sides(scores.intervals),
        "support": scores.support,
        "tp": scores.tp,
        "fp": scores.fp,
        "fn": scores.fn,
    }


def _suffixed(values: Mapping[str, float | None], suffix: str) -> dict[str, float | None]:
    return {f"{name}/{suffix}": value for name, value in values.items()}


def _row(name: str, rates: Rates, support: int | None) -> Row:
    numbers = (rates.precision, rates.recall, rates.f1, rates.mean_iou)
    return (name, *(_number(value, ".3f") for value in numbers), _number(support, "d"))


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _aligned(rows: list[Row]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *numbers])
