"""The labels of a project, as CVAT knows them."""

from collections.abc import Iterable
from typing import Literal, Self, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from include.projects.fields import HELD, Format, FormerNames, LabelName, LabelType, Section

_OTHERS = ("any", "polyline", "ellipse", "cuboid", "skeleton")  # that CVAT knows
_TAKEN = ("occluded", "rotation")  # attributes that every released object has, named as in CVAT's COCO export


class Attribute(Section):
    """An attribute of a label, as CVAT knows it."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: LabelName = Field(description="The attribute's name in CVAT; not occluded or rotation.")
    input_type: Literal["text", "select", "radio", "checkbox", "number"] = Field(
        default="text", description="How people enter it."
    )
    values: tuple[str, ...] = Field(
        default=(), description="For select and radio, the choices; for number, minimum, maximum and step; else none."
    )
    default_value: str = Field(
        default="", description="What it is at first: one of the choices, a number, or true or false for a checkbox."
    )

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in _TAKEN:
            raise ValueError(f"every released object has an attribute {name!r} already: call this one otherwise")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        match self.input_type:
            case "select" | "radio":
                self._check_choices()
            case "number":
                self._check_range()
            case _ if self.values:
                raise ValueError(f"values are for select, radio and number, not for {self.input_type}")
            case "checkbox" if self.default_value not in ("true", "false"):
                raise ValueError("a checkbox needs a default_value, 'true' or 'false' in quotes")
        return self

    def _check_choices(self) -> None:
        if not self.values or len(set(self.values)) < len(self.values):
            raise ValueError(f"{self.input_type} needs values, each of them once")
        if self.default_value not in self.values:
            raise ValueError(f"default_value must be one of values: {', '.join(self.values)}")

    def _check_range(self) -> None:
        try:
            low, high, step = map(float, self.values)
            right = step > 0 and low <= float(self.default_value) <= high
        except ValueError:
            right = False
        if not right:
            raise ValueError("number needs values [minimum, maximum, step], and a default_value between them")


class Label(Section):
    """A class of objects."""

    name: LabelName = Field(description="The label's name in CVAT, and the category's in releases.")
    renamed_from: FormerNames = Field(
        default=(), description="The label's former name, or a list of them: renames it in CVAT. Keep them for ever."
    )
    type: LabelType = Field(
        default="rectangle",
        description="The shape that is drawn; points are keypoints, and a tag is said of the whole image.",
    )
    attributes: tuple[Attribute, ...] = Field(default=(), description="What people say of each object.")

    @property
    def all_names(self) -> tuple[str, ...]:
        """The name and the former names."""
        return (self.name, *self.renamed_from)

    @field_validator("type", mode="before")
    @classmethod
    def _carried(cls, value: object) -> object:
        if value in _OTHERS:
            raise ValueError(f"{value} is not offered: choose {', '.join(get_args(LabelType))}")
        return value

    @field_validator("attributes")
    @classmethod
    def _unlike(cls, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        check_names("attributes of a label", [attribute.name for attribute in attributes])
        return attributes


def check_names(what: str, names: list[str]) -> None:
    """Raise ValueError where a name is there twice."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what} must have different names; twice: {', '.join(twice)}")


def check_held(labels: Iterable[Label], formats: Iterable[Format]) -> None:
    """Raise ValueError where a format of the releases does not hold what is drawn for a label."""
    for name in formats:
        for label in labels:
            if label.type not in HELD[name]:
                held = ", ".join(sorted(HELD[name]))
                raise ValueError(
                    f"release.formats has {name}, which holds {held} alone, and the label {label.name!r} is of the "
                    f"type {label.type}: leave {name} out"
                )
