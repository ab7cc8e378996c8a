"""Alarms: what is wrong with a project, from when it was first seen until it is over, once a cause."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

_LONGEST = 400  # characters of what is wrong that people are sent, its beginning and its end: all of it is on the page


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


@dataclass(frozen=True, slots=True)
class ImageToSee:
    """An image that shows what is wrong: its id, its name for people, and the page that shows it."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told of an alarm. The key is the same however often it is sent; the URL is the alarm's page."""

    key: str
    project: str
    alarm: Alarm
    event: Event
    url: str
    images: tuple[ImageToSee, ...]

    @property
    def what(self) -> str:
        """What is wrong, on one line and no longer than channels take: it may hold words of other systems."""
        words = " ".join(self.alarm.finding.what.split())
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST // 2]} … {words[-_LONGEST // 2 :]}"

    @property
    def subject(self) -> str:
        """One line: how bad or over, where, what."""
        state = "over" if self.event is Event.RESOLVED else self.alarm.finding.severity
        return f"[{state}] {self.project}: {self.what}"

    @property
    def text(self) -> str:
        """All of it, as lines."""
        until = self.alarm.resolved_at if self.event is Event.RESOLVED else None
        when = f"From {words_of(self.alarm.opened_at)} " + (f"to {words_of(until)}" if until else "on")
        worst = [f"Look at {image.name}: {image.url}" for image in self.images]
        return "\n".join([self.subject, f"{when}.", *worst, f"All of it: {self.url}"])


def message(project: str, alarm: Alarm, event: Event, uris: Mapping[str, str], base_url: str) -> Message:
    """What to tell of an alarm: `uris` says where its images are, as far as that is known; `base_url` is Airflow's."""
    page = f"{base_url.rstrip('/')}/labelcycle/quality/{project}"
    known = [id_ for id_ in alarm.finding.detail.images if id_ in uris] if event is Event.OPENED else []
    annotator = alarm.finding.detail.annotator
    asked = f"?annotator={quote(annotator, safe='')}" if annotator else ""
    images = tuple(ImageToSee(id_, uris[id_].rpartition("/")[2], f"{page}/images/{id_}{asked}") for id_ in known)
    return Message(f"{project}/{alarm.id}/{event}", project, alarm, event, f"{page}#alarms", images)


def words_of(moment: datetime) -> str:
    """A moment for people, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
