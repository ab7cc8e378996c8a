"""Notices: each channel is told of an alarm's beginning and of its end, once; what was not sent, the next run sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from include.clients.ledger import Ledger
from include.lifecycle.alarms import Message, message
from include.projects.model import Project
from include.steps.batches import log


class NotSentError(Exception):
    """A channel did not take a message; the sentence says which and why, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Told:
    """How many messages were sent, and which channels did not take theirs."""

    sent: int
    failed: tuple[str, ...]


def tell(
    project: Project,
    base_url: str,
    channels: Mapping[str, Callable[[Message], None]],
    ledger: Ledger,
    now: datetime,
) -> Told:
    """Send to each channel what it has yet to be told; `base_url` is that of Airflow's pages.

    A message is recorded after it was sent: a run that is killed in between sends it again, with the same key. A
    channel that does not take one is left for the next run, and the others are told.
    """
    sent, failed = 0, list[str]()
    for name, send in channels.items():
        try:
            for alarm, event in ledger.alarms.untold(project.name, name):
                images = ledger.images.get(project.name, alarm.finding.detail.images)
                uris = {id_: image.uri for id_, image in images.items()}
                send(message(project.name, alarm, event, uris, base_url))
                ledger.alarms.record_told(alarm.id, event, name, now)
                sent += 1
        except NotSentError as error:
            log.error("project %s: %s was not told, the next run tries again: %s", project.name, name, error)
            failed.append(name)
    return Told(sent, tuple(failed))
