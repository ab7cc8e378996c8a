"""Two versions compared: by hand, and intervals that hold what they promise."""

import json

import numpy as np
import pytest

from include.evaluation.comparison import Comparison, compare, flat_metrics, to_json
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.lifecycle.shapes import Shape
from tests.include.evaluation.objects import box, figures_of, reviewed

SETTINGS = EvaluationSettings()


def image(
    name: str, found: int, missed: int = 0, wrong: int = 0, label: str = "word", weight: float = 1
) -> ReviewedImage:
    """An image with so many objects of a class that were found, missed, and predicted where nothing is."""

    def at(place: int) -> Shape:
        return box(20 * place, 0, 20 * place + 10, 10, label)

    predicted = [(at(place), 0.9) for place in (*range(found), *range(100, 100 + wrong))]
    final = [(at(place), place) for place in range(found + missed)]
    return reviewed(predicted, final, image_id=name, weight=weight)


def sample(version: str, count: int, *, found: int, missed: int) -> tuple[str, list[ReviewedImage]]:
    return version, [image(f"{version}/{number}", found, missed) for number in range(count)]


def both(first: list[ReviewedImage], second: list[ReviewedImage]) -> Comparison:
    return compare(("eye@1", first), ("eye@2", second), SETTINGS)


def test_f1_and_their_difference_by_hand() -> None:
    """First: 3 of 4 words and one wrong, F1 6/8. Second: 4 of 4 words, F1 1; numbers only the second has."""
    found = both([image("a", 2, 1), image("b", 1, 0, 1)], [image("c", 4), image("d", 1, 2, label="number")])
    assert found.by_class.keys() == {"word"}
    assert (found.by_class["word"].first, found.by_class["word"].second) == (6 / 8, 1.0)
    assert found.by_class["word"].value == 0.25
    assert found.micro
    assert (found.micro.first, found.micro.second) == (6 / 8, 2 * 5 / (5 + 7))
    assert found.images == (2, 2)


def test_each_image_counts_by_its_weight() -> None:
    first = [image("a", 1, weight=3), image("b", 0, 1)]
    found = both(first, [image("c", 1)])
    assert found.micro
    assert found.micro.first == 6 / 7  # 3 of 4 found: the figure of the evaluation
    assert found.micro.first == figures_of(first, SETTINGS).micro.rates.f1


def test_a_clear_difference_is_told_with_its_interval() -> None:
    found = compare(sample("eye@1", 30, found=3, missed=2), sample("eye@2", 30, found=5, missed=0), SETTINGS)
    assert found.micro
    assert (found.micro.low, found.micro.high) == (pytest.approx(0.25), pytest.approx(0.25))  # all images are alike
    assert found.verdict == "eye@2 is better than eye@1 by 0.250 (0.250 to 0.250) of F1"


def test_the_better_one_is_named_first_whichever_it_is() -> None:
    found = compare(sample("eye@1", 30, found=5, missed=0), sample("eye@2", 30, found=3, missed=2), SETTINGS)
    assert found.verdict == "eye@1 is better than eye@2 by 0.250 (0.250 to 0.250) of F1"


def test_of_equal_versions_no_difference_is_told() -> None:
    found = compare(sample("eye@1", 30, found=4, missed=1), sample("eye@2", 30, found=4, missed=1), SETTINGS)
    assert found.verdict == "no difference can be told yet: F1 of eye@2 against eye@1 is +0.000 (+0.000 to +0.000)"


def test_of_few_images_no_difference_is_told_however_clear_it_looks() -> None:
    found = compare(sample("eye@1", 19, found=0, missed=5), sample("eye@2", 500, found=5, missed=0), SETTINGS)
    assert found.verdict == "no difference can be told yet: people have reviewed 19 and 500 images"


def test_images_without_any_object_say_nothing() -> None:
    found = both([image("a", 0)], [image("b", 1)])
    assert found.micro is None
    assert found.verdict == "no difference can be told yet: people have reviewed 1 and 1 images"


def test_an_image_of_both_is_refused() -> None:
    with pytest.raises(ValueError, match="1 images are of both versions, as a"):
        both([image("a", 1)], [image("a", 1)])


def test_the_order_of_images_does_not_matter() -> None:
    first = [image(f"a{number}", number % 3, 1) for number in range(9)]
    second = [image(f"b{number}", 1, number % 2) for number in range(9)]
    assert both(first, second) == both(first[::-1], second[::-1])


def test_metrics_have_names_that_mlflow_takes_and_json_says_the_verdict() -> None:
    found = both([image("a", 1, 1, label="é/x")], [image("b", 2, label="é/x")])
    metrics = flat_metrics(found)
    assert metrics["images_first"] == 1
    assert metrics["f1_first/micro"] == metrics["f1_first/é:2fx"] == 2 / 3
    assert metrics["difference/micro"] == pytest.approx(1 / 3)
    assert json.loads(to_json(found))["verdict"] == found.verdict


@pytest.mark.slow
def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    """Objects of an image are alike; half of the images are weighted as an audit's are."""
    random, covered = np.random.default_rng(5), 0

    def drawn(version: str, mean: float) -> tuple[str, list[ReviewedImage]]:
        hits = random.binomial(5, random.beta(10 * mean, 10 * (1 - mean), 60))
        return version, [
            image(f"{version}/{number}", int(hit), 5 - int(hit), weight=1 + number % 2 * 3)
            for number, hit in enumerate(hits)
        ]

    true = 2 * 0.8 / 1.8 - 2 * 0.7 / 1.7  # F1 of a recall r without anything wrong
    for _ in range(40):
        found = compare(drawn("eye@1", 0.7), drawn("eye@2", 0.8), SETTINGS)
        assert found.micro
        covered += found.micro.low <= true <= found.micro.high
    assert covered >= 33  # of 40; a binomial of 0.95 falls below with a probability of 0.3 %
