"""Three days of a small project, for real: photographs land, a model and people label them, versions are released."""

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.clients.cvat import CvatAccess, CvatClient
from include.evaluation.snapshot import Snapshot, from_json
from include.local.days import land, review
from include.local.processes import ServerFailed
from include.local.records import PROJECT, DayRecord, day_records, expectations
from include.local.report import REPORT, report
from include.local.stack import ROOT, Stack, embedded
from include.local.state import InUse
from include.pages.report import report as quality_report

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAYS = 3
EXPORT = "s3://labelcycle/exports/street_signs.zip"


@dataclass(frozen=True, slots=True)
class DayFailed(Exception):
    """A DAG run of a day did not succeed."""

    message: str

    def __str__(self) -> str:
        return self.message


def demo(folder: Path) -> int:
    """Play three days on a clean state and print what came of them; the exit code is 0 if each did what it should."""
    begun = time.monotonic()
    try:
        with embedded(folder, anew=True) as stack:
            print(f"The stack runs on {folder}; its logs are in {folder / 'logs'}.")
            records = play(stack)
            snapshot = keep_report(stack)
    except (DayFailed, InUse, ServerFailed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    problems = expectations(records)
    print(report(records, snapshot, folder, time.monotonic() - begun))
    for problem in problems:
        print(f"Not as it should be: {problem}", file=sys.stderr)
    return 1 if problems else 0


def play(stack: Stack) -> list[DayRecord]:
    """Play the days on a running stack."""
    with _quiet(stack.folder / "logs" / "airflow.log"):
        dags = load_dags(stack)
    records: list[DayRecord] = []
    for number in range(1, DAYS + 1):
        play_day(stack, dags, number)
        records = day_records(stack, records)
    export(stack, dags)
    return records


def play_day(stack: Stack, dags: "dict[str, DAG]", number: int) -> None:
    """One day: what lands, ingest, people, evaluate, release. Raises DayFailed where a DAG run does not succeed."""
    print(f"\nday {number}  {land(stack, number)} files land in s3://street-signs/incoming/")
    run(stack, dags, f"day {number}", "ingest_street_signs")
    done = review(stack)
    words = f"completed {done.jobs} jobs, and {done.ground_truths} ground truths"
    print(f"day {number}  the reviewer             {words}", flush=True)
    run(stack, dags, f"day {number}", "evaluate_street_signs")
    run(stack, dags, f"day {number}", "release_street_signs")


def export(stack: Stack, dags: "dict[str, DAG]") -> None:
    """All that is in CVAT in the end, as CVAT's own file, by the maintenance DAG that people use."""
    form = {"target": "project", "target_id": cvat_project(stack), "to": EXPORT}
    print()
    run(stack, dags, "the end", "export_annotations", form)


def keep_report(stack: Stack) -> Snapshot:
    """Write the project's report on one page into the stack's folder, and say what it shows. Raises DayFailed where
    there is no snapshot."""
    ledger = stack.ledger()
    try:
        kept = ledger.snapshots.newest(PROJECT)
    finally:
        ledger.engine.dispose()
    if kept is None:
        raise DayFailed(f"evaluate_{PROJECT} has kept no snapshot: {stack.folder / 'logs' / 'airflow.log'} says why")
    snapshot = from_json(stack.read_text(kept.uri))
    (stack.folder / REPORT).write_text(quality_report(snapshot), encoding="utf-8")
    return snapshot


def cvat_project(stack: Stack) -> int:
    """CVAT's id of the project."""
    with CvatClient(CvatAccess(stack.cvat.url, username=stack.cvat.username, password=stack.cvat.password)) as cvat:
        project_id = cvat.find_project(PROJECT)
    if project_id is None:
        raise DayFailed(f"CVAT has no project {PROJECT}: no task was made")
    return project_id


def load_dags(stack: Stack) -> "dict[str, DAG]":
    """The project's DAGs, from Airflow's own loader on a fresh metadata database."""
    os.environ.update(stack.environment())
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(str(ROOT / "dags"))
    if bag.import_errors or not bag.dags:
        raise DayFailed(f"the DAGs cannot be loaded: {bag.import_errors or 'there are none'}")
    return dict(bag.dags)


def run(stack: Stack, dags: "dict[str, DAG]", when: str, dag_id: str, form: Mapping[str, object] | None = None) -> None:
    """Run a DAG in this process, as `airflow dags test` does. Raises DayFailed where it does not succeed."""
    begun, log = time.monotonic(), stack.folder / "logs" / "airflow.log"
    print(f"{when}  {dag_id:<24}", end="", flush=True)
    with _quiet(log):
        state = dags[dag_id].test(run_conf=dict(form or {})).state
    print(f" {state} in {time.monotonic() - begun:.1f} s", flush=True)
    if state != "success":
        raise DayFailed(f"{dag_id} did not succeed on {when}: {log} says why")


@contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """What Airflow prints goes into a log: file descriptors and all, because its task runner writes to them."""
    log.parent.mkdir(parents=True, exist_ok=True)
    logging.captureWarnings(True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with log.open("ab") as file:
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
