"""Pictures ahead of the model: in order, each once, never more in memory than the budget."""

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.annotators.window import Window, weight_of
from include.lifecycle.images import Header, Image


def image(number: int, pixels: int = 1) -> Image:
    """Of so many pixels: each weighs 4 bytes."""
    return Image(str(number), f"s3://b/{number}", "e", 0, Header("PNG", pixels, 1, 1, "RGB"))


@dataclass
class Memory:
    """Counts what is in memory: from when a thread begins with an image until it is released."""

    now: int = 0
    most: int = 0
    together: int = 0
    _images: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, image: Image) -> str:
        with self._lock:
            self._images.add(image.id)
            self.now += weight_of(image)
            self.most, self.together = max(self.most, self.now), max(self.together, len(self._images))
        return image.id

    def end(self, taken: list[tuple[Image, str]]) -> None:
        with self._lock:
            self._images -= {image.id for image, _ in taken}
            self.now -= sum(weight_of(image) for image, _ in taken)


@given(
    st.lists(st.integers(1, 60), max_size=25),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(4, 400),
)
def test_every_image_comes_once_in_order_and_memory_is_bounded(
    pixels: list[int], batch: int, workers: int, budget: int
) -> None:
    images = [image(number, size) for number, size in enumerate(pixels)]
    memory, came = Memory(), list[str]()
    with Window(images, memory.begin, batch=batch, workers=workers, budget=budget) as window:
        while taken := window.take():
            assert len(taken) <= batch
            assert len(taken) == 1 or sum(weight_of(one) for one, _ in taken) <= budget // 2
            came += [ready for _, ready in taken]
            memory.end(taken)
            window.release(taken)
            assert taken == []
    assert came == [one.id for one in images]
    assert memory.now == 0
    assert memory.most <= max([budget, *(weight_of(one) for one in images)])
    assert memory.together <= 2 * batch + workers


def test_an_image_weighs_its_file_and_four_bytes_a_pixel() -> None:
    assert weight_of(Image("a", "s3://b/a", "e", 1_000, Header("JPEG", 30, 20, 6, "L"))) == 1_000 + 4 * 600


def test_the_next_are_made_ready_while_the_model_has_a_batch() -> None:
    begun = [threading.Event() for _ in range(6)]

    def begin(image: Image) -> None:
        begun[int(image.id)].set()

    with Window([image(number) for number in range(6)], begin, batch=2, workers=2) as window:
        window.take()
        assert all(event.wait(10) for event in begun[:6])  # two that were taken, two for the next batch, two besides


def test_a_slow_image_does_not_keep_the_model_from_those_that_are_there() -> None:
    asked, second_is_there = threading.Event(), threading.Event()

    def begin(image: Image) -> str:
        if image.id == "2":
            second_is_there.set()
            assert asked.wait(30), "the model was never asked"
        return image.id

    with Window([image(number) for number in range(4)], begin, batch=4, workers=1, patience=0.1) as window:
        assert second_is_there.wait(10)
        first = window.take()
        assert [ready for _, ready in first] == ["0", "1"]
        asked.set()
        window.release(first)
        assert [ready for _, ready in window.take()] == ["2", "3"]


def test_what_a_thread_raises_is_raised_when_its_turn_comes() -> None:
    def begin(image: Image) -> str:
        if image.id == "2":
            raise TimeoutError("the store does not answer")
        return image.id

    with Window([image(number) for number in range(3)], begin, batch=2, workers=2) as window:
        taken = window.take()
        assert [ready for _, ready in taken] == ["0", "1"]
        window.release(taken)
        with pytest.raises(TimeoutError, match="the store does not answer"):
            window.take()


def test_what_was_not_begun_is_given_up_where_the_taker_leaves() -> None:
    made = list[str]()
    with Window(
        [image(number) for number in range(100)], lambda one: made.append(one.id), batch=1, workers=1
    ) as window:
        window.take()
    assert len(made) <= 3
    assert "99" not in made
