"""Labels that change: added, renamed, given attributes; ids, colours and all else stay."""

from typing import Any

import pytest

from include.clients.cvat import CvatClient, InvalidError, NotFoundError
from tests.include.emulated import Emulated

TEXT = {"name": "text", "mutable": False, "input_type": "text", "values": [""], "default_value": ""}


@pytest.fixture
def project(cvat: CvatClient, name: str) -> int:
    return cvat.create_project(name, [{"name": "word", "type": "rectangle", "attributes": [TEXT]}, {"name": "number"}])


def labels(server: Emulated, project: int) -> list[dict[str, Any]]:
    return server.rows("/api/labels", project_id=project)


def test_a_renamed_label_keeps_its_id_colour_type_and_attributes(
    server: Emulated, cvat: CvatClient, project: int
) -> None:
    word, number = labels(server, project)
    cvat.rename_label(word["id"], "text_line", word["color"])
    assert labels(server, project) == [{**word, "name": "text_line"}, number]


def test_without_its_colour_cvat_gives_a_label_that_of_its_new_name(server: Emulated, project: int) -> None:
    """Why the colour is sent along."""
    word = labels(server, project)[0]
    server.patch(f"/api/labels/{word['id']}", {"name": "text_line"})
    assert labels(server, project)[0]["color"] != word["color"]


def test_a_label_is_not_renamed_to_the_name_of_another(server: Emulated, cvat: CvatClient, project: int) -> None:
    before = labels(server, project)
    with pytest.raises(InvalidError, match="All label names must be unique"):
        cvat.rename_label(before[0]["id"], "number", before[0]["color"])
    assert labels(server, project) == before


def test_a_label_that_is_gone_is_not_renamed(cvat: CvatClient, project: int) -> None:
    with pytest.raises(NotFoundError):
        cvat.rename_label(99999999, "text_line", "#102030")


def test_an_attribute_is_added_to_a_label(server: Emulated, cvat: CvatClient, project: int) -> None:
    word, number = labels(server, project)
    unit = {**TEXT, "name": "unit", "input_type": "select", "values": ["m", "s"], "default_value": "m"}
    cvat.add_labels(project, [{"id": word["id"], "name": "word", "color": word["color"], "attributes": [unit]}])
    changed, same = labels(server, project)
    assert same == number
    added = changed["attributes"].pop()
    assert changed == word
    assert {key: added[key] for key in unit} == unit


def test_labels_are_read_with_what_a_plan_needs(server: Emulated, cvat: CvatClient, project: int) -> None:
    word, number = cvat.labels(project)
    assert (word.name, word.type, number.type) == ("word", "rectangle", "any")
    assert [word.color, number.color] == [label["color"] for label in labels(server, project)]
    (text,) = word.attributes
    assert (text.name, text.input_type, text.values, text.default_value) == ("text", "text", ("",), "")
