"""Gates: what they say by the interval, in words, and that chance alone seldom makes them fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.evaluation.bootstrap import Interval
from include.evaluation.detection import Figures, Intervals, Rates, Scores, detection_figures
from include.evaluation.gates import Baseline, Standing, Verdict, difference, judge
from include.evaluation.tally import tally_of
from include.projects.gates import DEFAULT_GATES, FigureGate
from tests.include.evaluation.objects import DEFAULT, box, reviewed

DROP = FigureGate(figure="f1", label="number", drop_at_most=0.05)
FLOOR = FigureGate(figure="f1", label="number", at_least=0.7)


def scores(f1: float, error: float, support: int = 100, images: int = 50) -> Scores:
    interval = Interval(f1 - 1.96 * error, f1 + 1.96 * error, error)
    intervals = Intervals(interval, interval, interval)
    return Scores(Rates(f1, f1, f1), support, 0, 0, 0, intervals, images, support, images)


def figures(f1: float, error: float = 0.02, support: int = 100, label: str = "number") -> Figures:
    one = scores(f1, error, support)
    return Figures({label: one}, one, one.rates, label, one.intervals)


def baseline(f1: float, error: float = 0.02, support: int = 100) -> Baseline:
    return Baseline("rapidocr@1", figures(f1, error, support))


def verdict(found: Figures, against: Baseline | None, gate: FigureGate, min_support: int = 30) -> Verdict:
    (one,) = judge(found, against, [gate], min_support)
    return one


@pytest.mark.parametrize(
    ("f1", "error", "standing"),
    [
        (0.71, 0.02, Standing.PASSED),  # right of the limit, although the interval is on both sides
        (0.70, 0.02, Standing.PASSED),
        (0.67, 0.02, Standing.UNSURE),  # up to 0.709
        (0.66, 0.02, Standing.FAILED),  # up to 0.699
    ],
)
def test_an_absolute_gate_fails_where_the_whole_interval_is_below(f1: float, error: float, standing: Standing) -> None:
    assert verdict(figures(f1, error), None, FLOOR).standing is standing


@pytest.mark.parametrize(
    ("f1", "standing"),
    [
        (0.90, Standing.PASSED),
        (0.77, Standing.PASSED),  # 0.82 - 0.77 is a little more than 0.05 in binary
        (0.75, Standing.UNSURE),  # 0.07 lower, ± 1.96 * hypot(0.02, 0.02) = 0.055: 0.015 to 0.125
        (0.70, Standing.FAILED),  # 0.12 lower: 0.065 to 0.175
    ],
)
def test_a_relative_gate_fails_where_the_whole_difference_is_beyond(f1: float, standing: Standing) -> None:
    assert verdict(figures(f1), baseline(0.82), DROP).standing is standing


def test_of_too_few_objects_nothing_is_told_here_or_in_the_baseline() -> None:
    few = verdict(figures(0.1, support=29), baseline(0.9), DROP)
    assert (few.standing, few.support) == (Standing.TOO_FEW, 29)
    assert few.sentence == (
        "F1 of 'number' is not judged: on images that the baseline rapidocr@1 was not measured on, people reviewed 29 "
        "objects, and 30 on 5 images are needed"
    )
    old = verdict(figures(0.1), baseline(0.9, support=12), DROP)
    assert old.standing is Standing.TOO_FEW
    assert old.sentence.endswith(
        "of it, or of the baseline rapidocr@1, people reviewed too few objects: 30 on 5 images are needed"
    )


def test_a_crowd_on_few_images_tells_nothing_however_sure_it_looks() -> None:
    crowd = scores(0.0, 0.0, support=500, images=4)
    found = Figures({"number": crowd}, crowd, crowd.rates, "number", crowd.intervals)
    assert verdict(found, baseline(0.9), DROP).standing is Standing.TOO_FEW
    assert verdict(figures(0.1), Baseline("a@1", found), DROP).standing is Standing.TOO_FEW
    assert verdict(found, None, FigureGate(figure="f1", label="macro", at_least=0.5)).standing is Standing.TOO_FEW


def test_a_precision_is_judged_by_its_predictions() -> None:
    """Four wrong predictions beside forty objects tell nothing of precision, and all of recall."""
    here, far = box(0, 0, 9, 9), box(50, 50, 59, 59)
    rows = [reviewed([(far, 0.5)][: n < 4], [(here, 1)], image_id=f"{n}") for n in range(40)]
    found = detection_figures(tally_of(rows, DEFAULT))
    precision = verdict(found, None, FigureGate(figure="precision", label="word", at_least=0.3))
    assert (precision.standing, precision.value, precision.support) == (Standing.TOO_FEW, 0.0, 4)
    assert precision.sentence == (
        "precision of 'word' is not judged: people reviewed 4 predictions, and 30 on 5 images are needed"
    )
    recall = verdict(found, None, FigureGate(figure="recall", label="word", at_least=0.3))
    assert (recall.standing, recall.support) == (Standing.FAILED, 40)


def test_a_class_that_is_predicted_where_there_is_none_fails_by_its_precision() -> None:
    sign, word = box(50, 50, 59, 59, "sign"), box(0, 0, 9, 9)
    rows = [reviewed([(word, 0.9), (sign, 0.8)], [(word, 1)], image_id=f"{n}") for n in range(300)]
    found = detection_figures(tally_of(rows, DEFAULT))
    each = FigureGate(figure="precision", label="each", at_least=0.5)
    by_label = {one.label: one for one in judge(found, None, [each], 30)}
    assert by_label["word"].standing is Standing.PASSED
    assert (by_label["sign"].standing, by_label["sign"].support) == (Standing.FAILED, 300)
    assert by_label["sign"].sentence == "precision of 'sign' is 0.00 (0.00 to 0.01); at least 0.50 is wanted"
    f1 = verdict(found, None, FigureGate(figure="f1", label="sign", at_least=0.5))
    assert (f1.standing, f1.value) == (Standing.TOO_FEW, None)


def with_rare(f1: float, rare: int, others: float = 0.0) -> Figures:
    """A class with many objects, and some with one each."""
    by_class = {"word": scores(f1, 0.01, 200), **{f"rare{n}": scores(others, 0.0, 1, 1) for n in range(rare)}}
    one = (f1 + rare * others) / (1 + rare)
    return Figures(by_class, scores(f1, 0.01), Rates(one, one, one), None)


def test_the_mean_of_classes_is_of_those_with_enough_support() -> None:
    floor = FigureGate(figure="f1", label="macro", at_least=0.7)
    drop = FigureGate(figure="f1", label="macro", drop_at_most=0.05)
    before, after = with_rare(0.97, 0), with_rare(0.97, 6)
    assert after.macro.f1 == pytest.approx(0.97 / 7)
    found = verdict(after, None, floor)
    assert (found.standing, found.value, found.support) == (Standing.PASSED, 0.97, 200)
    assert verdict(after, Baseline("a@1", before), drop).standing is Standing.PASSED
    assert verdict(before, Baseline("a@1", after), drop).standing is Standing.PASSED
    worse = verdict(with_rare(0.7, 6, others=1.0), Baseline("a@1", before), drop)
    assert worse.standing is Standing.FAILED
    assert worse.sentence.startswith(
        "F1 of the mean of classes with enough support on new images is 0.70 (0.68 to 0.72), 0.27 below"
    )


def test_the_mean_of_classes_is_of_the_same_ones_on_both_sides() -> None:
    drop = FigureGate(figure="f1", label="macro", drop_at_most=0.0)
    one, two, three = scores(0.9, 0.01), scores(0.6, 0.03), scores(0.1, 0.01)
    new = Figures({"word": one, "number": two, "logo": three}, one, Rates(), None)
    old = Figures({"word": one, "number": two, "sign": three}, one, Rates(), None)
    found = verdict(new, Baseline("a@1", old), drop)
    assert (found.standing, found.value, found.baseline) == (Standing.PASSED, 0.75, 0.75)
    assert found.interval
    assert found.interval.error == pytest.approx(0.02)  # 0.01 and 0.03, as if they went together
    none = verdict(figures(0.9, label="word"), Baseline("a@1", figures(0.9)), drop)
    assert (none.standing, none.value) == (Standing.TOO_FEW, None)
    assert none.sentence == (
        "F1 of the mean of classes with enough support is not judged: of no class people reviewed enough objects, here "
        "and of the baseline a@1: 30 on 5 images are needed"
    )


def test_images_with_a_class_are_counted() -> None:
    here, there = box(0, 0, 9, 9), box(20, 20, 29, 29, "number")
    finals = ([(here, 1)], [(here, 1), (here, 2), (there, 3)], [])
    rows = [reviewed([(here, 0.5)], final, image_id=f"{n}") for n, final in enumerate(finals)]
    found = detection_figures(tally_of(rows, DEFAULT))
    assert {label: one.images for label, one in found.by_class.items()} == {"word": 2, "number": 1}
    assert found.micro.images == 2


def test_a_class_that_nobody_has_seen_is_not_judged() -> None:
    assert verdict(figures(0.1, label="word"), None, FLOOR).support == 0
    assert (
        verdict(
            Figures({"number": Scores(Rates(), 0, 0, 9, 0)}, Scores(Rates(), 0, 0, 9, 0), Rates(), None), None, FLOOR
        ).value
        is None
    )


def test_a_verdict_is_one_sentence() -> None:
    assert verdict(figures(0.61, 0.028), baseline(0.82, 0.022), DROP).sentence == (
        "F1 of 'number' on new images is 0.61 (0.56 to 0.66), 0.21 below the baseline rapidocr@1's 0.82 (0.14 to "
        "0.28 lower); at most 0.05 is allowed"
    )
    assert verdict(figures(0.83), baseline(0.82), DROP).sentence == (
        "F1 of 'number' on new images is 0.83 (0.79 to 0.87), 0.01 above the baseline rapidocr@1's 0.82 (from 0.05 "
        "lower to 0.07 higher); at most 0.05 is allowed"
    )
    micro = FigureGate(figure="precision", label="micro", at_least=0.9)
    assert verdict(figures(0.5), None, micro).sentence == (
        "precision of all objects is 0.50 (0.46 to 0.54); at least 0.90 is wanted"
    )


def test_each_is_a_verdict_a_class_and_a_class_may_be_called_micro() -> None:
    both = {"micro": scores(0.2, 0.01), "word": scores(0.9, 0.01)}
    found = Figures(both, scores(0.6, 0.01), Rates(0.5, 0.5, 0.55), "micro", Intervals())
    each = FigureGate(figure="f1", at_least=0.5)
    assert {one.label: one.standing for one in judge(found, None, [each], 30)} == {
        "micro": Standing.FAILED,
        "word": Standing.PASSED,
    }


def test_without_a_baseline_a_relative_gate_says_nothing() -> None:
    assert judge(figures(0.1), None, DEFAULT_GATES, 30) == ()


@given(st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 1), st.floats(0, 0.2))
def test_the_difference_is_around_the_figures_difference(a: float, ea: float, b: float, eb: float) -> None:
    low, high = difference(a, Interval(a, a, ea), b, Interval(b, b, eb))
    assert low <= a - b <= high
    assert high - low == pytest.approx(2 * 1.96 * (ea**2 + eb**2) ** 0.5)


def drawn(seed: int, images: int, share: float) -> Figures:
    """Images of three objects, of which the model finds each with this probability."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(images):
        final = [(box(x, 0, x + 10, 10), x) for x in (0, 20, 40)]
        found = [(shape, 0.9) for shape, _ in final if random.random() < share]
        rows.append(reviewed(found, final, image_id=f"{seed}-{number}"))
    return detection_figures(tally_of(rows, DEFAULT))


