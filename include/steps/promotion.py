"""Promotion: what speaks for making an annotator version the baseline, for the person who decides."""

from dataclasses import dataclass

from include.clients.baselines import Baselines
from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.evaluation.bootstrap import Interval
from include.evaluation.detection import Figures, Scores
from include.evaluation.evaluation import from_json
from include.projects.model import Project
from include.steps.baseline import baseline_figures, baseline_of

_NONE = "-"


class NotEvaluated(LookupError):
    """A version that people have reviewed nothing of; the sentence names those that there are."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An annotator version by its newest evaluation, and the comparison with the baseline, as Markdown."""

    annotator: str
    evaluation_id: str
    comparison: str


def propose(project: Project, annotator: str, store: BulkStore, baselines: Baselines, ledger: Ledger) -> Proposal:
    """What is known of a version (`name@version`) beside the baseline of its name. Raises NotEvaluated."""
    evaluated = ledger.reviews.newest_evaluations(project.name)
    if annotator not in evaluated:
        known = ", ".join(sorted(evaluated)) or "none yet"
        raise NotEvaluated(f"project {project.name} has no evaluation of {annotator}; evaluated are: {known}")
    own = from_json(store.read_text(evaluated[annotator].uri))
    against = baseline_of(annotator.partition("@")[0], store, baselines)
    baseline = baseline_figures(project, against) if against else None
    heading = f"{annotator}, measured on {own.coverage.images_reviewed} images"
    heading += f", against the baseline {against.annotator}" if against else "; there is no baseline yet"
    few = f"Of classes with less than {project.evaluation.min_support} reviewed objects little is known."
    rows = _rows(own.figures, baseline.figures if baseline else None)
    return Proposal(annotator, evaluated[annotator].id, "\n".join([f"{heading}.", "", *rows, "", few]))


def _rows(own: Figures, baseline: Figures | None) -> list[str]:
    others = baseline.by_class if baseline else {}
    labels = sorted({*own.by_class, *others})
    rows = ["| class | F1 now | objects | F1 of the baseline | objects |", "|---|---|---|---|---|"]
    rows += [_row(label, own.by_class.get(label), others.get(label)) for label in labels]
    return [*rows, _row("**all**", own.micro, baseline.micro if baseline else None)]


def _row(name: str, own: Scores | None, other: Scores | None) -> str:
    cells = [cell for scores in (own, other) for cell in (_f1(scores), str(scores.support) if scores else _NONE)]
    return f"| {' | '.join([name.replace('|', '&#124;'), *cells])} |"


def _f1(scores: Scores | None) -> str:
    if scores is None or scores.rates.f1 is None:
        return _NONE
    return f"{scores.rates.f1:.3f}{_between(scores.intervals.f1)}"


def _between(interval: Interval | None) -> str:
    return f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""
