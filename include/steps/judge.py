"""Judge: what the project's gates say of each annotator version, kept by what it was judged by."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from include.clients.baselines import Baselines, Pinned
from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.reviews import EvaluationRecord
from include.evaluation.evaluation import Evaluation, from_json
from include.evaluation.gates import Standing, Verdict, judge
from include.evaluation.worst import WorstImage
from include.lifecycle.labels import current_names
from include.projects.gates import FigureGate
from include.projects.model import Project
from include.steps.baseline import baseline_figures, evaluation_beside
from include.steps.reviewed import Finished, finished_by_annotator

_FORM = 2  # of what is kept: a judgement of another form is made anew
_LOOKED_AT = 5  # images that an alarm names


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gates say of an annotator version (`name@version`), by an evaluation's id in the ledger, and of each
    class that failed the images that are worst in it, of those that the gate looks at. `in_use`: it is among those that
    are asked nowadays. `unjudged` says why gates say nothing, where some do not."""

    annotator: str
    evaluation_id: str
    in_use: bool
    verdicts: tuple[Verdict, ...]
    worst: Mapping[str, tuple[WorstImage, ...]]
    unjudged: str | None


_JSON: TypeAdapter[Judgement] = TypeAdapter(Judgement)


def judge_annotators(
    project: Project,
    evaluation_ids: Sequence[str],
    store: BulkStore,
    baselines: Baselines,
    ledger: Ledger,
    now: datetime,
) -> list[str]:
    """Judge the annotator versions of the project's current evaluations; the judgements' ids.

    Absolute gates look at all that is measured of a version, relative ones at images that the baseline was not measured
    on. What was judged before, by the same evaluation, baseline and gates, is not judged again.
    """
    finished = {one.annotator: one for one in finished_by_annotator(project, ledger)}
    in_use = versions_in_use(project, list(finished.values()), ledger)
    ids = []
    for evaluation_id in evaluation_ids:
        record = ledger.reviews.evaluation(evaluation_id)
        if record is None or record.annotator not in finished:
            continue
        pinned = baselines.current(record.annotator.partition("@")[0])
        asked = [_FORM, evaluation_id, pinned and pinned.uri, record.annotator in in_use, *_settings(project)]
        id_ = hashlib.sha256("\n".join(map(str, asked)).encode()).hexdigest()[:16]
        if ledger.judgements.get(project.name, id_) is None:
            used = record.annotator in in_use
            made = _judge(project, finished[record.annotator], record, pinned, used, store, ledger)
            uri = store.write_text(f"judgements/{project.name}", _JSON.dump_json(made).decode())
            ledger.judgements.add(project.name, id_, record.annotator, uri, now)
        ids.append(id_)
    return ids


def read_judgements(project: Project, ids: Sequence[str], store: BulkStore, ledger: Ledger) -> list[Judgement]:
    """The judgements of these ids, as `judge_annotators` made them."""
    records = (ledger.judgements.get(project.name, id_) for id_ in ids)
    return [_JSON.validate_json(store.read_text(record.uri)) for record in records if record]


def versions_in_use(project: Project, finished: Sequence[Finished], ledger: Ledger) -> set[str]:
    """Of each of the project's annotators as many versions as its file names, those that were asked last: what an old
    one did wrong is over."""
    ids = {record.batch_id for one in finished for record in one.records}
    planned = {batch.id: batch.planned_at for batch in ledger.batches.get(sorted(ids))}
    by_name: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for one in finished:
        last = max((planned[record.batch_id], record.finished_at) for record in one.records)
        by_name[one.annotator.partition("@")[0]].append((*last, one.annotator))
    sections = [annotator.called for annotator in project.annotators]
    return {
        version
        for name, versions in by_name.items()
        for _, _, version in sorted(versions, reverse=True)[: sections.count(name)]
    }


def _judge(
    project: Project,
    finished: Finished,
    record: EvaluationRecord,
    pinned: Pinned | None,
    in_use: bool,
    store: BulkStore,
    ledger: Ledger,
) -> Judgement:
    own = from_json(store.read_text(record.uri))
    absolute = [gate for gate in project.evaluation.gates if gate.at_least is not None]
    judged = [(own, judge(own.figures, None, absolute, project.evaluation.min_support))]
    beside, unjudged = _beside_baseline(project, finished, own, pinned, store, ledger)
    if beside is not None:
        judged.append(beside)
    worst: dict[str, tuple[WorstImage, ...]] = {}
    for evaluation, verdicts in judged:
        for verdict in verdicts:
            if verdict.standing is Standing.FAILED:
                worst.setdefault(verdict.label, _worst(evaluation, verdict))
    said = tuple(verdict for _, verdicts in judged for verdict in verdicts)
    return Judgement(record.annotator, record.id, in_use, said, worst, unjudged)


def _beside_baseline(
    project: Project, finished: Finished, own: Evaluation, pinned: Pinned | None, store: BulkStore, ledger: Ledger
) -> tuple[tuple[Evaluation, tuple[Verdict, ...]] | None, str | None]:
    """What relative gates say, and of which evaluation; or why they say nothing."""
    if not project.evaluation.gates:
        return None, "No gate judges it: evaluation.gates in the project's file has none."
    relative = [gate for gate in project.evaluation.gates if gate.drop_at_most is not None]
    if not relative:
        return None, None
    if pinned is None:
        first = "the first version of which people reviewed enough becomes it"
        return None, f"No gate against a baseline judges it: there is none yet, and {first}."
    baseline = from_json(store.read_text(pinned.uri))
    beside = evaluation_beside(project, finished, own, baseline, store, ledger)
    against, few = baseline_figures(project, baseline), project.evaluation.min_support
    verdicts = judge(beside.figures, against, relative, few) if beside else ()
    if beside is None or not verdicts:
        since = f"nothing was reviewed since the baseline {baseline.annotator} was measured"
        return None, f"No gate against the baseline judges it: {since}."
    return (beside, verdicts), None


def _worst(evaluation: Evaluation, verdict: Verdict) -> tuple[WorstImage, ...]:
    """The images with the most errors of the verdict's class, or of any where it is about all."""
    label = None if verdict.gate.label in ("micro", "macro") else verdict.label
    found = sorted(evaluation.worst, key=lambda image: -_errors(image, label))
    return tuple(image for image in found[:_LOOKED_AT] if _errors(image, label))


def _errors(image: WorstImage, label: str | None) -> int:
    marks = (*image.predicted, *image.final)
    return sum(mark.wrong is not None and label in (None, mark.label) for mark in marks)


def _settings(project: Project) -> list[str]:
    gates: Sequence[FigureGate] = project.evaluation.gates
    renamed = [f"{former} is {name}" for former, name in current_names(project).items()]
    return [str(project.evaluation.min_support), *(gate.model_dump_json() for gate in gates), *renamed]
