"""What can go wrong on the way to a server and back, and a seeded plan of which calls it happens to."""

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Work(StrEnum):
    """What becomes of the call's work."""

    UNDONE = "before it was done"
    DONE = "after it was done"
    LATER = "and it is done a moment later"


class Way(StrEnum):
    """What its caller sees."""

    PAGE = "a page"  # HTML with a status, as proxies and gateways send it
    UNREAD = "reset, unread"  # the connection, before the request's body was read
    RESET = "reset"
    SLOW = "slow body"
    CUT = "cut body"  # the connection ends before the announced Content-Length
    EXPIRED = "token expired"  # 401, from now on


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    way: Way
    work: Work = Work.UNDONE
    status: int = 0
    retry_after: str = ""

    @property
    def name(self) -> str:
        """How it is counted."""
        seen = f"{self.status} {self.way}" if self.status else str(self.way)
        after = f", Retry-After {self.retry_after}" if self.retry_after else ""
        return f"{seen}{after}" if self.way in _PLAIN else f"{seen}{after} {self.work}"


_PLAIN = (Way.UNREAD, Way.SLOW, Way.CUT, Way.EXPIRED)
FAULTS = (
    *(Fault(Way.PAGE, work, status) for status in (500, 502, 504) for work in (Work.UNDONE, Work.DONE)),
    Fault(Way.PAGE, Work.LATER, 504),
    *(Fault(Way.PAGE, work, 200) for work in (Work.UNDONE, Work.DONE)),
    Fault(Way.PAGE, status=429),
    *(Fault(Way.PAGE, status=429, retry_after=seconds) for seconds in ("0", "1")),
    Fault(Way.UNREAD),
    *(Fault(Way.RESET, work) for work in Work),
    Fault(Way.SLOW, Work.DONE),
    Fault(Way.CUT, Work.DONE),
    Fault(Way.EXPIRED),
)


@dataclass
class Trouble:
    """Which calls go wrong, and how: by seed, so many in all, and what did.

    Whether a call is struck depends on its method, its address and on how many such calls there were: that another
    kind of call is made more often (a poll, say) changes nothing for it. Tokens expire so many times (`expiries`).
    """

    seed: int
    most: int
    share: float = 0.3
    expiries: int = 2
    struck: Counter[str] = field(default_factory=Counter)
    _calls: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        """Whether nothing goes wrong any more."""
        return self.struck.total() >= self.most

    def draw(self, method: str, path: str) -> Fault | None:
        """What goes wrong with a call, if anything does."""
        call = f"{method} {re.sub(r'[0-9a-f]{8,}|[0-9]+', 'N', path.partition('?')[0])}"
        with self._lock:
            self._calls[call] += 1
            chance = random.Random(f"{self.seed} {call} {self._calls[call]}")
            if self.is_over or chance.random() >= self.share:
                return None
            fault = chance.choice(FAULTS)
            if fault.way is Way.EXPIRED:
                if not self.expiries:
                    return None
                self.expiries -= 1
            if fault.work is Work.LATER and method in ("GET", "HEAD"):
                return Fault(fault.way, Work.UNDONE, fault.status)
            return fault

    def count(self, fault: Fault) -> None:
        """That it happened."""
        with self._lock:
            self.struck[fault.name] += 1
