"""The limit on calls without credentials: so many a minute from one address, as CVAT counts them. Off unless asked."""

import math
import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta

from include.emulator.answers import Refusal

CALLS = 100
_WITHIN = timedelta(minutes=1)


class Throttle:
    """Remembers the anonymous calls of the last minute, by address."""

    def __init__(self) -> None:
        self.on = False
        self._calls: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def count(self, address: str, now: datetime) -> None:
        """Counts a call. Raises a 429 refusal when it is one too many, which then does not count."""
        with self._lock:
            calls = self._calls[address]
            while calls and calls[0] <= now - _WITHIN:
                calls.popleft()
            if not self.on or len(calls) < CALLS:
                calls.append(now)
                return
            wait_s = math.ceil((calls[0] + _WITHIN - now).total_seconds())
        text = f"Request was throttled. Expected available in {wait_s} second{'s' if wait_s > 1 else ''}."
        raise Refusal(429, {"detail": text}, headers={"retry-after": str(wait_s)})
