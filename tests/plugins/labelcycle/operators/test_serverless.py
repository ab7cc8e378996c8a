"""Auto-annotate: one set of shapes whatever is killed, nothing of the people's lost, wrong mappings found before."""

import asyncio
import json
import re
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.operators.serverless import CvatAutoAnnotateOperator
from tests.include.emulated import Emulated
from tests.plugins.labelcycle.operators.driving import Task, made_again
from tests.plugins.labelcycle.operators.scene import Scene

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

BOX = {"label": "car", "points": [1, 1, 9, 9], "confidence": 0.4}


@pytest.fixture(scope="package", autouse=True)
def functions(server: Emulated) -> None:
    labels = [{"name": "car"}, {"name": "tree"}]
    for id_ in ("detector", "other"):
        server.post("/emulator/functions", {"id": id_, "labels": labels, "finds": {"*": [BOX]}})
    broken = {"id": "broken", "labels": labels, "error": "500 Server Error: Internal Server Error for url: x"}
    server.post("/emulator/functions", broken)


def operator(scene: Scene, **changes: Any) -> CvatAutoAnnotateOperator:
    arguments = {"task_id": "auto", "function": "detector", "cvat_task_id": str(scene.task)}
    return CvatAutoAnnotateOperator(**(arguments | changes))


def begun(scene: Scene, function: str = "detector") -> None:
    """Somebody has begun a run."""
    scene.server.post("/api/lambda/requests", {"function": function, "task": scene.task})


def test_every_frame_is_annotated_and_the_task_ends_in_the_trigger(scene: Scene, task: Task) -> None:
    request = f"action=autoannotate&target=task&target_id={scene.task}"
    assert list(task.run(operator(scene))) == [request]
    assert [(shape["frame"], shape["source"]) for shape in scene.shapes()] == [(n, "auto") for n in range(3)]
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/tasks/{scene.task}"


def test_one_job_is_annotated_alone(scene: Scene, task: Task) -> None:
    task.run(operator(scene, cvat_job_id=str(scene.jobs[1])))
    assert [shape["frame"] for shape in scene.shapes()] == [2]


