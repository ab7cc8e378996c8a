"""Numbers and moments as people read them: values from the field, read by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest

from include.evaluation.bootstrap import Interval
from include.evaluation.snapshot import ImageLink
from include.pages.addresses import Addresses
from include.pages.formats import age, count, figure, file_name, minutes, moment, percent, shorter, signed, span

NOW = datetime(2026, 3, 14, 9, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (figure(0.805), "0.81"),
        (figure(None), "–"),
        (signed(0.054), "+0.05"),
        (signed(-0.2), "−0.20"),
        (percent(0.685), "68%"),
        (count(1234567), "1,234,567"),
        (count(3.0), "3"),
        (count(2.4), "2.4"),
        (count(12.4), "12"),
        (span(Interval(0.7, 0.9, 0.05)), "0.70–0.90"),
        (span(None), ""),
        (minutes(31.4), "31 min"),
        (minutes(190), "3.2 h"),
        (moment(NOW), "14 Mar 2026, 09:05 UTC"),
        (moment(date(2026, 3, 4)), "4 Mar 2026"),
        (age(NOW - timedelta(seconds=70), NOW), "1 minute"),
        (age(NOW - timedelta(hours=47), NOW), "47 hours"),
        (age(NOW - timedelta(hours=49), NOW), "2 days"),
        (age(NOW + timedelta(seconds=5), NOW), "0 minutes"),
        (file_name("s3://bucket/a/b.jpg"), "b.jpg"),
        (shorter("a" * 24), "a" * 24),
        (shorter("a" * 20 + "b" * 20), "a" * 16 + "…" + "b" * 7),
    ],
)
def test_values_as_people_read_them(text: str, wanted: str) -> None:
    assert text == wanted


def test_addresses_are_quoted_and_none_where_nothing_is_known() -> None:
    own = Addresses("/labelcycle", "", "https://cvat", "https://mlflow")
    assert own.image("a b", "1/2", "x@1") == "/labelcycle/quality/a%20b/images/1%2F2?annotator=x%401"
    assert own.job(ImageLink("s3://b/k", 3, 4, 0)) == "https://cvat/tasks/3/jobs/4?frame=0"
    assert own.job(ImageLink("s3://b/k", 3, None, 0)) is None
    nowhere = Addresses()
    assert nowhere.overview() is nowhere.project("p") is nowhere.image("p", "i") is nowhere.picture("p", "i") is None
    assert (
        nowhere.dag("d") is nowhere.job(ImageLink("s3://b/k", 3, 4, 0)) is nowhere.run("r") is nowhere.task(3) is None
    )
