"""Labels that change: what is planned is what CVAT lacks, and never a deletion."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.labels import (
    AddAttribute,
    AddLabel,
    Change,
    CvatAttribute,
    CvatLabel,
    Different,
    RenameLabel,
    TypeChangedError,
    Unwanted,
    completed,
    current_names,
    cvat_values,
    plan_changes,
    predictions_today,
    revision_today,
)
from include.lifecycle.predictions import ImagePredictions, Prediction
from include.lifecycle.reviews import Acceptance, Annotation, Revision
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.model import Attribute, Label, Project

TEXT = CvatAttribute("text", "text", ("",), "")
WORD = CvatLabel(1, "word", "rectangle", "#102030", (TEXT,))
NUMBER = CvatLabel(2, "number", "rectangle", "#405060")


def label(name: str, *former: str, attributes: Sequence[Attribute] = ()) -> Label:
    return Label(name=name, renamed_from=former, attributes=tuple(attributes))


def text(name: str = "text") -> Attribute:
    return Attribute(name=name)


def sentences(changes: Sequence[Change]) -> list[str]:
    return [str(change) for change in changes]


def test_nothing_changed() -> None:
    assert plan_changes([WORD, NUMBER], [label("word", attributes=[text()]), label("number")]) == ()


def test_a_new_project_lacks_all_labels() -> None:
    wanted = [label("word"), label("number")]
    assert plan_changes([], wanted) == (AddLabel(wanted[0]), AddLabel(wanted[1]))


def test_all_kinds_of_changes_in_the_order_of_their_carrying_out() -> None:
    old = CvatLabel(3, "old", "rectangle", "#000000")
    choice = CvatAttribute("size", "select", ("s", "l"), "s")
    wanted = [
        label("arrow"),
        label("number", attributes=[text("unit"), Attribute(name="size", input_type="select", values=("s", "m", "l"),
                                                             default_value="s")]),
        label("text_line", "word"),
    ]  # fmt: skip
    assert sentences(plan_changes([WORD, replace(NUMBER, attributes=(choice,)), old], wanted)) == [
        "rename the label 'word' to 'text_line'",
        "add the label 'arrow'",
        "add the attribute 'unit' to the label 'number'",
        "leave alone the attribute 'text' of the label 'text_line', which is in CVAT and not wanted",
        "leave alone the label 'old', which is in CVAT and not wanted",
        "leave alone the attribute 'size' of the label 'number', whose values or default in CVAT are not the "
        "wanted ones: change them there, or what is wanted",
    ]


def test_a_renamed_label_gets_its_new_attributes_under_its_new_name() -> None:
    unit = text("unit")
    planned = plan_changes([WORD], [label("text_line", "word", attributes=[text(), unit])])
    assert planned == (RenameLabel(WORD, "text_line"), AddAttribute(WORD, "text_line", unit))


@pytest.mark.parametrize("former", [("word",), ("line", "word"), ("word", "line")])
def test_a_label_is_found_under_any_of_its_former_names(former: tuple[str, ...]) -> None:
    assert plan_changes([NUMBER, WORD], [label("text_line", *former), label("number")])[0] == RenameLabel(
        WORD, "text_line"
    )


def test_a_label_that_is_there_under_both_names_is_not_renamed_twice() -> None:
    line = CvatLabel(3, "text_line", "rectangle", "#000000")
    assert plan_changes([WORD, line], [label("text_line", "word")]) == (Unwanted("word"),)


def test_another_type_of_a_label_is_refused() -> None:
    polygon = replace(WORD, type="polygon")
    with pytest.raises(TypeChangedError, match="'word' is wanted for the type rectangle and is for polygon in CVAT"):
        plan_changes([polygon], [label("word")])


def test_another_type_of_an_attribute_is_refused() -> None:
    number = Attribute(name="text", input_type="number", values=("0", "9", "1"), default_value="0")
    with pytest.raises(TypeChangedError, match=r"'text' of the label 'word' is wanted as number .* text in CVAT"):
        plan_changes([WORD], [label("word", attributes=[number])])


def test_an_attribute_without_values_has_its_default_as_the_only_one_in_cvat() -> None:
    assert cvat_values(text()) == ("",)
    checkbox = Attribute(name="blurred", input_type="checkbox", default_value="false")
    assert cvat_values(checkbox) == ("false",)
    there = replace(WORD, attributes=(CvatAttribute("blurred", "checkbox", ("false",), "false"),))
    assert plan_changes([there], [label("word", attributes=[checkbox])]) == ()


def carried_out(existing: Sequence[CvatLabel], changes: Sequence[Change]) -> list[CvatLabel]:
    """What CVAT has afterwards, by its own rule: names are unique."""
    after = {label.id: label for label in existing}
    for change in changes:
        match change:
            case RenameLabel(old, name):
                after[old.id] = replace(after[old.id], name=name)
            case AddLabel(new):
                number = 1 + max(after, default=0)
                after[number] = CvatLabel(number, new.name, new.type, "", tuple(map(as_there, new.attributes)))
            case AddAttribute(old, _, attribute):
                there = after[old.id]
                after[old.id] = replace(there, attributes=(*there.attributes, as_there(attribute)))
            case Unwanted() | Different():
                pass
        names = [label.name for label in after.values()]
        assert len(set(names)) == len(names)
    return list(after.values())


def as_there(attribute: Attribute) -> CvatAttribute:
    return CvatAttribute(attribute.name, attribute.input_type, cvat_values(attribute), attribute.default_value)


_NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)
_ATTRIBUTES = st.lists(st.sampled_from(["text", "unit"]), unique=True).map(lambda names: [text(n) for n in names])


@st.composite
def _wanted(draw: st.DrawFn) -> list[Label]:
    """Labels whose names and former names are all different, as the project's model has them."""
    names, labels = draw(_NAMES.filter(bool)), list[Label]()
    while names:
        count = draw(st.integers(1, len(names)))
        labels.append(label(*names[:count], attributes=draw(_ATTRIBUTES)))
        names = names[count:]
    return labels


