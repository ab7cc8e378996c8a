"""What CVAT must not do twice: looked for first; where the answer is lost, looked for until it cannot come any more."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from include.clients.cvat.errors import UnknownOutcomeError

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asking:
    """How one asks for something: when that was done before (aware; None for never, as far as is known), where the
    intent to ask is kept, after how long a call cannot take effect any more, and what log lines call it."""

    asked_at: datetime | None
    intend: Callable[[datetime], None]
    server_timeout: timedelta
    name: str


def once(asking: Asking, look: Callable[[], T | None], act: Callable[[], T]) -> T:
    """Look for a thing, keep the intent, ask for it. Where the answer is lost it is looked for until the server's time
    has run out, and asked for once more.

    Raises UnknownOutcomeError where that answer is lost too: the next run looks first, as this one did.
    """

    def found_or_done(asked_at: datetime | None) -> T:
        if (found := look_until_known(look, asked_at, asking.server_timeout)) is not None:
            return found
        asking.intend(datetime.now(UTC))
        return act()

    try:
        return found_or_done(asking.asked_at)
    except UnknownOutcomeError as error:
        log.warning("%s: %s", asking.name, error)
        return found_or_done(datetime.now(UTC))


def look_until_known(look: Callable[[], T | None], asked_at: datetime | None, server_timeout: timedelta) -> T | None:
    """Look for the effect of a call whose outcome is unknown, until the server cannot be working on it any more.

    The pause between looks grows from 0.1 s to 5 s. Without a call in the past (`asked_at` None) it looks once.
    """
    pause = 0.1
    while (found := look()) is None and (left := still_possible(asked_at, server_timeout)) > 0:
        time.sleep(min(pause, left))
        pause = min(2 * pause, 5.0)
    return found


def still_possible(asked_at: datetime | None, server_timeout: timedelta) -> float:
    """For how long a call may still take effect at the server; 0 without one."""
    if asked_at is None:
        return 0.0
    return max(0.0, (asked_at + server_timeout - datetime.now(UTC)).total_seconds())
