"""Several annotators: each is asked, those that draw are applied, and all are measured."""

from collections.abc import Callable
from datetime import UTC, datetime

from include.evaluation.evaluation import Evaluation, from_json
from include.evaluation.outcomes import OutcomeCounts
from include.steps.collect import collect_revisions
from include.steps.evaluate import evaluate_annotators
from tests.include.steps.world import DOTS, World

EYE = {"model": DOTS, "name": "eye"}
BLIND = {"model": DOTS, "name": "blind", "draws": False, "settings": {"version": "2", "first": 1}}


def evaluations(world: World) -> dict[str, Evaluation]:
    """The current evaluations, by annotator, once people have finished every job as it was."""
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    ids = evaluate_annotators(world.project, world.store, world.ledger, datetime.now(UTC))
    records = [world.ledger.reviews.evaluation(id_) for id_ in ids]
    return {record.annotator: from_json(world.store.read_text(record.uri)) for record in records if record}


def test_what_draws_is_in_cvat_and_what_does_not_is_measured_all_the_same(new_world: Callable[..., World]) -> None:
    world = new_world(annotators=[EYE, BLIND])
    world.land(4, objects=3)
    world.carry()
    assert sum(len(world.drawn(job)) for job in world.jobs()) == 12
    found = evaluations(world)
    assert found.keys() == {"eye@1", "blind@2"}
    assert found["eye@1"].outcomes
    assert found["eye@1"].outcomes.total == OutcomeCounts(kept=12)
    assert found["blind@2"].outcomes is None  # people saw nothing of it
    recall = {name: evaluation.figures.micro.rates.recall for name, evaluation in found.items()}
    assert recall == {"eye@1": 1.0, "blind@2": 2 / 3}  # it never sees the first dot


def test_two_that_draw_are_both_in_cvat(new_world: Callable[..., World]) -> None:
    second = {**BLIND, "draws": True}
    world = new_world(annotators=[EYE, second])
    world.land(4, objects=3)
    world.carry()
    assert sum(len(world.drawn(job)) for job in world.jobs()) == 4 * (3 + 2)
