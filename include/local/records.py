"""What each day of the demo did, read from the ledger, and what it should have done."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from include.clients.ledger import Ledger
from include.clients.ledger.tables import batches, jobs, revisions
from include.evaluation.calibration import Calibration
from include.evaluation.calibration import from_json as calibration_from
from include.evaluation.evaluation import Evaluation, from_json
from include.evaluation.outcomes import OutcomeCounts
from include.lifecycle.images import ImageState
from include.local.days import SEED
from include.local.photographs import load_truth
from include.local.stack import Stack
from include.local.unseen import Flaws, unseen

PROJECT = "street_signs"


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts up to the end of a day: images, tasks, jobs by how they were accepted, predictions by what people made of
    them, and of the objects accepted unseen those that are not as they should be, or would not be if people had seen
    them."""

    found: int = 0
    batched: int = 0
    quarantined: int = 0
    tasks: int = 0
    automatic: int = 0
    person: int = 0
    audit: int = 0
    kept: int = 0
    edited: int = 0
    relabelled: int = 0
    deleted: int = 0
    added: int = 0
    unseen: int = 0
    wrong: int = 0
    missing: int = 0
    misread: int = 0
    wrong_if_seen: int = 0
    missing_if_seen: int = 0
    misread_if_seen: int = 0

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(**{name: getattr(self, name) - getattr(other, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class DayRecord:
    """A day: what it added, the figures so far, what scores are worth by then, and the version it released."""

    totals: Totals
    added: Totals
    evaluation: Evaluation | None
    calibration: Calibration | None
    tag: str | None


def day_records(stack: Stack, before: Sequence[DayRecord]) -> list[DayRecord]:
    """The records of the days before, and that of the day that has just ended."""
    ledger = stack.ledger()
    try:
        evaluation = _latest(stack, ledger)
        outcomes = evaluation.outcomes.total if evaluation and evaluation.outcomes else OutcomeCounts()
        truth = load_truth(stack.folder / "truth.json")
        totals = _totals(ledger, outcomes, *unseen(PROJECT, stack, ledger, truth, SEED))
        calibration = _calibration(stack, ledger)
        released = {release.tag for release in ledger.releases.all(PROJECT) if release.released_at}
    finally:
        ledger.engine.dispose()
    new = released - {record.tag for record in before}
    last = before[-1].totals if before else Totals()
    return [*before, DayRecord(totals, totals - last, evaluation, calibration, ", ".join(sorted(new)) or None)]


def expectations(records: Sequence[DayRecord]) -> list[str]:
    """What is not as it should be after the three days, a sentence each; nothing is the aim."""
    wanted = [
        ("day 1", {"found": 48, "batched": 48, "quarantined": 0, "tasks": 3}, "street_signs-v1.0.0"),
        ("day 2", {"found": 27, "batched": 24, "quarantined": 3, "tasks": 2}, "street_signs-v1.1.0"),
        ("day 3", dict.fromkeys(Totals.__slots__, 0), None),
    ]
    problems = [] if len(records) == len(wanted) else [f"{len(records)} days were played, not {len(wanted)}"]
    for record, (name, counts, tag) in zip(records, wanted, strict=False):
        for count, value in counts.items():
            if (found := getattr(record.added, count)) != value:
                problems.append(f"{name}: {count} is {found}, not {value}")
        if record.tag != tag:
            problems.append(f"{name}: released {record.tag}, not {tag}")
    first = records[0].totals if records else Totals()
    accepted = {"automatically": first.automatic, "by a person": first.person, "in an audit": first.audit}
    return problems + [f"day 1: no job was accepted {how}" for how, count in accepted.items() if not count]


def _latest(stack: Stack, ledger: Ledger) -> Evaluation | None:
    record = ledger.reviews.latest_evaluation(PROJECT)
    return from_json(stack.read_text(record.uri)) if record else None


def _calibration(stack: Stack, ledger: Ledger) -> Calibration | None:
    records = ledger.calibrations.newest(PROJECT).values()
    return next((calibration_from(stack.read_text(record.uri)) for record in records), None)


def _totals(ledger: Ledger, outcomes: OutcomeCounts, left: Flaws, reviewed: Flaws) -> Totals:
    states: dict[str, int] = {}
    for (state, _), count in ledger.images.counts(PROJECT).items():
        states[state] = states.get(state, 0) + count
    accepted = _accepted(ledger)
    with ledger.engine.connect() as connection:
        tasks = connection.scalar(select(func.count()).where(batches.c.task_id.is_not(None))) or 0
    return Totals(
        found=sum(states.values()),
        batched=states.get(ImageState.BATCHED, 0),
        quarantined=states.get(ImageState.QUARANTINED, 0),
        tasks=tasks,
        automatic=accepted.get("automatic", 0),
        person=accepted.get("person", 0),
        audit=accepted.get("audit", 0),
        kept=outcomes.kept,
        edited=outcomes.edited,
        relabelled=outcomes.relabelled,
        deleted=outcomes.deleted,
        added=outcomes.added,
        unseen=left.objects,
        wrong=left.wrong,
        missing=left.missing,
        misread=left.misread,
        wrong_if_seen=reviewed.wrong,
        missing_if_seen=reviewed.missing,
        misread_if_seen=reviewed.misread,
    )


def _accepted(ledger: Ledger) -> dict[str, int]:
    current = (
        (jobs.c.batch_id == revisions.c.batch_id)
        & (jobs.c.index == revisions.c.job_index)
        & (jobs.c.revision_id == revisions.c.id)
    )
    query = select(revisions.c.accepted, func.count().label("jobs")).join(jobs, current).group_by(revisions.c.accepted)
    with ledger.engine.connect() as connection:
        return {row.accepted: row.jobs for row in connection.execute(query)}
