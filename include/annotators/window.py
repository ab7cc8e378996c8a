"""Images made ready ahead of the model, in their order, within a bound on memory."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, Self, TypeVar

from include.lifecycle.images import Image

_Ready = TypeVar("_Ready")

BUDGET = 256 << 20  # bytes: some 60 megapixels
PATIENCE = 5.0  # seconds; a store that is slow now and then must not keep the model from what is there


class Window(Generic[_Ready]):
    """`make_ready(image)` for each image, in the order of the images, computed in `workers` threads.

    What is under way, waits, or was taken and not released weighs `budget` bytes at the most, however many images the
    model likes at once; one image that weighs more is in memory alone. While the model has one batch, the next is made
    ready. A context: leaving it gives up what was not taken.
    """

    def __init__(
        self,
        images: Sequence[Image],
        make_ready: Callable[[Image], _Ready],
        *,
        batch: int,
        workers: int,
        budget: int = BUDGET,
        patience: float = PATIENCE,
    ) -> None:
        self._make_ready, self._batch, self._budget, self._patience = make_ready, batch, budget, patience
        self._most = batch + workers
        self._coming = deque(images)
        self._begun: deque[tuple[Image, Future[_Ready]]] = deque()
        self._held = 0
        self._pool = ThreadPoolExecutor(workers)

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self) -> list[tuple[Image, _Ready]]:
        """The next images, with what was made of them; none at the end.

        As many as the batch, but fewer where they weigh more than half the budget (the other half is for those that
        come next), or where the next is not ready within `patience` seconds. What `make_ready` raises is raised when
        its turn comes.
        """
        taken: list[tuple[Image, _Ready]] = []
        weight = 0
        while self._begun and len(taken) < self._batch:
            image, future = self._begun[0]
            weight += weight_of(image)
            if taken and (weight > self._budget // 2 or not wait([future], self._patience).done):
                break
            taken.append((image, future.result()))
            self._begun.popleft()
        self._begin()
        return taken

    def release(self, taken: list[tuple[Image, _Ready]]) -> None:
        """Give up what was taken; the list is emptied, so that nothing keeps it in memory."""
        self._held -= sum(weight_of(image) for image, _ in taken)
        taken.clear()
        self._begin()

    def _begin(self) -> None:
        while self._coming and len(self._begun) < self._most and self._fits(self._coming[0]):
            image = self._coming.popleft()
            self._held += weight_of(image)
            self._begun.append((image, self._pool.submit(self._make_ready, image)))

    def _fits(self, image: Image) -> bool:
        return not self._held or self._held + weight_of(image) <= self._budget


def weight_of(image: Image) -> int:
    """The bytes of an image in memory: its file's and its pixels', of which Pillow keeps 4 bytes each."""
    return image.size + 4 * image.header.width * image.header.height
