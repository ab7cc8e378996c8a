"""The API, in Airflow's API server: who may, what is answered, and what is said where it cannot be."""

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from include.clients.ledger import Ledger
from tests.include.clients.ledger.records import PROJECT
from tests.include.emulated import Emulated
from tests.plugins.labelcycle.operators.scene import Scene
from tests.plugins.labelcycle.systems import free_port
from tests.plugins.labelcycle.web.conftest import PASSWORDS, Airflow

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

PAGE = (Path(__file__).parents[4] / "docs/api.md").read_text()
NEXT = f"/projects/{PROJECT}/next"


@pytest.fixture
def vera(airflow: Airflow) -> Iterator[httpx.Client]:
    """May see."""
    with airflow.as_("vera") as client:
        yield client


@pytest.fixture
def ursula(airflow: Airflow) -> Iterator[httpx.Client]:
    """May edit."""
    with airflow.as_("ursula") as client:
        yield client


def decide(client: httpx.Client, job: int, **said: object) -> httpx.Response:
    return client.post(f"/projects/{PROJECT}/jobs/{job}/decision", json=said)


def in_cvat(scene: Scene, job: int) -> tuple[str, str, str | None]:
    row = scene.server.get(f"/api/jobs/{job}")
    return row["stage"], row["state"], row["assignee"] and row["assignee"]["username"]


def decisions(ledger: Ledger) -> list[str]:
    return [row.detail for row in ledger.audit.of(PROJECT) if row.action == "decide"]


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    words = answer.json()["detail"]
    assert isinstance(words, str)
    assert "\n" not in words
    return words


def test_airflow_scans_one_file_and_serves_one_app() -> None:
    from airflow import plugins_manager

    plugins, errors = plugins_manager._get_plugins()
    assert errors == {}
    assert [str(plugin.source) for plugin in plugins if plugin.name == "labelcycle"] == [
        "$PLUGINS_FOLDER/labelcycle_plugin.py"
    ]
    assert [app["url_prefix"] for app in plugins_manager.get_fastapi_plugins()[0]] == ["/labelcycle"]


def test_nobody_gets_in_without_a_token(airflow: Airflow, scene: Scene) -> None:
    url = f"{airflow.url}/labelcycle"
    assert httpx.get(url + NEXT).status_code == 401
    with httpx.Client(base_url=url) as stranger:
        assert decide(stranger, scene.jobs[0], decision="approved").status_code == 401
    assert httpx.get(url + NEXT, headers={"Authorization": "Bearer guessed"}).status_code in (401, 403)
    assert httpx.get(f"{url}/docs").status_code == 404


def test_every_endpoint_asks_who_calls() -> None:
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.dependencies.models import Dependant
    from fastapi.routing import APIRoute

    from labelcycle.web.app import app

    def asks(dependant: Dependant) -> bool:
        return dependant.call is get_user or any(map(asks, dependant.dependencies))

    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) > 2
    assert [route.path for route in routes if not asks(route.dependant)] == ["/metrics"]  # it has a token of its own


def test_who_may_only_see_decides_nothing(vera: httpx.Client, scene: Scene, ledger: Ledger) -> None:
    assert vera.get(NEXT).status_code == 200
    assert detail(decide(vera, scene.jobs[0], decision="approved"), 403) == "Forbidden"
    assert decisions(ledger) == []


def test_the_cookie_of_the_ui_does(airflow: Airflow, scene: Scene) -> None:
    cookies = {"_token": airflow.token("vera")}
    assert httpx.get(f"{airflow.url}/labelcycle{NEXT}", cookies=cookies).status_code == 200


def test_the_next_job_with_its_reason_and_link(vera: httpx.Client, scene: Scene, server: Emulated) -> None:
    answer = vera.get(NEXT)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "project": PROJECT,
        "job": scene.jobs[0],
        "task": scene.task,
        "batch": f"{PROJECT}-b",
        "url": f"{server.url}/tasks/{scene.task}/jobs/{scene.jobs[0]}",
        "images": 1,
        "reason": "why 0",
        "urgency": 0.75,
        "review_by": None,
        "reviewer": "vera",
    }


def test_an_audit_does_not_say_that_it_is_one(vera: httpx.Client, scene: Scene) -> None:
    scene.server.patch(f"/api/jobs/{scene.jobs[0]}", {"state": "completed"})
    answer = vera.get(NEXT).json()
    assert (answer["job"], answer["reason"]) == (scene.jobs[1], None)


def test_where_all_is_done_there_is_no_content(vera: httpx.Client, scene: Scene) -> None:
    for job in scene.jobs:
        scene.server.patch(f"/api/jobs/{job}", {"state": "completed"})
    answer = vera.get(NEXT)
    assert (answer.status_code, answer.content) == (204, b"")


