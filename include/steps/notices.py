"""Notices: each channel is told of an alarm's beginning and of its end, once; what was not sent, the next run sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from include.clients.ledger import Ledger
from include.lifecycle.alarms import Alarm, Event, Message, message
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
    *,
    patience: float = 60.0,
) -> Told:
    """Send to each channel what it has yet to be told; `base_url` is that of Airflow's pages.

    A message is recorded after it was sent: a run that is killed in between sends it again, with the same key. One that
    a channel does not take is left for the next run; the channel's other messages and the other channels are not held
    up by it. A channel that fails more than `patience` seconds after its first message is left alone: one that hangs
    takes ten for each.
    """
    sent, failed = 0, list[str]()
    for name, send in channels.items():
        begun = monotonic()
        for alarm, event in ledger.alarms.untold(project.name, name):
            if _is_sent(_message(project, alarm, event, base_url, ledger), name, send):
                ledger.alarms.record_told(alarm.id, event, name, now)
                sent += 1
                continue
            failed.append(name)
            if monotonic() > begun + patience:
                break
    return Told(sent, tuple(dict.fromkeys(failed)))


def _message(project: Project, alarm: Alarm, event: Event, base_url: str, ledger: Ledger) -> Message:
    images = ledger.images.get(project.name, alarm.finding.detail.images)
    return message(project.name, alarm, event, {id_: image.uri for id_, image in images.items()}, base_url)


def _is_sent(wanted: Message, channel: str, send: Callable[[Message], None]) -> bool:
    try:
        send(wanted)
    except NotSentError as error:
        log.error("%s: %s was not told, the next run tries again: %s", wanted.key, channel, error)
    except Exception:  # noqa: BLE001  (whatever a channel's library raises, the others are told)
        log.exception("%s: %s was not told, the next run tries again", wanted.key, channel)
    else:
        return True
    return False
