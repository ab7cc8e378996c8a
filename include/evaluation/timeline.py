"""Over time: the figures of each day or week, by when people finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from include.evaluation.detection import Figures, detection_figures
from include.evaluation.tally import Tally

_MOST_DAYS = 45  # in days up to so many, in weeks beyond


@dataclass(frozen=True, slots=True)
class Period:
    """A day, or a week from its Monday: its first day, how many days it has, its reviewed images and their figures."""

    first: date
    days: int
    images: int
    figures: Figures


def timeline(found: Tally, finished_at: Sequence[datetime | None]) -> tuple[Period, ...]:
    """The figures by period, the earliest first; images without a moment are in none."""
    days = [moment.date() if moment else None for moment in finished_at]
    known = [day for day in days if day]
    if not known:
        return ()
    length = 1 if (max(known) - min(known)).days < _MOST_DAYS else 7
    firsts = np.array([_first(day, length).toordinal() if day else 0 for day in days])
    return tuple(_period(found, firsts == first, int(first), length) for first in np.unique(firsts[firsts > 0]))


def _first(day: date, length: int) -> date:
    return day if length == 1 else day - timedelta(days=day.weekday())


def _period(found: Tally, chosen: np.ndarray, first: int, days: int) -> Period:
    return Period(date.fromordinal(first), days, int(chosen.sum()), detection_figures(found.of(chosen)))
