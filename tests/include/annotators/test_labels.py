"""What an annotator can say against what a project's file knows."""

from typing import Any

import cvat_sdk.auto_annotation as cvataa
import pytest

from include.annotators.labels import UnknownLabels, check_labels
from include.annotators.registry import Annotator
from include.projects.model import Project


class Words:
    """Says word, with a text."""

    version = "1"

    def __init__(self, **of_label: str) -> None:
        text = cvataa.text_attribute_spec("text", 0)
        label = cvataa.label_spec("word", 0, attributes=[text], **of_label)
        self.spec = cvataa.DetectionFunctionSpec(labels=[label])

    def detect(self, *_: object) -> list[Any]:
        return []


def project(label: dict[str, Any]) -> Project:
    return Project.model_validate(
        {
            "name": "signs",
            "images": {"uri": "s3://bucket/incoming/"},
            "labels": [label],
            "annotators": [{"model": "my:Words"}],
            "release": {"remote": "s3://bucket/dvc"},
            "ledger": {"store": "s3://bucket/ledger"},
        }
    )


@pytest.mark.parametrize(
    "label",
    [
        {"name": "word", "attributes": [{"name": "text"}]},
        {"name": "text_line", "renamed_from": "word", "attributes": [{"name": "text"}]},
    ],
)
def test_a_label_is_known_by_its_name_and_its_former_ones(label: dict[str, Any]) -> None:
    check_labels(project(label), Annotator("words", "1", Words()))


@pytest.mark.parametrize(
    ("label", "lacking"),
    [
        ({"name": "text_line"}, "the label 'word'"),
        ({"name": "word"}, "word's attribute 'text'"),
        ({"name": "text_line", "renamed_from": "word"}, "word's attribute 'text'"),
    ],
)
def test_what_the_project_does_not_know_is_told(label: dict[str, Any], lacking: str) -> None:
    with pytest.raises(UnknownLabels, match=lacking):
        check_labels(project(label), Annotator("words", "1", Words()))


@pytest.mark.parametrize("type_", ["polygon", "any"])
def test_a_label_of_the_same_type_or_of_any_is_right(type_: str) -> None:
    label = {"name": "word", "type": "polygon", "attributes": [{"name": "text"}]}
    check_labels(project(label), Annotator("words", "1", Words(type=type_)))


def test_a_label_of_another_type_is_told() -> None:
    label = {"name": "word", "attributes": [{"name": "text"}]}
    with pytest.raises(UnknownLabels, match=r"word's type 'mask' \(the project's is rectangle\)"):
        check_labels(project(label), Annotator("words", "1", Words(type="mask")))