def test_the_log_has_the_request_beside_task_job_and_frames(
    scene: Scene, task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    task.run(operator(scene, cvat_job_id=scene.jobs[0]))
    logged = capsys.readouterr().out
    (line,) = re.findall(r"\{.*\}", logged)
    assert json.loads(line) == {
        "request": f"action=autoannotate&target=task&target_id={scene.task}",
        "function": "detector",
        "task": scene.task,
        "job": scene.jobs[0],
        "frames": [0, 1],
        "threshold": None,
        "ours": True,
    }
    assert "drops the scores" in logged


# Killed and run again


def test_a_try_that_is_killed_while_it_waits_is_gone_on_with(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    task.deferral(operator(scene))
    again = task.deferral(operator(scene))
    scene.server.hold(False)
    task.go_on(operator(scene), again)
    assert len(scene.shapes()) == 3
    assert again.trigger.serialize()[1]["cancel_on_kill"]


def test_run_again_after_its_end_it_does_nothing(scene: Scene, task: Task) -> None:
    task.run(operator(scene))
    assert task.run(operator(scene)) is None
    assert len(scene.shapes()) == 3


def test_a_lost_answer_leaves_one_set(scene: Scene, task: Task) -> None:
    scene.server.fault("POST", "/api/lambda/requests", status=504, when="after")
    with pytest.raises(AirflowException, match="504"):
        task.run(operator(scene))
    task.run(operator(scene))
    assert len(scene.shapes()) == 3


def test_what_a_failed_run_left_goes_before_the_next_try(scene: Scene, task: Task) -> None:
    with pytest.raises(AirflowException, match="500 Server Error"):
        task.run(operator(scene, function="broken"))
    scene.draw(0, source="auto")  # as far as it came
    scene.draw(1)
    with pytest.raises(AirflowException, match="500 Server Error"):
        task.run(operator(scene, function="broken"))
    assert [(shape["frame"], shape["source"]) for shape in scene.shapes()] == [(1, "manual")]


def test_where_people_have_been_since_a_failed_run_a_person_decides(scene: Scene, task: Task) -> None:
    with pytest.raises(AirflowException, match="500 Server Error"):
        task.run(operator(scene, function="broken"))
    scene.draw(0, source="auto")
    scene.work_in(scene.jobs[0])
    with pytest.raises(AirflowFailException, match=rf"people may have worked there since: job {scene.jobs[0]} "):
        task.run(operator(scene, function="broken"))
    assert len(scene.shapes()) == 1


def test_ended_by_a_person_it_cancels_its_run(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    deferred = task.deferral(operator(scene))
    asyncio.run(made_again(deferred.trigger).on_kill())
    scene.server.hold(False)
    runs = scene.server.get("/api/lambda/requests")
    assert [run for run in runs if run["function"]["task"] == scene.task] == []  # CVAT forgets one that was queued
    assert scene.shapes() == []


# What is there already


def test_a_task_with_automatic_shapes_is_refused(scene: Scene, task: Task) -> None:
    scene.draw(0, 1, source="auto")
    with pytest.raises(AirflowFailException, match=rf"task {scene.task} has 2 automatic shapes already"):
        task.run(operator(scene))
    assert len(scene.shapes()) == 2


def test_they_are_kept_replaced_or_cleaned_up_with_all_else(scene: Scene) -> None:
    scene.draw(0, source="auto")
    scene.draw(1)
    Task().run(operator(scene, existing="keep"))
    assert len(scene.shapes()) == 5
    Task().run(operator(scene, existing="replace"))
    assert sorted(shape["source"] for shape in scene.shapes()) == ["auto", "auto", "auto", "manual"]
    Task().run(operator(scene, existing="cleanup"))
    assert [shape["source"] for shape in scene.shapes()] == ["auto"] * 3


def test_cleanup_is_refused_where_people_may_have_worked(scene: Scene, task: Task) -> None:
    scene.draw(0)
    scene.work_in(scene.jobs[0])
    with pytest.raises(AirflowFailException, match="Cleanup would delete what they drew"):
        task.run(operator(scene, existing="cleanup"))
    assert len(scene.shapes()) == 1


def test_a_run_of_the_same_function_by_somebody_is_waited_for_and_never_cancelled(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    begun(scene)
    deferred = task.deferral(operator(scene))
    assert not deferred.trigger.serialize()[1]["cancel_on_kill"]
    scene.server.hold(False)
    task.go_on(operator(scene), deferred)
    assert len(scene.shapes()) == 3


def test_a_run_of_another_function_is_told(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    begun(scene, "other")
    with pytest.raises(AirflowException, match=rf"CVAT runs function other over task {scene.task}"):
        task.run(operator(scene))


# What is asked for


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"function": "nope"}, r"no function 'nope'. It has .*detector", id="no-function"),
        pytest.param({"mapping": {"person": "car"}}, "gives no 'person', but car, tree", id="no-label-of-it"),
        pytest.param(
            {"mapping": {"car": "nolabel"}}, "'nolabel' is no label here: there are car, face", id="none-here"
        ),
        pytest.param({"mapping": {"car": "face"}}, "'car' gives a rectangle, and 'face' takes a polygon", id="types"),
        pytest.param({"mapping": {}}, "give a mapping", id="nothing-mapped"),
        pytest.param({"cvat_task_id": "x"}, "cvat_task_id is 'x'", id="no-number"),
        pytest.param({"cvat_job_id": 999_999}, "has no job 999999", id="no-job"),
    ],
)
def test_what_cvat_would_fail_later_is_told_before(
    scene: Scene, task: Task, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        task.run(operator(scene, **changes))
    assert [run for run in scene.server.get("/api/lambda/requests") if run["function"]["task"] == scene.task] == []


def test_a_mapping_and_a_threshold_reach_the_function(scene: Scene, task: Task) -> None:
    task.run(operator(scene, mapping={"tree": "car"}))
    assert scene.shapes() == []
    Task().run(operator(scene, threshold=0.5))
    assert scene.shapes() == []
    Task().run(operator(scene, threshold=0.3))
    assert len(scene.shapes()) == 3


def test_the_deadline_is_absolute(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    deferred = task.deferral(operator(scene))
    first = deferred.trigger.serialize()[1]["deadlines"]
    assert made_again(deferred.trigger).serialize()[1]["deadlines"] == first
