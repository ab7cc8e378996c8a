"""What one asks of the stack that runs in another terminal: the next day, and the reviewer's work."""

from pathlib import Path

from include.local.airflow import airflow_of
from include.local.days import land, last_day, review
from include.local.rest import Airflow, AirflowApi
from include.local.stack import Stack, stack_of
from include.local.state import State

INGEST, EVALUATE, RELEASE = (f"{verb}_street_signs" for verb in ("ingest", "evaluate", "release"))


class NotRunning(Exception):
    """No stack runs on the folder."""


def next_day(folder: Path) -> None:
    """Put the next day's images into the running stack's bucket and ask for an ingest run. Raises NotRunning."""
    stack, airflow = running_stack(folder)
    number = last_day(folder) + 1
    with AirflowApi(airflow) as api:
        api.get(f"/dags/{INGEST}")  # nothing lands before somebody can be asked to take it in
        files = land(stack, number)
        run_id = api.trigger(INGEST)
    print(
        f"Day {number}: {files} files landed in s3://street-signs/incoming/, and an ingest run was asked for:\n"
        f"  {airflow.url}/dags/{INGEST}/runs/{run_id}\n"
        "When it has ended: make review"
    )


def work_through(folder: Path) -> None:
    """Let the reviewer complete the jobs that wait in the running stack's CVAT. Raises NotRunning."""
    stack, airflow = running_stack(folder)
    if not last_day(folder):
        print("No photographs have landed yet: make day")
        return
    done = review(stack)
    if not (done.jobs or done.ground_truths):
        print(f"Nothing waits for the reviewer. Has the ingest run ended? {airflow.url}/dags/{INGEST}; else: make day")
        return
    print(
        f"The reviewer completed {done.jobs} jobs: {done.kept} objects kept, {done.edited} edited, "
        f"{done.relabelled} relabelled, {done.deleted} deleted, {done.added} added; "
        f"and {done.ground_truths} ground truths, with {done.drawn} objects.\n"
        f"Now trigger, one after the other:\n  {airflow.url}/dags/{EVALUATE}\n  {airflow.url}/dags/{RELEASE}\n"
        "Or let the next photographs land: make day"
    )


def running_stack(folder: Path) -> tuple[Stack, Airflow]:
    """The stack that runs on a folder. Raises NotRunning."""
    if not State(folder).is_in_use():
        raise NotRunning(f"no stack runs on {folder}: start it with make up, and leave it running in its terminal")
    return stack_of(folder), airflow_of(State(folder))
