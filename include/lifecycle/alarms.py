"""Alarms: what is wrong with a project, from when it was first seen until it is over, once a cause."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"  # what is made meanwhile is worse than it should be
    WARNING = "warning"  # something waits for a person


class Event(StrEnum):
    """What people are told of an alarm."""

    OPENED = "opened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Detail:
    """What leads from an alarm to its reason: the annotator version, the label, and images to look at, worst first."""

    annotator: str | None = None
    label: str | None = None
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now. The cause names it for as long as it lasts; what is a sentence for people."""

    cause: str
    what: str
    severity: Severity
    detail: Detail = Detail()


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding as the ledger knows it: since when, when it was last seen, and when it was over."""

    id: int
    finding: Finding
    opened_at: datetime
    seen_at: datetime
    resolved_at: datetime | None = None
