"""Functions in CVAT as annotators: asked about frames when CVAT has them, kept and drawn as the answers of others."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from include.annotators.registry import UnknownAnnotator
from include.clients.cvat.serverless import FunctionFailed
from include.evaluation.outcomes import OutcomeCounts
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from include.steps.discover import discover_images
from include.steps.functions import check_functions
from include.steps.predict import prediction_shards, read_predictions
from tests.include.emulated import calls_to
from tests.include.steps.test_annotators import EYE, evaluations
from tests.include.steps.test_preview import preview
from tests.include.steps.world import World, killed

pytestmark = pytest.mark.slow

NewWorld = Callable[..., World]
LABELS = [{"name": "spot"}, {"name": "speck"}]
FOUND = [
    {"label": "spot", "points": [4.004, 5, 24, 25.5], "confidence": 0.4},
    {"label": "speck", "points": [1, 1, 2, 2], "confidence": 0.9},
]
SPOT = [4.0, 5.0, 24.0, 25.5]


@pytest.fixture
def function(new_world: NewWorld) -> str:
    """The id of a function that finds a spot and a speck in every frame."""
    id_ = f"spots-{uuid4().hex[:6]}"
    register(new_world(), id_, finds={"*": FOUND})
    return id_


def register(world: World, id_: str, **how: object) -> None:
    world.server.post("/emulator/functions", {"id": id_, "labels": LABELS, **how})


def nuclio(function: str, **more: object) -> dict[str, object]:
    return {"model": "nuclio", "settings": {"function": function, "mapping": {"spot": "dot"}}, **more}


def asked(function: str) -> str:
    return f"POST /api/lambda/functions/{function}"


def points(world: World) -> list[list[float]]:
    return [shape["points"] for job in world.jobs() for shape in world.drawn(job)]


def test_what_a_function_finds_is_drawn_and_is_for_people(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function)], routing={"accept_above": 0.5, "audit_share": 0.1})
    world.land(4)
    world.plan()
    assert prediction_shards(world.project, world.versions, world.ledger, 10) == []
    assert [job.route for job in world.jobs()] == [Route.REVIEW] * 2
    world.carry()
    assert world.stages() == [Stage.ROUTED]
    shapes = [shape for job in world.jobs() for shape in world.drawn(job)]
    assert [(shape["points"], shape["source"], shape["score"]) for shape in shapes] == [(SPOT, "auto", 1)] * 4
    assert [shape["frame"] for shape in shapes] == [0, 1, 2, 3]


def test_what_it_finds_is_measured(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function, name="spotter")])
    world.land(4)
    world.carry()
    (first, second) = world.jobs()
    world.change_shapes(first, "delete", world.drawn(first)[:1])
    assert second.cvat_id
    ((annotator, found),) = evaluations(world).items()
    assert annotator.startswith(f"spotter@{function}-1-")
    assert found.outcomes
    assert found.outcomes.total == OutcomeCounts(kept=3, deleted=1)
    assert found.figures.micro.rates.precision == 3 / 4


def test_it_answers_beside_others_and_need_not_draw(new_world: NewWorld, function: str) -> None:
    world = new_world(
        annotators=[EYE, nuclio(function, draws=False)], routing={"accept_above": 0.5, "audit_share": 0.1}
    )
    world.land(4, score=0.9)
    world.carry()
    assert SPOT not in points(world)
    assert len(points(world)) == 4
    assert Route.REVIEW not in {job.route for job in world.jobs()}  # only what draws decides about the route
    ids = [image.id for image in world.ledger.images.of_batch(world.batch().id)]
    kept = read_predictions(world.project, world.versions[1].id, ids, world.store, world.ledger)
    assert [[one.shape.points for one in kept[id_].objects] for id_ in ids] == [[tuple(SPOT)]] * 4


def test_of_two_versions_each_image_has_its_own(new_world: NewWorld, function: str) -> None:
    half = {**EYE, "name": "tried", "share": 0.5}
    world = new_world(annotators=[half, nuclio(function, name="tried", share=0.5)])
    world.land(12)
    world.carry()
    assert len(points(world)) == 12
    assert 0 < points(world).count(SPOT) < 12
    for batch in world.batches():
        assert len(batch.asked) == 1


def test_an_image_that_only_a_function_is_asked_about_is_ready_at_once(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    discover_images(world.project, world.bucket, world.ledger, datetime.now(UTC))
    foreseen = preview(world)
    assert (foreseen.to_predict, foreseen.batches) == (0, 1)
    world.plan()
    assert world.stages() == [Stage.PLANNED]


def test_the_log_tells_which_request_found_what(
    new_world: NewWorld, function: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world = new_world(annotators=[nuclio(function)])
    world.land(3)
    world.carry()
    rows = [json.loads(message) for message in caplog.messages if message.startswith("{")]
    task, jobs = world.batch().task_id, [job.cvat_id for job in world.jobs()]
    told = [(row["function"], row["task"], row["job"], row["frame"], row["shapes"]) for row in rows]
    assert told == [(function, task, jobs[0], 0, 1), (function, task, jobs[0], 1, 1), (function, task, jobs[1], 2, 1)]
    assert len({UUID(row["request"]) for row in rows}) == 3
    assert caplog.text.count(f"CVAT drops the scores of function {function}") == 1


# Killed, failing, wrong


@pytest.mark.parametrize("before", ["INSERT INTO predictions", "INSERT INTO applied_shapes", "UPDATE batches"])
def test_killed_and_run_again_there_is_one_set(new_world: NewWorld, function: str, before: str) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    world.carry(Stage.CHECKED)
    with killed(world.ledger, before):
        world.annotate()
    with calls_to(world.server) as calls:
        world.annotate()
    assert points(world) == [SPOT] * 4
    assert calls.count(asked(function)) == (4 if before == "INSERT INTO predictions" else 0)


def test_a_frame_that_fails_once_is_asked_about_again(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    world.carry(Stage.CHECKED)
    world.server.fault("POST", "/api/lambda/functions", status=500, skip=1)
    world.annotate()
    assert points(world) == [SPOT] * 4


def test_a_frame_that_fails_twice_is_left_empty_and_told(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    world.carry(Stage.CHECKED)
    for skip in (1, 2):  # the second of four frames; then, after two others, the second again
        world.server.fault("POST", "/api/lambda/functions", status=500, skip=skip)
    world.annotate()
    assert world.stages() == [Stage.ANNOTATED]
    assert [shape["frame"] for job in world.jobs() for shape in world.drawn(job)] == [0, 2, 3]
    (row,) = [row for row in world.ledger.audit.of(world.project.name) if row.action == "annotator failed"]
    assert row.subject == f"{world.batch().id}/1"


def test_a_function_that_is_broken_stops_the_run_until_it_answers(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    world.carry(Stage.CHECKED)
    register(world, function, error="500 Server Error: Internal Server Error for url: http://localhost:18071/")
    with pytest.raises(FunctionFailed, match="500 Server Error"):
        world.annotate()
    assert (world.stages(), points(world)) == ([Stage.CHECKED], [])
    register(world, function, finds={"*": FOUND})
    world.annotate()
    assert points(world) == [SPOT] * 4


def test_a_function_that_takes_too_long_is_given_up_until_the_next_run(new_world: NewWorld, function: str) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    world.carry(Stage.CHECKED)
    patient = world.project
    cvat = patient.cvat.model_copy(update={"request_timeout": timedelta(0)})
    world.project = patient.model_copy(update={"cvat": cvat})
    with pytest.raises(FunctionFailed, match="has not answered about all of"):
        world.annotate()
    world.project = patient
    world.annotate()
    assert points(world) == [SPOT] * 4


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"mapping": {"spots": "dot"}}, "it gives no 'spots', but speck, spot"),
        ({"mapping": {"spot": "dots"}}, "'dots' is no label here: there are dot, other"),
        ({"function": "nothing-of-the-kind"}, "has no function 'nothing-of-the-kind'. It has"),
    ],
)
def test_what_cvat_does_not_have_is_told_before_anything_is_asked(
    new_world: NewWorld, function: str, settings: dict[str, object], why: str
) -> None:
    annotator = nuclio(function)
    annotator["settings"] = {"function": function, "mapping": {"spot": "dot"}, **settings}
    world = new_world(annotators=[annotator])
    world.land(4)
    world.carry(Stage.CHECKED)
    with pytest.raises(UnknownAnnotator, match=why):
        check_functions(world.project, world.cvat)
    with calls_to(world.server) as calls, pytest.raises(UnknownAnnotator, match=why):
        world.annotate()
    assert calls.count("POST /api/lambda/functions") == 0
    assert world.stages() == [Stage.CHECKED]


def test_the_functions_of_a_project_can_be_checked_before_there_is_anything(new_world: NewWorld, function: str) -> None:
    assert check_functions(new_world(annotators=[nuclio(function)]).project, new_world().cvat) == (function,)
    assert check_functions(new_world().project, new_world().cvat) == ()


def test_a_batch_whose_function_the_file_does_not_name_any_more_is_set_aside(
    new_world: NewWorld, function: str
) -> None:
    world = new_world(annotators=[nuclio(function)])
    world.land(4)
    world.carry(Stage.CHECKED)
    (annotator,) = world.project.annotators
    other = annotator.model_copy(update={"settings": {**annotator.settings, "threshold": 0.3}})
    world.project = world.project.model_copy(update={"annotators": (other,)})
    world.annotate()
    assert world.stages() == [Stage.FAILED]
    assert "a function in CVAT that the project's file does not name so any more" in (world.batch().reason or "")


def test_the_threshold_is_the_functions_own(new_world: NewWorld, function: str) -> None:
    annotator = nuclio(function)
    annotator["settings"] = {"function": function, "mapping": {"spot": "dot", "speck": "other"}, "threshold": 0.5}
    world = new_world(annotators=[annotator])
    world.land(2)
    world.carry()
    assert points(world) == [[1, 1, 2, 2]] * 2


def test_labels_that_were_renamed_keep_their_mapping(new_world: NewWorld, function: str) -> None:
    labels = [{"name": "blob", "renamed_from": "dot"}]
    world = new_world(annotators=[nuclio(function)], labels=labels)
    world.land(2)
    world.carry()
    assert points(world) == [SPOT] * 2
