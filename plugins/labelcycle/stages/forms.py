"""What one may ask of a run: the forms under Trigger in Airflow, and what was filled in.

Airflow refuses a value that is not as the form's JSON schema says, in the UI as in the REST API; but it lets unknown
names pass: a misspelt `dry_run` would be a run in earnest. So they are refused here.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

log = logging.getLogger(__name__)
_DURATION: TypeAdapter[timedelta] = TypeAdapter(timedelta)
_PERIOD = r"P(\d{1,3}[DW]|T\d{1,4}H)"


def ingest_form(uri: str) -> dict[str, Param]:
    """The form of `ingest_<project>`, whose images are under an S3 prefix."""
    return {
        "prefix": Param(
            None,
            type=["null", "string"],
            title="Below this prefix only",
            description=f"Only objects whose keys go on like this after {uri}, as in 2026-11/. Empty: all of them.",
            pattern=r"^(?!s3:|/)\S(.*\S)?$",
            maxLength=500,
        ),
        "images": Param(
            None,
            type=["null", "integer"],
            title="Images at most",
            description="Take in so many new or changed images; the next run finds the others. Empty: all.",
            minimum=1,
            maximum=10_000_000,
        ),
        "review_by": Param(
            None,
            type=["null", "string"],
            title="Review deadline",
            description=(
                "A day (2026-12-24: until its end, UTC) or a duration from the run's start (P3D, P2W, PT36H). CVAT has "
                "no due dates, so people do not see it there: the ledger keeps it for the batches that this run hands "
                "to people, and every later run names those that are late."
            ),
            pattern=rf"^(\d{{4}}-\d{{2}}-\d{{2}}|{_PERIOD})$",
        ),
        "again": Param(
            False,
            type="boolean",
            title="Try again what was set aside",
            description=(
                "Batches that were set aside go back to their beginning; what is there already is found again. "
                "Annotators are asked again about the images that they failed on."
            ),
        ),
        "refresh": Param(
            False,
            type="boolean",
            title="Bring waiting jobs up to date",
            description=(
                "Jobs that nobody has begun get the shapes of the annotators' newer versions; what people changed, "
                "drew or deleted stays so. A project may want it always: batches.refresh."
            ),
        ),
        "dry_run": _dry_run("Count what is new, changed, missing, a copy or unreadable, and what would be planned."),
    }


def release_form() -> dict[str, Param]:
    """The form of `release_<project>`."""
    return {"dry_run": _dry_run("Say the next version, its images a split, and whether it passes the gate.")}


def _dry_run(what: str) -> Param:
    description = f"{what} Writes nothing anywhere; the first task's log and its XCom dry_run have the answer."
    return Param(False, type="boolean", title="Dry run", description=description)


class WrongOptions(AirflowFailException):
    """What was filled in cannot be meant: another try would not mend it."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """The ingest form as it was filled in; `review_by` is a moment."""

    prefix: str = ""
    images: int | None = None
    review_by: datetime | None = None
    again: bool = False
    refresh: bool = False
    dry_run: bool = False

    @staticmethod
    def read(params: Mapping[str, Any], started: datetime) -> "IngestOptions":
        """From a run's params. Raises WrongOptions for unknown names and for a deadline that is none or has passed."""
        _refuse_unknown(params, {"prefix", "images", "review_by", "again", "refresh", "dry_run"})
        return IngestOptions(
            prefix=params["prefix"] or "",
            images=params["images"],
            review_by=_deadline(params["review_by"], started) if params["review_by"] else None,
            again=params["again"],
            refresh=params["refresh"],
            dry_run=params["dry_run"],
        )


@dataclass(frozen=True, slots=True)
class ReleaseOptions:
    """The release form as it was filled in."""

    dry_run: bool = False

    @staticmethod
    def read(params: Mapping[str, Any]) -> "ReleaseOptions":
        """From a run's params. Raises WrongOptions for unknown names."""
        _refuse_unknown(params, {"dry_run"})
        return ReleaseOptions(dry_run=params["dry_run"])


def end_dry_run(answer: "DataclassInstance") -> None:
    """Put a dry run's answer into the task's log and its XCom `dry_run`; then a short circuit is to return None."""
    counts = asdict(answer)
    log.info("dry run, nothing was written: %s", counts)
    get_current_context()["ti"].xcom_push("dry_run", counts)


def _refuse_unknown(params: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(params) - known):
        raise WrongOptions(f"the run was asked for {', '.join(unknown)}, and the form has {', '.join(sorted(known))}")


def _deadline(text: str, started: datetime) -> datetime:
    if text.startswith("P"):
        return started + _DURATION.validate_python(text)
    try:
        end = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(days=1)
    except ValueError as error:
        raise WrongOptions(f"review_by {text} is no day: {error}") from None
    if end <= started:
        raise WrongOptions(f"review_by {text} has passed")
    return end
