"""A project is found or created, its labels completed; nothing is made twice and nothing removed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.operators.projects import CvatCreateProjectOperator
from tests.include.emulated import Emulated, calls_to
from tests.plugins.labelcycle.operators.driving import Task

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

CAR = {"name": "car", "type": "rectangle", "color": "#102030"}
AGE = {"name": "age", "mutable": True, "input_type": "number", "values": ["0", "99", "1"], "default_value": "0"}
FACE = {"name": "face", "type": "polygon", "attributes": [AGE]}


def operator(name: str, *labels: dict[str, object], **fields: object) -> CvatCreateProjectOperator:
    return CvatCreateProjectOperator(task_id="project", project_name=name, labels=labels, **fields)


@pytest.fixture
def name() -> str:
    return f"project {uuid4().hex[:8]}"


def labels_of(cvat: Emulated, project_id: int) -> dict[str, tuple[str, str, list[str]]]:
    rows = cvat.rows("/api/labels", project_id=project_id)
    return {row["name"]: (row["type"], row["color"], [a["name"] for a in row["attributes"]]) for row in rows}


def test_it_is_created_once_with_its_labels_and_the_link_leads_to_it(cvat: Emulated, task: Task, name: str) -> None:
    project_id = task.run(operator(name, CAR, FACE))
    assert task.run(operator(name, CAR, FACE)) == project_id
    assert [row["id"] for row in cvat.rows("/api/projects", name=name)] == [project_id]
    found = labels_of(cvat, project_id)
    assert found["car"] == ("rectangle", "#102030", [])
    assert (found["face"][0], found["face"][2]) == ("polygon", ["age"])
    [age] = next(row for row in cvat.rows("/api/labels", project_id=project_id) if row["name"] == "face")["attributes"]
    assert (age["mutable"], age["input_type"], age["values"]) == (True, "number", ["0", "99", "1"])
    assert task.xcoms["cvat_url"] == f"{cvat.url}/projects/{project_id}"


def test_what_lacks_is_added_and_nothing_else_is_touched(cvat: Emulated, task: Task, name: str) -> None:
    project_id = cvat.post(
        "/api/projects", {"name": name, "labels": [{"name": "old"}, {"name": "face", "type": "polygon"}]}
    )["id"]
    before = labels_of(cvat, project_id)
    assert task.run(operator(name, CAR, FACE)) == project_id
    after = labels_of(cvat, project_id)
    assert sorted(after) == ["car", "face", "old"]
    assert after["old"] == before["old"]
    assert after["face"] == (*before["face"][:2], ["age"])
    with calls_to(cvat) as calls:
        task.run(operator(name, CAR, FACE))
    assert not [call for call in calls.made if not call.startswith("GET")]


def test_another_type_of_a_label_is_an_error_before_anything_is_changed(cvat: Emulated, task: Task, name: str) -> None:
    project_id = cvat.post("/api/projects", {"name": name, "labels": [{"name": "car", "type": "polygon"}]})["id"]
    with pytest.raises(AirflowFailException, match="'car' is wanted for the type rectangle and is for polygon in CVAT"):
        task.run(operator(name, FACE, CAR))
    assert list(labels_of(cvat, project_id)) == ["car"]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ({"name": "x", "typ": "rectangle"}, r"0\.typ: Extra inputs"),
        ({"name": "x", "type": "box"}, r"0\.type: Input should be 'any', "),
        ({"name": "x" * 65}, r"0\.name: String should have at most 64"),
        ({"name": "x", "color": "red"}, r"0\.color: String should match"),
        ({"name": "x", "attributes": [{"name": "a", "input_type": "select"}]}, r"attributes\.0: .*select needs values"),
        ({"name": "x", "type": "skeleton"}, r"0: .*a skeleton, and nothing else, has sublabels"),
        (CAR, "twice: car"),
    ],
    ids=["unknown key", "type", "long name", "color", "choices", "skeleton", "twice"],
)  # fmt: skip
def test_wrong_labels_are_said_before_anything_is_sent(
    cvat: Emulated, task: Task, name: str, label: dict[str, object], words: str
) -> None:
    labels = (CAR, label) if label is CAR else (label,)
    with pytest.raises(AirflowFailException, match=words):
        task.run(operator(name, *labels))
    assert cvat.rows("/api/projects", name=name) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_one_project(cvat: Emulated, task: Task, name: str, when: str) -> None:
    cvat.fault("POST", "/api/projects", status=504, when=when)
    project_id = task.run(operator(name, CAR, server_timeout=timedelta(seconds=0.2)))
    assert [row["id"] for row in cvat.rows("/api/projects", name=name)] == [project_id]


def test_of_two_the_lowest_is_taken(cvat: Emulated, task: Task, name: str) -> None:
    first = cvat.post("/api/projects", {"name": name, "labels": []})["id"]
    cvat.post("/api/projects", {"name": name, "labels": []})
    assert task.run(operator(name)) == first


def test_labels_that_are_no_list_are_said(cvat: Emulated, task: Task) -> None:
    wrong = operator("any")
    wrong.labels = "car"
    with pytest.raises(AirflowFailException, match=r"labels must be a list, as in .* and are 'car'"):
        task.run(wrong)