@st.composite
def _existing(draw: st.DrawFn) -> list[CvatLabel]:
    return [
        CvatLabel(number, name, "rectangle", "", tuple(map(as_there, draw(_ATTRIBUTES))))
        for number, name in enumerate(draw(_NAMES), start=1)
    ]


@given(_existing(), _wanted())
def test_what_is_planned_makes_the_labels_those_of_the_project_and_deletes_nothing(
    existing: list[CvatLabel], wanted: list[Label]
) -> None:
    after = carried_out(existing, plan_changes(existing, wanted))
    assert all(isinstance(change, Unwanted) for change in plan_changes(after, wanted))
    assert {label.id for label in existing} <= {label.id for label in after}
    by_name = {label.name: {attribute.name for attribute in label.attributes} for label in after}
    for one in wanted:
        assert {attribute.name for attribute in one.attributes} <= by_name[one.name]


def test_kept_records_are_read_under_todays_names() -> None:
    project = Project.model_validate(
        {
            "name": "signs",
            "images": {"uri": "s3://bucket/incoming/"},
            "labels": [{"name": "text_line", "renamed_from": ["line", "word"]}, {"name": "number"}],
            "annotators": [{"model": "rapidocr"}],
            "release": {"remote": "s3://bucket/dvc"},
            "ledger": {"store": "s3://bucket/ledger"},
        }
    )
    names = current_names(project)
    shapes = [Shape(name, ShapeType.RECTANGLE, (1, 2, 3, 4)) for name in ("word", "line", "text_line", "number")]
    annotations = tuple(Annotation("i", shape, "manual", 7) for shape in shapes)
    revision = Revision("r", "b", 0, ("i",), annotations, Acceptance.PERSON, 1.0, "ada", "2026-01-01T00:00:00+00:00")
    today = revision_today(revision, names)
    assert [a.shape.label for a in today.annotations] == ["text_line", "text_line", "text_line", "number"]
    assert today == replace(revision, annotations=today.annotations)
    assert [replace(a, shape=shape) for a, shape in zip(today.annotations, shapes, strict=True)] == list(annotations)
    predictions = ImagePredictions("i", "m@1", tuple(Prediction("p", "i", "m@1", shape, 0.5) for shape in shapes))
    found = predictions_today(predictions, names)
    assert [p.shape.label for p in found.objects] == ["text_line", "text_line", "text_line", "number"]
    assert [p.shape.points for p in found.objects] == [(1, 2, 3, 4)] * 4


def test_an_attribute_that_nobody_set_has_its_default() -> None:
    defaults = {"bird": {"ring": "none", "sex": "?"}}
    shape = Shape("bird", ShapeType.RECTANGLE, (0, 0, 1, 1), attributes=(("sex", "f"),))
    assert completed(shape, defaults).attributes == (("ring", "none"), ("sex", "f"))
    other = replace(shape, label="cat")
    assert completed(other, defaults) == other
