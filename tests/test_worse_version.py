"""A new version of the demo's annotator does not see numbers any more: one alarm says so, once, and names the class."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from include.clients.ledger import Ledger
from include.evaluation.snapshot import Snapshot, from_json
from include.local.days import land, review
from include.local.demo import load_dags, play_day, run
from include.local.records import PROJECT
from include.local.stack import PROJECTS, Stack, embedded

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Airflow's own are no business of this test


class Told(BaseHTTPRequestHandler):
    """What a webhook is told."""

    messages: list[str] = []  # noqa: RUF012  # of the one server of this test

    def do_POST(self) -> None:
        self.messages.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the messages are kept."""


@pytest.fixture(scope="module")
def webhook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Told)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def stack(stack_folder: Path, webhook: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A day with the demo's annotator; then its version `worse` takes over, for four days' images at once.

    Airflow's own database stays where this process has it.
    """
    (stack_folder / "airflow").mkdir(exist_ok=True)
    with embedded(tmp_path_factory.mktemp("stack")) as stack:
        play_day(stack, load_dags(stack), 1)
        for number in (4, 5, 6, 7):
            land(stack, number)
        dags = worse(stack, tmp_path_factory.mktemp("projects"), webhook)
        for _ in range(2):  # an alarm is told once, however often it is seen
            run(stack, dags, "worse", f"ingest_{PROJECT}")
            review(stack)
            run(stack, dags, "worse", f"evaluate_{PROJECT}")
        yield stack


def worse(stack: Stack, folder: Path, webhook: str) -> dict:
    """The project's DAGs with the worse version, and somebody who is told of alarms."""
    from airflow.dag_processing.dagbag import DagBag

    text = (PROJECTS / f"{PROJECT}.yaml").read_text()
    text = text.replace("- model: rapidocr", "- model: tests.numberless:Numberless\n    name: rapidocr")
    (folder / f"{PROJECT}.yaml").write_text(f"{text}alarms: {{notify: [{{webhook: alarms_of_the_test}}]}}\n")
    os.environ["AIRFLOW_CONN_ALARMS_OF_THE_TEST"] = json.dumps({"conn_type": "http", "host": webhook})
    os.environ["AIRFLOW__LABELCYCLE__PROJECTS_FOLDER"] = str(folder)
    bag = DagBag(str(Path(stack.environment()["AIRFLOW__CORE__DAGS_FOLDER"], "lifecycle.py")))
    assert bag.import_errors == {}
    return dict(bag.dags)


@pytest.fixture
def ledger(stack: Stack) -> Iterator[Ledger]:
    ledger = stack.ledger()
    yield ledger
    ledger.engine.dispose()


def test_one_alarm_names_the_class_that_got_worse(ledger: Ledger) -> None:
    (alarm,) = ledger.alarms.open(PROJECT)
    assert alarm.finding.cause == "quality/rapidocr/f1/number"
    assert alarm.finding.detail.label == "number"
    assert "F1 of 'number' on new images is 0.00" in alarm.finding.what


def test_it_was_told_once_with_the_images_to_look_at(ledger: Ledger, stack: Stack) -> None:
    (alarm,) = ledger.alarms.open(PROJECT)
    (message,) = Told.messages
    assert "number" in message
    for image_id in alarm.finding.detail.images:
        assert f"/labelcycle/quality/{PROJECT}/images/{image_id}?annotator=rapidocr%40worse" in message


def test_the_page_has_the_alarm_and_its_images(ledger: Ledger, stack: Stack) -> None:
    record = ledger.snapshots.newest(PROJECT)
    assert record
    shown: Snapshot = from_json(stack.read_text(record.uri))
    (alarm,) = shown.alarms
    assert alarm.cause == "quality/rapidocr/f1/number"
    assert alarm.annotator == "rapidocr@worse"
    assert alarm.images == ledger.alarms.open(PROJECT)[0].finding.detail.images
    assert set(alarm.images) <= shown.links.keys()
    states = {state.evaluation.annotator: state.is_baseline for state in shown.annotators}
    assert states.pop("rapidocr@worse") is False
    assert list(states.values()) == [True]
