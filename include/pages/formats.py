"""Formats: numbers and moments as people read them. What is not known is a dash."""

from datetime import date, datetime
from pathlib import PurePosixPath

from include.evaluation.bootstrap import Interval

UNKNOWN = "–"
_HOURS, _DAYS = 3600, 86400


def figure(value: float | None) -> str:
    """A rate in 0..1 with two digits."""
    return UNKNOWN if value is None else f"{value:.2f}"


def signed(value: float | None) -> str:
    """A difference of rates, with its sign."""
    return UNKNOWN if value is None else f"{value:+.2f}".replace("-", "−")


def percent(value: float | None) -> str:
    """A share in 0..1."""
    return UNKNOWN if value is None else f"{value:.0%}"


def count(value: float | None) -> str:
    """A number of things; weighted ones need not be whole."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 10 or float(value).is_integer() else f"{value:,.1f}"


def span(interval: Interval | None) -> str:
    """From where to where a figure may be."""
    return "" if interval is None else f"{interval.low:.2f}–{interval.high:.2f}"


def minutes(value: float | None) -> str:
    """Minutes, as hours where they are many."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} min" if value < 120 else f"{value / 60:.1f} h"


def moment(value: date | datetime) -> str:
    """A day, with its time in UTC where it has one."""
    day = f"{value.day} {value:%b %Y}"
    return f"{day}, {value:%H:%M} UTC" if isinstance(value, datetime) else day


def age(since: datetime, now: datetime) -> str:
    """How long something has lasted."""
    seconds = (now - since).total_seconds()
    if seconds < _HOURS:
        return _times(seconds / 60, "minute")
    return _times(seconds / _HOURS, "hour") if seconds < 2 * _DAYS else _times(seconds / _DAYS, "day")


def file_name(uri: str) -> str:
    """The last part of a URI."""
    return PurePosixPath(uri).name or uri


def shorter(text: str, most: int = 24) -> str:
    """A name, cut in the middle where it is long."""
    return text if len(text) <= most else f"{text[: most - 8]}…{text[-7:]}"


def _times(number: float, name: str) -> str:
    whole = max(0, int(number))
    return f"{whole} {name}" + ("" if whole == 1 else "s")