def test_of_two_who_ask_at_once_each_is_given_another(vera: httpx.Client, scene: Scene) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: vera.get(NEXT, params={"reviewer": name}), ["anna", "boris"]))
    assert sorted(answer.json()["job"] for answer in answers) == sorted(scene.jobs)


@pytest.mark.parametrize("name", ["birdz", "asleep", "..%2Fbirds"])
def test_an_unknown_project_is_told_with_the_known_ones(vera: httpx.Client, scene: Scene, name: str) -> None:
    said = detail(vera.get(f"/projects/{name}/next"), 404)
    assert said == "Not Found" or said.endswith("; there are: birds")


def test_a_decision_is_one_record_with_the_users_name(ursula: httpx.Client, scene: Scene, ledger: Ledger) -> None:
    said = {"decision": "rejected", "comment": " a bird is missing ", "reviewer": "anna"}
    answers = [decide(ursula, scene.jobs[0], **said).raise_for_status().json() for _ in range(2)]
    assert [answer["is_new"] for answer in answers] == [True, False]
    assert answers[0]["by"] == "ursula"
    assert decisions(ledger) == [
        f"job {scene.jobs[0]}: rejected by ursula, reviewed by anna: a bird is missing",
    ]
    assert in_cvat(scene, scene.jobs[0]) == ("annotation", "rejected", None)
    decide(ursula, scene.jobs[0], decision="approved").raise_for_status()
    assert in_cvat(scene, scene.jobs[0]) == ("acceptance", "completed", None)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"decision": "flagged", "comment": " "}, "a flagged job needs a comment: say what somebody should look at"),
        ({"decision": "maybe"}, "decision: Input should be 'approved', 'rejected' or 'flagged'"),
        ({}, "decision: Field required"),
        ({"decision": "approved", "by": "anna"}, "by: Extra inputs are not permitted"),
        ({"decision": "approved", "comment": "x" * 2001}, "comment: String should have at most 2000 characters"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(
    ursula: httpx.Client, scene: Scene, ledger: Ledger, said: dict[str, object], words: str
) -> None:
    assert detail(decide(ursula, scene.jobs[0], **said), 422) == words
    assert decisions(ledger) == []


def test_a_job_of_another_is_not_found(ursula: httpx.Client, scene: Scene) -> None:
    said = detail(decide(ursula, 999999, decision="approved"), 404)
    assert said == "project birds has no job 999999 that has come to people: give CVAT's id of one"
    assert detail(ursula.post(f"/projects/{PROJECT}/jobs/x/decision", json={"decision": "approved"}), 422).startswith(
        "cvat_job: "
    )


def test_a_cvat_that_is_away_is_told_with_its_connection(
    vera: httpx.Client, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"conn_type": "cvat", "host": f"http://127.0.0.1:{free_port()}", "password": "t"}
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", json.dumps(away))
    answer = vera.get(NEXT)
    said = detail(answer, 503)
    assert said.startswith("connection 'cvat_default': CVAT at http://127.0.0.1:")
    assert "cannot be reached" in said
    assert answer.headers["retry-after"] == "30"


def test_what_somebody_has_to_mend_is_no_503(
    vera: httpx.Client, scene: Scene, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"conn_type": "cvat", "host": scene.server.url, "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", json.dumps(wrong))
    assert "Give it a valid token" in detail(vera.get(NEXT), 500)
    (projects / f"{PROJECT}.yaml").write_text("name: birds\n")
    assert "birds.yaml" in detail(vera.get(NEXT), 500)


def test_more_than_a_few_at_once_are_asked_to_come_again(vera: httpx.Client, scene: Scene) -> None:
    from labelcycle.web import opening as web

    for _ in range(8):
        assert web._places.acquire(blocking=False)
    try:
        answer = vera.get(NEXT)
    finally:
        web._places.release(8)
    assert (detail(answer, 503), answer.headers["retry-after"]) == (
        "many ask at this moment: ask again in a few seconds",
        "5",
    )
    assert vera.get(NEXT).status_code == 200


def test_the_examples_on_the_page_run(airflow: Airflow, scene: Scene, ledger: Ledger) -> None:
    login, ask, say = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    [shown] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    user = f"AIRFLOW={airflow.url}; USERNAME=ursula; PASSWORD={PASSWORDS['ursula']}; JOB={scene.jobs[0]}; "
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", user + login + ask + "\necho\n" + say],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    given, recorded = map(json.loads, ran.stdout.splitlines())
    assert given.keys() == json.loads(shown).keys()
    assert (given["job"], given["reviewer"]) == (scene.jobs[0], "anna")
    assert recorded["is_new"]
    assert decisions(ledger) == [
        f"job {scene.jobs[0]}: rejected by ursula, reviewed by anna: the sign on the left is missing"
    ]
