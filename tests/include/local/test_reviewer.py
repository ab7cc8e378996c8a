"""A person's decisions on a frame, by hand-worked cases and by properties."""

import random

from hypothesis import given
from hypothesis import strategies as st

from include.local.reviewer import Drawn, correct, frame_rng, iou
from include.local.signs import TrueObject

SIZE = (640, 480)


class Attentive(random.Random):
    """A person without slips: no draw ever falls into a share of mistakes."""

    def random(self) -> float:
        return 0.999


def _true(column: int, text: str = "Exit") -> TrueObject:
    """An object 60 wide and 20 high; columns do not touch."""
    left = 10 + 90 * column
    return TrueObject("word" if text.isalpha() else "number", text, (left, 100, left + 60, 120))


def _box(column: int) -> tuple[float, float, float, float]:
    left = 10.0 + 90 * column
    return (left, 100.0, left + 60, 120.0)


def test_iou_by_hand() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == 50 / 150
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0


def test_a_right_box_is_left_as_it_is_even_if_it_is_a_little_off() -> None:
    off = (11.5, 101.0, 71.5, 121.0)  # IoU (58.5 * 19) / (2 * 1200 - 58.5 * 19) = 0.86
    edits = correct([Drawn(4, "word", "Exit", off)], [_true(0)], SIZE, Attentive())
    assert edits.kept == (4,)
    assert not edits.edited + edits.relabelled + edits.deleted + edits.added


def test_a_box_that_is_well_off_is_drawn_anew() -> None:
    off = (25.0, 100.0, 85.0, 120.0)  # IoU 45 / 75 = 0.6
    edits = correct([Drawn(4, "word", "Exit", off)], [_true(0)], SIZE, Attentive())
    assert edits.edited == (Drawn(4, "word", "Exit", _box(0)),)


def test_a_misread_text_is_corrected_and_its_box_stays() -> None:
    edits = correct([Drawn(4, "word", "Ex1t", _box(0))], [_true(0)], SIZE, Attentive())
    assert edits.edited == (Drawn(4, "word", "Exit", _box(0)),)
    assert edits.relabelled == ()


def test_a_number_read_as_a_word_is_relabelled() -> None:
    edits = correct([Drawn(4, "word", "l2", _box(0))], [_true(0, "12")], SIZE, Attentive())
    assert edits.relabelled == (Drawn(4, "number", "12", _box(0)),)
    assert edits.edited == ()


def test_a_box_on_nothing_is_deleted_and_a_missing_object_added() -> None:
    edits = correct([Drawn(4, "word", "Exit", _box(0))], [_true(3, "50")], SIZE, Attentive())
    assert edits.deleted == (4,)
    assert edits.added == (Drawn(0, "number", "50", _box(3)),)


def test_a_box_over_two_objects_becomes_the_one_it_fits_best_and_the_other_is_added() -> None:
    merged = Drawn(4, "word", "Exit 50", (10, 100, 110, 120))
    wide, narrow = TrueObject("word", "Exit", (10, 100, 75, 120)), TrueObject("number", "50", (78, 100, 110, 120))
    edits = correct([merged], [narrow, wide], SIZE, Attentive())
    assert edits.edited == (Drawn(4, "word", "Exit", (10, 100, 75, 120)),)
    assert edits.added == (Drawn(0, "number", "50", (78, 100, 110, 120)),)


def test_of_two_boxes_on_one_object_the_worse_one_goes() -> None:
    twice = [Drawn(4, "word", "Exit", (12, 100, 70, 120)), Drawn(5, "word", "Exit", _box(0))]
    edits = correct(twice, [_true(0)], SIZE, Attentive())
    assert (edits.kept, edits.deleted) == ((5,), (4,))


def test_people_slip_about_as_often_as_people_do() -> None:
    stray, missing = Drawn(4, "word", "x", (300, 300, 340, 320)), _true(0)
    frames = [correct([stray], [missing], SIZE, frame_rng(7, f"frame-{n}")) for n in range(2000)]
    believed = sum(edits.kept == (4,) for edits in frames) / 2000
    overlooked = sum(not edits.added for edits in frames) / 2000
    sloppy = sum(one.box != _box(0) for edits in frames for one in edits.added) / 2000
    assert 0.05 < believed < 0.11
    assert 0.04 < overlooked < 0.09
    assert 0.10 < sloppy < 0.20


def test_a_sloppy_box_lies_inside_the_frame_and_still_on_its_object() -> None:
    corner = TrueObject("word", "Exit", (0, 0, 60, 20))
    for n in range(500):
        for one in correct([], [corner], (60, 20), frame_rng(7, f"frame-{n}")).added:
            assert 0 <= one.box[0] < one.box[2] <= 60
            assert 0 <= one.box[1] < one.box[3] <= 20
            assert iou(one.box, corner.box) > 0.6


columns = st.integers(0, 5)
rectangles = st.lists(
    st.builds(
        lambda column, shift, label: (column, shift, label),
        columns,
        st.integers(-40, 40),
        st.sampled_from(["word", "number"]),
    ),
    max_size=6,
)


def _drawn(rows: list[tuple[int, int, str]]) -> list[Drawn]:
    return [
        Drawn(n, label, "12", (100.0 + 90 * column + shift, 100.0, 160.0 + 90 * column + shift, 120.0))
        for n, (column, shift, label) in enumerate(rows, 1)
    ]


@given(rectangles, st.sets(columns), st.integers(0, 99), st.randoms(use_true_random=False))
def test_every_rectangle_meets_one_fate_whatever_the_order(
    rows: list[tuple[int, int, str]], true_columns: set[int], seed: int, shuffler: random.Random
) -> None:
    drawn, truth = _drawn(rows), [_true(column + 1, "12") for column in sorted(true_columns)]
    edits = correct(drawn, truth, SIZE, frame_rng(seed, "frame"))
    changed = [one.id for one in (*edits.edited, *edits.relabelled)]
    assert sorted([*edits.kept, *changed, *edits.deleted]) == [one.id for one in drawn]
    assert all(one.label == "number" for one in (*edits.edited, *edits.relabelled, *edits.added))
    shuffled = shuffler.sample(drawn, len(drawn))
    if len({(one.box, one.label) for one in drawn}) == len(drawn):  # twins have no order of their own
        assert correct(shuffled, truth, SIZE, frame_rng(seed, "frame")) == edits


@given(st.sets(columns, min_size=1), st.integers(0, 99))
def test_a_person_has_nothing_to_do_where_all_is_right(true_columns: set[int], seed: int) -> None:
    truth = [_true(column, "50") for column in sorted(true_columns)]
    drawn = [Drawn(n, one.label, one.text, one.box) for n, one in enumerate(truth)]
    edits = correct(drawn, truth, SIZE, frame_rng(seed, "frame"))
    assert edits.kept == tuple(range(len(truth)))
    assert edits.added == edits.edited == edits.relabelled == edits.deleted == ()
