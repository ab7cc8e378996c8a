"""What a wait can know beforehand: how long CVAT will take, and how often it may be asked."""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile

_OBSERVATIONS = 50
_LEAST = 0.05  # seconds: less is not worth a prediction


class Expectation:
    """How long CVAT works on a request of so many images: a line through the last 50 that were seen to end.

    It begins with figures of other servers (images, seconds), which its own push out.
    """

    def __init__(self, priors: Iterable[tuple[int, float]]) -> None:
        self._seen = deque(priors, maxlen=_OBSERVATIONS)

    def learn(self, images: int, seconds: float) -> None:
        """That a request of so many images was worked on for so long."""
        self._seen.append((images, seconds))

    def seconds(self, images: int) -> float:
        """How long a request of so many images should take. More images never make it shorter."""
        count = len(self._seen)
        mean_images = sum(one for one, _ in self._seen) / count
        mean_seconds = sum(one for _, one in self._seen) / count
        spread = sum((one - mean_images) ** 2 for one, _ in self._seen)
        together = sum((one - mean_images) * (took - mean_seconds) for one, took in self._seen)
        slope = max(together / spread, 0.0) if spread else 0.0
        return max(mean_seconds + slope * (images - mean_images), _LEAST)


class Budget:
    """What calls may cost a server, in seconds of one of its cores: a share of the time, and a burst.

    A call that costs more than the burst is made when the burst is whole; what it overdraws is waited for. Many draw on
    it together: what cannot be made yet is claimed, and has its turn before what is claimed later, even if it is dear.
    """

    def __init__(self, share: float, burst: float, now: float) -> None:
        self._share, self._burst = share, burst
        self._balance, self._moment = burst, now
        self._claims: dict[object, float] = {}  # first come, first served
        self.quiet_until = now  # nobody shall ask before: the server is down, or wants to be left alone

    def claim(self, who: object, cost: float) -> float:
        """When this call may be made, after those that others claimed before. It is claimed until `forgo`."""
        self._claims[who] = min(cost, self._burst)
        before = takewhile(lambda other: other is not who, self._claims)
        return self.ready(cost) + sum(self._claims[other] for other in before) / self._share

    def forgo(self, who: object) -> None:
        """That a call was made, or is not wanted any more."""
        self._claims.pop(who, None)

    def ready(self, cost: float) -> float:
        """When a call of this cost may be made: a moment, in the past where it may be made at once."""
        return self._moment + (min(cost, self._burst) - self._balance) / self._share

    def spend(self, cost: float, now: float) -> None:
        """That a call was made."""
        self._balance = min(self._balance + (now - self._moment) * self._share, self._burst) - cost
        self._moment = now
