"""Labels in CVAT's form: checked before they are sent, found or made in a project, never deleted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from include.clients.cvat.asking import Asking, once
from include.clients.cvat.client import CvatClient
from include.lifecycle.labels import (
    AddAttribute,
    AddLabel,
    Change,
    CvatAttribute,
    CvatLabel,
    Different,
    RenameLabel,
    Unwanted,
    WantedAttribute,
    WantedLabel,
    cvat_values,
    plan_changes,
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
LabelType = Literal[
    "any", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "rectangle", "skeleton", "tag"
]  # of CVAT 2.73's schema


class AttributeForm(BaseModel):
    """An attribute in CVAT's form."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    name: Name
    input_type: Literal["checkbox", "number", "radio", "select", "text"] = "text"
    mutable: bool = False
    values: tuple[str, ...] = ()
    default_value: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        choice = self.input_type in ("select", "radio")
        if choice and not self.values:
            raise ValueError(f"{self.input_type} needs values")
        if choice and self.default_value and self.default_value not in self.values:
            raise ValueError("default_value must be one of values")
        return self


class LabelForm(BaseModel):
    """A label in CVAT's form, as its constructor shows it under Raw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    type: LabelType = "any"
    color: Annotated[str, StringConstraints(pattern=r"^(#[0-9a-fA-F]{6})?$")] = ""
    attributes: tuple[AttributeForm, ...] = ()
    sublabels: tuple["LabelForm", ...] = Field(default=(), description="Of a skeleton.")
    svg: str = Field(default="", description="Of a skeleton.")

    @property
    def all_names(self) -> tuple[str, ...]:
        """The name: labels in CVAT's form have no former ones."""
        return (self.name,)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.type == "skeleton") != bool(self.sublabels and self.svg):
            raise ValueError("a skeleton, and nothing else, has sublabels and an svg")
        return self


class WrongLabels(ValueError):
    """Labels that CVAT would not take."""


_FORMS: TypeAdapter[tuple[LabelForm, ...]] = TypeAdapter(tuple[LabelForm, ...])


def read_labels(labels: Sequence[Mapping[str, Any]]) -> tuple[LabelForm, ...]:
    """Labels in CVAT's form, checked. Raises WrongLabels, with each place and what is wrong there."""
    if isinstance(labels, str | Mapping):
        raise WrongLabels(f'labels must be a list, as in [{{"name": "car", "type": "rectangle"}}], and are {labels!r}')
    try:
        forms = _FORMS.validate_python(labels)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors())
        raise WrongLabels(f"labels are not in CVAT's form: {wrong}") from None
    names = [form.name for form in forms]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise WrongLabels(f"labels must have different names; twice: {', '.join(twice)}")
    return forms


def label_form(label: WantedLabel) -> Mapping[str, Any]:
    """A new label as it is sent."""
    if isinstance(label, LabelForm):
        return label.model_dump(exclude_defaults=True) | {"type": label.type, "attributes": _attribute_forms(label)}
    return {"name": label.name, "type": label.type, "attributes": _attribute_forms(label)}


def find_or_create_project(
    name: str, labels: Sequence[WantedLabel], asking: Asking, cvat: CvatClient, note: Callable[[Change], None]
) -> int:
    """The project of that name with these labels among its own; its id. Of two, the lowest.

    What is changed in one that is there is told to `note`. Raises TypeChangedError as `change_labels` does.
    """
    project_id = once(
        asking,
        look=lambda: cvat.find_project(name),
        act=lambda: cvat.create_project(name, [label_form(label) for label in labels]),
    )
    change_labels(project_id, labels, cvat, note)
    return project_id


def planned(project_id: int, labels: Sequence[WantedLabel], cvat: CvatClient) -> tuple[Change, ...]:
    """What `change_labels` would do, and what it would leave alone. Raises TypeChangedError."""
    return plan_changes(list(_existing(project_id, cvat)), labels)


def change_labels(
    project_id: int, labels: Sequence[WantedLabel], cvat: CvatClient, note: Callable[[Change], None]
) -> int:
    """Add and rename what a project in CVAT lacks, telling each change to `note` after it; say how many.

    Done twice, it finds nothing to do. Raises TypeChangedError, before any change, where CVAT has another type.
    """
    changes = [c for c in planned(project_id, labels, cvat) if not isinstance(c, Unwanted | Different)]
    for change in changes:
        match change:
            case AddLabel(label):
                cvat.add_labels(project_id, [label_form(label)])
            case RenameLabel(former, name):
                cvat.rename_label(former.id, name, former.color)
            case AddAttribute(former, name, attribute):
                form = {"id": former.id, "name": name, "color": former.color}
                cvat.add_labels(project_id, [form | {"attributes": [_attribute_form(attribute)]}])
        note(change)
    return len(changes)


def _attribute_forms(label: WantedLabel) -> list[Mapping[str, Any]]:
    return [_attribute_form(attribute) for attribute in label.attributes]


def _attribute_form(attribute: WantedAttribute) -> Mapping[str, Any]:
    return {
        "name": attribute.name,
        "mutable": isinstance(attribute, AttributeForm) and attribute.mutable,
        "input_type": attribute.input_type,
        "values": list(cvat_values(attribute)),
        "default_value": attribute.default_value,
    }


def _existing(project_id: int, cvat: CvatClient) -> Iterator[CvatLabel]:
    for row in cvat.labels(project_id):
        attributes = (CvatAttribute(a.name, a.input_type, a.values, a.default_value) for a in row.attributes)
        yield CvatLabel(row.id, row.name, row.type, row.color, tuple(attributes))
