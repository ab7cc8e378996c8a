"""What is wrong with a frame, by hand."""

from include.local.reviewer import Drawn
from include.local.signs import TrueObject
from include.local.unseen import Flaws, flaws

STOP = TrueObject("word", "Stop", (10, 10, 50, 30))
TEN = TrueObject("number", "10", (100, 10, 120, 30))
SIZE = (200, 100)


def test_what_is_as_it_should_be_has_no_flaw() -> None:
    drawn = [Drawn(1, "word", "Stop", (10, 10, 50, 30)), Drawn(2, "number", "10", (100, 10, 120, 28))]
    assert flaws(drawn, [STOP, TEN], SIZE) == Flaws(objects=2)


def test_wrong_missing_and_misread_ones_are_told_apart() -> None:
    """A box that is too small and one of another class are wrong, and what they should have shown is missing."""
    drawn = [Drawn(1, "word", "Step", (10, 10, 50, 30)), Drawn(2, "word", "10", (100, 10, 120, 30))]
    assert flaws(drawn, [STOP, TEN], SIZE) == Flaws(objects=2, wrong=1, missing=1, misread=1)
    assert flaws([Drawn(1, "word", "Stop", (10, 10, 29, 30))], [STOP], SIZE) == Flaws(objects=1, wrong=1, missing=1)


def test_each_object_is_that_of_one_rectangle() -> None:
    drawn = [Drawn(number, "word", "Stop", (10, 10, 50, 30)) for number in (1, 2)]
    assert flaws(drawn, [STOP], SIZE) == Flaws(objects=2, wrong=1)


def test_a_frame_without_anything_has_no_flaw_and_nothing_drawn_misses_all() -> None:
    assert flaws([], [], SIZE) == Flaws()
    assert flaws([], [STOP, TEN], SIZE) == Flaws(missing=2)
    assert flaws([], [STOP], SIZE) + flaws([], [TEN], SIZE) == Flaws(missing=2)
