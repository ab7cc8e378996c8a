"""The forms under Trigger: what they let in, what they refuse, and what a run makes of it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from labelcycle.stages.forms import IngestOptions, ReleaseOptions, WrongOptions, ingest_form, release_form

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

FORM = ingest_form("s3://signs/incoming/")
STARTED = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def filled_in(form: Mapping[str, Param], **values: object) -> dict[str, object]:
    """What Airflow makes of a form and a run's conf. Raises ParamValidationError, which the API answers as 400."""
    params = ParamsDict(dict(form))
    params.update(values)
    return dict(params.validate())


def test_a_run_without_a_form_does_everything() -> None:
    assert IngestOptions.read(filled_in(FORM), STARTED) == IngestOptions("", None, None, False)
    assert ReleaseOptions.read(filled_in(release_form())) == ReleaseOptions(dry_run=False)


def test_a_form_that_is_filled_in() -> None:
    params = filled_in(FORM, prefix="2026-11/", images=20, review_by="2026-12-24", refresh=True, dry_run=True)
    end_of_day = datetime(2026, 12, 25, tzinfo=UTC)
    assert IngestOptions.read(params, STARTED) == IngestOptions("2026-11/", 20, end_of_day, refresh=True, dry_run=True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("P3D", datetime(2026, 12, 4, 9, 30, tzinfo=UTC)),
        ("P2W", datetime(2026, 12, 15, 9, 30, tzinfo=UTC)),
        ("PT36H", datetime(2026, 12, 2, 21, 30, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 2, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_a_day_or_a_duration(text: str, moment: datetime) -> None:
    assert IngestOptions.read(filled_in(FORM, review_by=text), STARTED).review_by == moment


@pytest.mark.parametrize(
    "values",
    [
        {"images": 0},
        {"images": "20"},
        {"images": 1.5},
        {"dry_run": "yes"},
        {"dry_run": None},
        {"prefix": ""},
        {"prefix": "/2026"},
        {"prefix": "s3://another/bucket/"},
        {"prefix": " 2026/"},
        {"prefix": "x" * 501},
        {"review_by": "tomorrow"},
        {"review_by": "24.12.2026"},
        {"review_by": "P0.5D"},
        {"review_by": "2026-12-24T12:00:00"},
    ],
)
def test_what_airflow_refuses(values: dict[str, object]) -> None:
    with pytest.raises(ParamValidationError, match=next(iter(values))):
        filled_in(FORM, **values)


@pytest.mark.parametrize(
    ("review_by", "words"), [("2026-02-30", "is no day: day .* out of range|is no day"), ("2026-11-30", "has passed")]
)
def test_a_deadline_that_cannot_be_meant(review_by: str, words: str) -> None:
    with pytest.raises(WrongOptions, match=f"review_by {review_by} ({words})"):
        IngestOptions.read(filled_in(FORM, review_by=review_by), STARTED)


def test_a_misspelt_name_is_refused_rather_than_passed_over() -> None:
    with pytest.raises(
        WrongOptions, match="asked for dryrun, and the form has again, dry_run, images, prefix, refresh, review"
    ):
        IngestOptions.read(filled_in(FORM, dryrun=True), STARTED)
    with pytest.raises(WrongOptions, match="asked for dry-run, and the form has dry_run"):
        ReleaseOptions.read(filled_in(release_form(), **{"dry-run": True}))


@pytest.mark.parametrize("form", [FORM, release_form()])
def test_every_field_says_what_it_is(form: Mapping[str, Param]) -> None:
    for param in form.values():
        assert param.schema["title"]
        assert len(param.description or "") > 40
