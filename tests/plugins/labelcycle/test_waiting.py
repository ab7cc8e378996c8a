"""The wait for CVAT: the sensor looks and defers, the trigger survives a restart of the triggerer and fires."""

import asyncio
import inspect
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger, TriggerEvent
from PIL import Image

from include.clients.ledger import Ledger, migrate, open_engine
from include.clients.ledger.images import Discovered
from include.lifecycle.assignment import Asked
from include.lifecycle.batches import PlannedBatch, PlannedJob, Stage
from include.lifecycle.images import Header, StoredObject, image_id
from include.lifecycle.routing import Route
from labelcycle.sensors.requests import WaitForDataSensor
from labelcycle.triggers.requests import RequestsTrigger
from tests.include.emulated import ADMIN, PASSWORD, Emulated, emulated
from tests.plugins.labelcycle.operators.driving import Task

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

YAML = """
name: signs
images: {uri: "s3://signs/in/"}
labels: [{name: word}]
annotators: [{model: rapidocr}]
ledger: {store: "s3://ledger/bulk"}
release: {remote: "s3://ledger/dvc"}
"""


@dataclass(frozen=True)
class Waiting:
    """A batch whose data CVAT has been asked to attach."""

    server: Emulated
    ledger: Ledger
    project_file: str
    batch_id: str
    request_id: str
    deadline: datetime

    def sensor(self) -> WaitForDataSensor:
        return WaitForDataSensor(task_id="wait", project_file=self.project_file, batch_ids=[self.batch_id])

    def stage(self) -> Stage:
        return self.ledger.batches.get([self.batch_id])[0].stage

    def end(self) -> None:
        """Let CVAT do its work."""
        self.server.hold(False)
        until = time.monotonic() + 10
        while self.server.get(f"/api/requests/{self.request_id}")["status"] not in ("finished", "failed"):
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("cvat")) as running:
        yield running


