import threading
import time
from collections.abc import Iterator

import pytest

from include.clients.ahead import ahead


def test_results_keep_the_order_whoever_is_done_first() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number

    assert list(ahead(slow_first, range(10), workers=4)) == list(range(10))


def test_no_more_than_workers_are_taken_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ahead(lambda number: number, items(), workers=3)
    for number in range(20):
        assert next(results) == number
        assert len(taken) <= number + 3
    results.close()


def test_workers_work_at_the_same_time() -> None:
    meeting = threading.Barrier(4, timeout=5)
    assert len(list(ahead(lambda _: meeting.wait(), range(4), workers=4))) == 4


def test_an_error_comes_in_its_turn_and_ends_the_rest() -> None:
    results = ahead(lambda number: 10 // number, [5, 2, 0, 1], workers=4)
    assert [next(results), next(results)] == [2, 5]
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)
