"""The sensors for CVAT's requests: what has ended needs no trigger, what has not ends in one, what failed is said."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.sensors.requests import CvatRequestSensor, CvatServerlessSensor
from tests.include.emulated import calls_to, until
from tests.plugins.labelcycle.operators.driving import Task, made_again
from tests.plugins.labelcycle.operators.scene import Scene, new_scene

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

NOTHING = {"result_id": None, "result_url": None}


def sensor(request_ids: str | list[str], **changes: Any) -> CvatRequestSensor:
    return CvatRequestSensor(task_id="wait", request_ids=request_ids, **changes)


def creation(task: int) -> str:
    return f"action=create&target=task&target_id={task}"


def exported(scene: Scene) -> str:
    """A person exports the task."""
    request: str = scene.server.post(
        f"/api/tasks/{scene.task}/dataset/export", None, format="COCO 1.0", save_images="false"
    )["rq_id"]
    return request


def failed(scene: Scene) -> str:
    """A person's images that CVAT could not read."""
    scene.server.fail_requests(1, "ValueError: No media data found\n")
    task = scene.server.post("/api/tasks", {"name": "failed", "project_id": scene.project})["id"]
    files = {"client_files[0]": ("a.jpg", b"none", "image/jpeg")}
    scene.server.http.post(f"/api/tasks/{task}/data", data={"image_quality": "70"}, files=files).raise_for_status()
    until(lambda: scene.server.get(f"/api/requests/{creation(task)}")["status"] == "failed")
    return creation(task)


def test_what_has_ended_needs_no_trigger(scene: Scene, task: Task) -> None:
    wait = sensor(creation(scene.task))
    assert wait.execute(task.context) == {creation(scene.task): NOTHING}


