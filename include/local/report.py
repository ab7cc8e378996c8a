"""The demo's report: the days, a row each, and where to look next."""

from collections.abc import Sequence
from pathlib import Path

from include.evaluation.snapshot import Snapshot
from include.local.records import DayRecord

REPORT = "report.html"  # in the stack's folder
Row = tuple[str, ...]


def report(records: Sequence[DayRecord], snapshot: Snapshot, folder: Path, seconds: float) -> str:
    """The tables as text."""
    images: list[Row] = [
        ("day", "found", "batched", "quarantined", "tasks", "automatic", "by people", "in audit", "released")
    ]
    objects: list[Row] = [("day", "kept", "edited", "relabelled", "deleted", "added")]
    for number, record in enumerate(records, 1):
        a = record.added
        images.append(
            _row(number, a.found, a.batched, a.quarantined, a.tasks, a.automatic, a.person, a.audit, record.tag or "-")
        )
        objects.append(_row(number, a.kept, a.edited, a.relabelled, a.deleted, a.added))
    parts = [
        "\nImages and jobs, a day", _table(images),
        "\nPredictions, and what people made of them, a day", _table(objects),
        "\nJobs that people were spared, and the objects in them that nobody saw, against the truth (in brackets: what "
        "the reviewer\nwould have left)", _spared(records),
        "\nWhat scores are worth, learnt by the end of a day from people's reviews (held out)", _calibrations(records),
        "\nThe annotator so far, against jobs that people completed (weighted for the whole)", _figures(records),
        "\nThe same on images that the reviewer labelled once more, without seeing its predictions", _blind(snapshot),
        _next(folder, seconds),
    ]  # fmt: skip
    return "\n".join(parts)


def _spared(records: Sequence[DayRecord]) -> str:
    rows: list[Row] = [("day", "jobs", "spared", "share", "objects unseen", "wrong", "missing", "misread")]
    whole = [("all", records[-1].totals)] if records else []
    for name, a in [*((str(number), record.added) for number, record in enumerate(records, 1)), *whole]:
        jobs = a.automatic + a.person + a.audit
        share = f"{a.automatic / jobs:.0%}" if jobs else "-"
        flaws = (
            f"{a.wrong} ({a.wrong_if_seen})",
            f"{a.missing} ({a.missing_if_seen})",
            f"{a.misread} ({a.misread_if_seen})",
        )
        rows.append(_row(name, jobs, a.automatic, share, a.unseen, *flaws))
    return _table(rows)


def _calibrations(records: Sequence[DayRecord]) -> str:
    rows: list[Row] = [("day", "class", "judged", "curve", "log loss", "calibration error")]
    for number, record in enumerate(records, 1):
        found = record.calibration
        learnt = {"all": found.pooled, **found.by_class} if found else {}
        for label, one in learnt.items():
            if one:
                loss = f"{one.loss_before:.3f} -> {one.loss_after:.3f}"
                error = f"{one.before.error:.3f} -> {one.after.error:.3f}"
                rows.append(_row(number, label, one.support, one.curve.kind, loss, error))
        if not any(learnt.values()):
            rows.append(_row(number, "-", "too few", "-", "-", "-"))
    return _table(rows)


def _figures(records: Sequence[DayRecord]) -> str:
    labels = sorted({label for r in records if r.evaluation for label in r.evaluation.figures.by_class})
    rows: list[Row] = [("day", *(f"F1 {label}" for label in labels), "F1 micro", "share measured")]
    for number, record in enumerate(records, 1):
        if record.evaluation is None:
            continue
        figures = record.evaluation.figures
        f1 = [figures.by_class[label].rates.f1 if label in figures.by_class else None for label in labels]
        share = record.evaluation.coverage.share_measured
        measured = "-" if share is None else f"{share:.0%}"
        rows.append((str(number), *(_figure(value) for value in (*f1, figures.micro.rates.f1)), measured))
    return _table(rows)


def _blind(snapshot: Snapshot) -> str:
    """On the images of which there are both, what the reviews say and what the blind labels say."""
    rows: list[Row] = [("class", "F1 reviewed", "F1 blind", "mean IoU reviewed", "mean IoU blind")]
    for blind in (state.blind for state in snapshot.annotators if state.blind):
        if not (blind.reviewed and blind.beside):
            continue
        for label in (*sorted(blind.reviewed.by_class), None):
            both = [one.by_class.get(label) if label else one.micro for one in (blind.reviewed, blind.beside)]
            f1 = [_figure(one.rates.f1 if one else None) for one in both]
            iou = [_figure(one.rates.mean_iou if one else None) for one in both]
            rows.append((label or "micro", *f1, *iou))
    return _table(rows)


def _next(folder: Path, seconds: float) -> str:
    return f"""
Done in {seconds:.0f} s. Where to look next:
  the report       {folder / REPORT}, on one page: open it in a browser
  the quality page make up, which prints its address: the same with charts, and the worst images with what is wrong
  the versions     git -C {folder / "datasets.git"} log --oneline --decorate main
  one of them      make bucket, and in another shell what it prints
  CVAT's own file  s3://labelcycle/exports/street_signs.zip, in the bucket of make bucket
  MLflow           .venv/bin/mlflow ui --backend-store-uri sqlite:///{folder / "mlflow.db"}
  the ledger       {folder / "ledger.db"}, a SQLite file; what was done is its table audit
  Airflow's log    {folder / "logs" / "airflow.log"}"""


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _row(*values: object) -> Row:
    return tuple(str(value) for value in values)


def _table(rows: Sequence[Row]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)
