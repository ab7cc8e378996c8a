"""Figures to look at: an evaluation as MLflow metrics and as a table."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from include.evaluation.detection import Figures, Rates, Scores
from include.evaluation.evaluation import Evaluation

Row = tuple[str, ...]


def flat_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Every figure that has a value under a name that MLflow takes: `f1/<class>`, `f1/micro`, `f1/macro` and
    alike for precision, recall, mean_iou, support, tp, fp and fn; `audit/f1/…` for the audit sample; `kept`,
    `kept/<class>` and alike; `share_measured`, `images_reviewed` and alike. What is None is left out."""
    metrics = {**asdict(evaluation.coverage), "share_measured": evaluation.coverage.share_measured}
    metrics |= dict(_metrics_of(evaluation.figures))
    if evaluation.audit:
        metrics |= {f"audit/{name}": value for name, value in _metrics_of(evaluation.audit)}
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
    return "\n".join([heading, "", *_aligned(rows), "", f"worst class: {figures.worst or '-'}; {_done(evaluation)}"])


def _done(evaluation: Evaluation) -> str:
    if evaluation.outcomes is None:
        return "people were shown nothing of it"
    return ", ".join(f"{count} {outcome}" for outcome, count in asdict(evaluation.outcomes.total).items())


def _metrics_of(figures: Figures) -> Iterator[tuple[str, float | None]]:
    for label, scores in figures.by_class.items():
        yield from _suffixed(_values(scores), metric_label(label)).items()
    yield from _suffixed(_values(figures.micro), "micro").items()
    yield from _suffixed(asdict(figures.macro), "macro").items()


def _values(scores: Scores) -> dict[str, float | None]:
    return {
        **asdict(scores.rates),
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
