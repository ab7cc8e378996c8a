"""A calibration to look at: as MLflow metrics, as a table, and as a reliability diagram."""

import io
from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from include.evaluation.calibration import Calibration, ClassCalibration
from include.evaluation.figures import metric_label
from include.evaluation.reliability import Reliability, Threshold


def metrics(calibration: Calibration) -> dict[str, float]:
    """`calibration_error_before/<class>`, `…_after/<class>`, `log_loss_before/…`, `log_loss_after/…`, `support/…`, and
    where a threshold is suggested `accept_from/…` and `accepted_right/…`; the class `micro` is all together."""
    values: dict[str, float] = {}
    for name, found in _rows(calibration):
        label = "micro" if name is None else metric_label(name)
        values |= {
            f"calibration_error_before/{label}": found.before.error,
            f"calibration_error_after/{label}": found.after.error,
            f"log_loss_before/{label}": found.loss_before,
            f"log_loss_after/{label}": found.loss_after,
            f"support/{label}": float(found.support),
        }
        if found.suggested:
            values[f"accept_from/{label}"] = found.suggested.score
            values[f"accepted_right/{label}"] = found.suggested.precision
    return values


def table(calibration: Calibration) -> str:
    """A row a class, as text for people."""
    rows = [
        f"{name or 'all':20} {found.support:8} {found.curve.kind:12} {found.loss_before:.4f} -> {found.loss_after:.4f}"
        f"   {found.before.error:.4f} -> {found.after.error:.4f}   {_suggestion(found.suggested)}"
        for name, found in _rows(calibration)
    ]
    head = f"{'class':20} {'judged':>8} {'curve':12} {'log loss, held out':18} calibration error   accept from"
    none = ["People have judged too few of its predictions yet: scores count as they are."]
    return "\n".join([f"{calibration.annotator}: what its scores are worth", "", head, *(rows or none)]) + "\n"


def diagram(calibration: Calibration) -> bytes:
    """How often predictions of a score are right, before and after, by class: a PNG."""
    rows = list(_rows(calibration))
    figure = Figure(figsize=(4 * max(1, len(rows)), 4), layout="constrained")
    all_axes = figure.subplots(1, max(1, len(rows)), squeeze=False)[0]
    for axes, (name, found) in zip(all_axes, rows, strict=False):
        axes.set_title(f"{name or 'all classes'} ({found.support:,} judged)")
        _draw(axes, found.before, "before", "o--")
        _draw(axes, found.after, "after, held out", "o-")
        axes.legend(loc="upper left")
    for axes in all_axes:
        axes.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="share that is right")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw(axes: Axes, found: Reliability, name: str, style: str) -> None:
    label = f"{name}: error {found.error:.3f}"
    axes.plot([one.score for one in found.bins], [one.right for one in found.bins], style, label=label)


def _suggestion(found: Threshold | None) -> str:
    if found is None:
        return "none is right often enough"
    return (
        f"{found.score:.3f}: {found.precision:.1%} are right (95 %: {found.low:.1%} to {found.high:.1%}), "
        f"{found.share:.0%} of all"
    )


def _rows(calibration: Calibration) -> Iterator[tuple[str | None, ClassCalibration]]:
    if calibration.pooled:
        yield None, calibration.pooled
    yield from calibration.by_class.items()