def test_a_model_as_good_as_its_baseline_seldom_fails_and_a_bad_one_does() -> None:
    gate = FigureGate(figure="f1", label="word", drop_at_most=0.0)
    against = Baseline("a@1", drawn(10_000, 60, 0.8))
    same = [verdict(drawn(seed, 60, 0.8), Baseline("a@1", drawn(1000 + seed, 60, 0.8)), gate) for seed in range(100)]
    # one-sided: 2.5 of 100 by chance; of 100 draws more than 9 come once in 3,000 times
    assert sum(one.standing is Standing.FAILED for one in same) <= 9
    worse = verdict(drawn(7, 60, 0.4), against, gate)
    assert worse.standing is Standing.FAILED


def false_alarms(objects: int, runs: int = 1000) -> float:
    """How often a class that is as good as its baseline, which was measured on so many objects, fails at one look or
    another while people review from 30 to 600 more; of F1 0.85, which may drop by 0.05. (Objects count as if each were
    an image of its own; the errors are those of proportions.)"""
    random, failed = np.random.default_rng(objects), 0
    for _ in range(runs):
        baseline = proportion(random.binomial(objects, 0.85), objects)
        right = np.cumsum(random.random(600) < 0.85)
        looks = (proportion(int(right[n - 1]), n) for n in range(30, 601, 10))
        failed += any(difference(*look, *baseline)[1] < -0.05 for look in looks)
    return failed / runs


def proportion(right: int, of: int) -> tuple[float, Interval]:
    value = right / of
    return value, Interval(value, value, float(np.sqrt(value * (1 - value) / of)))


@pytest.mark.parametrize(("objects", "most"), [(30, 0.05), (100, 0.015), (300, 0.008)])
def test_many_looks_raise_few_false_alarms_as_the_page_says(objects: int, most: float) -> None:
    assert false_alarms(objects) <= most