@pytest.fixture
def waiting(server: Emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    project_file, ledger_file = tmp_path / "signs.yaml", tmp_path / "ledger.db"
    project_file.write_text(YAML)
    cvat = {"conn_type": "cvat", "host": server.url, "login": ADMIN, "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", json.dumps(cvat))
    monkeypatch.setenv("AIRFLOW_CONN_LABELCYCLE_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(ledger_file)}))
    ledger = Ledger(open_engine(f"sqlite:///{ledger_file}"))
    migrate(ledger.engine)
    batch_id = planned(ledger)
    server.hold(True)
    task_id, request_id = asked(server, batch_id)
    deadline = datetime.now(UTC) + timedelta(minutes=5)
    ledger.batches.advance(batch_id, Stage.SUBMITTED, task_id=task_id, request_id=request_id, deadline=deadline)
    yield Waiting(server, ledger, str(project_file), batch_id, request_id, deadline)
    server.hold(False)
    ledger.engine.dispose()


def planned(ledger: Ledger) -> str:
    """A batch of one image in the ledger."""
    now, stored = datetime.now(UTC), StoredObject("s3://signs/in/a.png", "1", 10)
    ledger.images.add("signs", [Discovered(stored, Header("PNG", 8, 8, 1, "RGB"))], [], now)
    image, jobs = image_id(stored.uri, stored.etag), (PlannedJob(0, 0, 1, Route.REVIEW, 1.0),)
    ledger.batches.add("signs", 1, [PlannedBatch("one", (image,), jobs, (Asked("rapidocr@1"),))], now)
    return ledger.batches.at("signs", Stage.PLANNED)[0].id


def asked(server: Emulated, name: str) -> tuple[int, str]:
    """A task of CVAT's and the request that attaches its image, as a person would make them."""
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    task = server.post("/api/tasks", {"name": name, "labels": [{"name": "word"}]})
    answer = server.http.post(
        f"/api/tasks/{task['id']}/data",
        data={"image_quality": "70"},
        files={"client_files[0]": ("a.png", png.getvalue(), "image/png")},
    )
    answer.raise_for_status()
    return task["id"], answer.json()["rq_id"]


def made_again(trigger: BaseTrigger) -> BaseTrigger:
    """The trigger as another triggerer makes it: from the path and the JSON that lie in the database."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again: BaseTrigger = getattr(import_module(module), name)(**json.loads(json.dumps(arguments)))
    return again


async def first_event(trigger: BaseTrigger) -> TriggerEvent:
    async for event in trigger.run():
        return event
    raise AssertionError("the trigger ended without an event")


def deferred(waiting: Waiting) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        waiting.sensor().execute(Task().context)
    return raised.value


def test_the_link_of_a_waiting_task_leads_to_what_it_waits_for(waiting: Waiting) -> None:
    task = Task()
    with pytest.raises(TaskDeferred):
        waiting.sensor().execute(task.context)
    (batch,) = waiting.ledger.batches.get([waiting.batch_id])
    assert task.xcoms["cvat_url"] == f"{waiting.server.url}/tasks/{batch.task_id}"


def test_what_is_attached_already_needs_no_trigger(waiting: Waiting) -> None:
    waiting.end()
    assert waiting.sensor().execute(Task().context) == 1
    assert waiting.stage() is Stage.ATTACHED


def test_nothing_to_wait_for_is_no_wait(waiting: Waiting) -> None:
    waiting.ledger.batches.advance(waiting.batch_id, Stage.ROUTED)
    assert waiting.sensor().execute(Task().context) == 0


def test_while_cvat_works_the_sensor_defers_until_the_deadline_of_the_ledger(waiting: Waiting) -> None:
    wait = deferred(waiting)
    assert isinstance(wait.trigger, RequestsTrigger)
    _, arguments = wait.trigger.serialize()
    assert arguments["deadlines"] == {waiting.request_id: waiting.deadline.isoformat()}
    assert arguments["cvat_conn_id"] == "cvat_default"
    assert arguments["images"] == {waiting.request_id: 1}
    assert not arguments["ends_task"]  # how the batches end is recorded in the ledger, which the sensor does
    assert not arguments["cancel_on_kill"]  # the next run wants the batches
    assert wait.method_name == "resume"
    left = waiting.deadline - datetime.now(UTC)
    assert left < wait.timeout <= left + timedelta(minutes=11)
    assert waiting.stage() is Stage.SUBMITTED


def test_the_trigger_fires_when_cvat_is_done_and_the_sensor_records_it(waiting: Waiting) -> None:
    wait = deferred(waiting)
    waiting.end()
    event = asyncio.run(asyncio.wait_for(first_event(made_again(wait.trigger)), 20))
    nothing = {"message": "", "result_id": None, "result_url": None}
    assert event.payload == {waiting.request_id: {"answer": "finished", **nothing}}
    assert getattr(waiting.sensor(), wait.method_name)({}, event=json.loads(json.dumps(event.payload))) == 1
    assert waiting.stage() is Stage.ATTACHED


def test_a_trigger_that_is_made_again_keeps_its_deadline(waiting: Waiting) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    trigger = made_again(made_again(RequestsTrigger("cvat_default", {waiting.request_id: past}, {})))
    event = asyncio.run(asyncio.wait_for(first_event(trigger), 20))
    assert event.payload[waiting.request_id]["answer"] == "overdue"
    assert "CVAT says queued" in event.payload[waiting.request_id]["message"]


def test_every_argument_of_the_trigger_is_in_the_database() -> None:
    arguments: dict[str, Any] = {
        "cvat_conn_id": "other",
        "deadlines": {"r": "2026-12-01T00:00:00+00:00"},
        "names": {"r": "batch b"},
        "images": {"r": 500},
        "ends_task": True,
        "cancel_on_kill": True,
        "kept": {"round": 1},
        "returns": 7,
    }
    assert made_again(RequestsTrigger(**arguments)).serialize()[1] == arguments
    assert set(inspect.signature(RequestsTrigger.__init__).parameters) - {"self"} == set(arguments)
