"""Compare: versions of one annotator that split the images (A/B), logged in MLflow with a verdict."""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations

from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.evaluation.comparison import Comparison, compare, flat_metrics, from_json, to_json
from include.projects.model import Project
from include.steps.evaluate import question_id, settings_of
from include.steps.reviewed import Finished, finished_by_annotator, reviewed_images

log = logging.getLogger(__name__)
Times = Mapping[str, datetime]  # when each batch was planned


def compare_versions(project: Project, store: BulkStore, ledger: Ledger, now: datetime) -> list[Comparison]:
    """All versions of one name that split images, each pair compared once for what people have finished.

    Compared are versions whose images people reviewed, on batches from the time in which both were asked: images of
    another time may be harder.
    """
    return [_kept(project, pair, store, ledger, now) for pair in _rivals(project, ledger)]


def log_comparisons(project: Project, compared: Sequence[Comparison], experiments: Experiments, now: datetime) -> int:
    """Log those that have no MLflow run yet, each with its verdict, and say how many."""
    count = 0
    for found in compared:
        key = f"comparison/{hashlib.sha256(to_json(found).encode()).hexdigest()[:16]}"
        if experiments.is_logged(f"labelcycle/{project.name}", key):
            continue
        experiments.log_evaluation(
            f"labelcycle/{project.name}",
            key=key,
            name=f"{found.second} against {found.first}",
            params={"project": project.name, "first": found.first, "second": found.second},
            metrics=flat_metrics(found),
            tags={"labelcycle.project": project.name, "labelcycle.verdict": found.verdict},
            artifacts={"comparison.json": to_json(found)},
            at=now,
        )
        log.info("project %s: %s", project.name, found.verdict)
        count += 1
    return count


def _kept(
    project: Project, pair: tuple[Finished, Finished], store: BulkStore, ledger: Ledger, now: datetime
) -> Comparison:
    """A comparison as it was kept, or made and kept now."""
    questions = "\n".join(question_id(project, one) for one in pair)
    id_ = f"comparison-{hashlib.sha256(questions.encode()).hexdigest()[:16]}"
    known = ledger.judgements.get(project.name, id_)
    if known:
        return from_json(store.read_text(known.uri))
    first, second = pair
    images = [list(reviewed_images(project, one, store, ledger)) for one in pair]
    found = compare((first.annotator, images[0]), (second.annotator, images[1]), settings_of(project))
    uri = store.write_text(f"comparisons/{project.name}", to_json(found))
    ledger.judgements.add(project.name, id_, second.annotator, uri, now)
    return found


def _rivals(project: Project, ledger: Ledger) -> Iterator[tuple[Finished, Finished]]:
    """Pairs of versions of one name, the one first that was asked first, each with its jobs from their common time."""
    by_name: dict[str, list[Finished]] = defaultdict(list)
    for finished in finished_by_annotator(project, ledger):
        by_name[finished.annotator.partition("@")[0]].append(finished)
    rivals = [versions for versions in by_name.values() if len(versions) > 1]
    ids = {record.batch_id for versions in rivals for one in versions for record in one.records}
    times = {batch.id: batch.planned_at for batch in ledger.batches.get(sorted(ids))}
    for versions in rivals:
        in_order = sorted(versions, key=lambda one: (_span([one], times), one.annotator))
        for pair in combinations(in_order, 2):
            first, second = (_within(_span(pair, times), one, times) for one in pair)
            if first.reviewed and second.reviewed:
                yield first, second


def _span(versions: Sequence[Finished], times: Times) -> tuple[datetime, datetime]:
    """The time in which all of them were asked: from the last one's first batch to the first one's last."""
    own = [[times[record.batch_id] for record in one.records] for one in versions]
    return max(map(min, own)), min(map(max, own))


def _within(span: tuple[datetime, datetime], finished: Finished, times: Times) -> Finished:
    records = (record for record in finished.records if span[0] <= times[record.batch_id] <= span[1])
    return Finished(finished.annotator, tuple(records))