def test_an_export_ends_in_the_trigger_with_its_address(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    request = exported(scene)
    deferred = task.deferral(sensor(request))
    scene.server.hold(False)
    result = task.go_on(sensor(request), deferred)[request]
    assert result["result_url"].startswith(f"{scene.server.url}/api/tasks/{scene.task}/dataset/download?rq_id=")
    assert deferred.trigger.serialize()[1]["ends_task"]


def test_several_are_left_to_the_trigger_those_that_have_ended_too(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    requests = [creation(scene.task), exported(scene)]
    with calls_to(scene.server) as calls:
        deferred = task.deferral(sensor(requests))
    assert calls.count("GET") == 0
    scene.server.hold(False)
    results = task.go_on(sensor(requests), deferred)
    assert set(results) == set(requests)
    assert results[requests[1]]["result_url"]
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/requests"
    assert sensor([]).execute(task.context) == {}


def test_the_link_leads_to_what_one_request_is_about(scene: Scene, task: Task) -> None:
    task.run(sensor(creation(scene.task)))
    assert task.xcoms["cvat_url"] == f"{scene.server.url}/tasks/{scene.task}"


def test_a_task_that_is_none_is_said(task: Task) -> None:
    with pytest.raises(AirflowFailException, match="cvat_task_id is 'None', and should be a whole number"):
        CvatServerlessSensor(task_id="wait", cvat_task_id="None").execute(task.context)


def test_the_log_names_what_is_waited_for_and_until_when(
    scene: Scene, task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.server.hold(True)
    request = exported(scene)
    task.deferral(sensor(request, request_timeout=timedelta(hours=2)))
    assert re.search(rf"request {re.escape(request)} until \d{{4}}-", capsys.readouterr().out)


def test_a_request_that_failed_fails_the_task_for_good_with_cvats_words(scene: Scene, task: Task) -> None:
    request = failed(scene)
    with pytest.raises(AirflowFailException, match=rf"{re.escape(request)}: failed ValueError: No media data found"):
        sensor(request).execute(task.context)


def test_one_that_fails_while_it_is_waited_for_says_so_too(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    request = exported(scene)
    deferred = task.deferral(sensor(request))
    failure = {"count": 1, "message": "OSError: No space left on device\n", "queue": "export"}
    scene.server.post("/emulator/failures", failure)
    scene.server.hold(False)
    with pytest.raises(AirflowFailException, match="failed OSError: No space left on device"):
        task.go_on(sensor(request), deferred)


def test_what_is_not_done_in_time_fails_this_try(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    request = exported(scene)
    with pytest.raises(AirflowException, match=r"overdue not done by .*CVAT says queued") as raised:
        task.run(sensor(request, request_timeout=timedelta(seconds=0.5)))
    assert not isinstance(raised.value, AirflowFailException)


def test_a_forgotten_creation_is_told_by_its_task(scene: Scene, task: Task) -> None:
    until(lambda: scene.server.get(f"/api/requests/{creation(scene.task)}")["status"] == "finished")
    scene.server.advance(501)
    assert sensor(creation(scene.task)).execute(task.context) == {creation(scene.task): NOTHING}
    with pytest.raises(AirflowFailException, match="expired"):
        sensor(creation(999_999)).execute(task.context)


def test_a_server_that_does_not_answer_the_first_look_is_asked_again_by_the_trigger(scene: Scene, task: Task) -> None:
    scene.server.fault("GET", "/api/requests/", status=502)
    assert task.run(sensor(creation(scene.task))) == {creation(scene.task): NOTHING}


def test_the_deadline_is_counted_from_the_first_look_and_kept_by_the_trigger(scene: Scene, task: Task) -> None:
    scene.server.hold(True)
    request, before = exported(scene), datetime.now(UTC)
    deferred = task.deferral(sensor(request, request_timeout=timedelta(minutes=7), images=3))
    arguments = made_again(deferred.trigger).serialize()[1]
    deadline = datetime.fromisoformat(arguments["deadlines"][request])
    assert timedelta(minutes=7) <= deadline - before <= timedelta(minutes=8)
    assert arguments["images"] == {request: 3}


@pytest.mark.parametrize("asked_for", [True, False])
def test_ended_by_a_person_it_cancels_what_is_queued_if_that_was_asked_for(
    scene: Scene, task: Task, asked_for: bool
) -> None:
    requests = held_exports(scene)
    deferred = task.deferral(sensor(requests, cancel_on_kill=asked_for))
    asyncio.run(made_again(deferred.trigger).on_kill())
    left = [row["id"] for row in scene.server.rows("/api/requests", status="queued")]
    assert [request in left for request in requests] == [not asked_for, not asked_for]


def held_exports(scene: Scene) -> list[str]:
    """Two exports that CVAT does not begin."""
    another = new_scene(scene.server)
    scene.server.hold(True)
    return [exported(scene), exported(another)]


def test_a_cancellation_that_is_refused_leaves_the_others_to_be_cancelled(
    scene: Scene, task: Task, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = held_exports(scene)
    deferred = task.deferral(sensor(requests, cancel_on_kill=True))
    scene.server.fault("POST", "/api/requests/", status=500)
    asyncio.run(made_again(deferred.trigger).on_kill())
    left = [row["id"] for row in scene.server.rows("/api/requests", status="queued")]
    assert [request in left for request in requests] == [True, False]
    assert "is not cancelled" in capsys.readouterr().out + caplog.text


def test_a_serverless_run_is_waited_for_by_its_task(scene: Scene, task: Task) -> None:
    box = {"label": "car", "points": [1, 1, 9, 9], "confidence": 0.4}
    function = {"id": "waited", "labels": [{"name": "car"}], "finds": {"*": [box]}}
    scene.server.post("/emulator/functions", function)
    scene.server.hold(True)
    scene.server.post("/api/lambda/requests", {"function": "waited", "task": scene.task})
    wait = CvatServerlessSensor(task_id="wait", cvat_task_id=str(scene.task))
    deferred = task.deferral(wait)
    scene.server.hold(False)
    assert list(task.go_on(wait, deferred)) == [f"action=autoannotate&target=task&target_id={scene.task}"]
    assert len(scene.shapes()) == 3
    assert wait.execute(task.context)  # and again, now that it has ended


def test_a_serverless_run_that_failed_says_why(scene: Scene, task: Task) -> None:
    error = "500 Server Error: Internal Server Error for url: x"
    scene.server.post("/emulator/functions", {"id": "unwell", "labels": [{"name": "car"}], "error": error})
    scene.server.post("/api/lambda/requests", {"function": "unwell", "task": scene.task})
    with pytest.raises(AirflowFailException, match="500 Server Error"):
        task.run(CvatServerlessSensor(task_id="wait", cvat_task_id=scene.task))


def test_wrong_credentials_are_said_of_the_connection(
    scene: Scene, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", f'{{"conn_type": "cvat", "host": "{scene.server.url}", "password": "x"}}')
    with pytest.raises(AirflowFailException, match="connection 'other'"):
        sensor(creation(scene.task), cvat_conn_id="other").execute(task.context)
