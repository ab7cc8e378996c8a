"""Labels that change: what CVAT lacks of a project's labels, and under which names today kept records are read.

Labels and attributes are added and renamed, never deleted: CVAT deletes what was drawn along with them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from include.lifecycle.predictions import ImagePredictions
from include.lifecycle.reviews import Revision
from include.lifecycle.shapes import Shape
from include.projects.model import Project


class WantedAttribute(Protocol):
    """An attribute that a label is to have."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def input_type(self) -> str:
        """How people enter it."""

    @property
    def values(self) -> tuple[str, ...]:
        """What it may be."""

    @property
    def default_value(self) -> str:
        """What it is at first."""


class WantedLabel(Protocol):
    """A label that CVAT is to have: a project's, or one in CVAT's own form."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def all_names(self) -> tuple[str, ...]:
        """Its name and its former names."""

    @property
    def type(self) -> str:
        """The shape that is drawn."""

    @property
    def attributes(self) -> Sequence[WantedAttribute]:
        """What people say of each object."""


@dataclass(frozen=True, slots=True)
class CvatAttribute:
    """An attribute as CVAT has it."""

    name: str
    input_type: str
    values: tuple[str, ...]
    default_value: str


@dataclass(frozen=True, slots=True)
class CvatLabel:
    """A label as CVAT has it; the colour is `#rrggbb`."""

    id: int
    name: str
    type: str
    color: str
    attributes: tuple[CvatAttribute, ...] = ()


@dataclass(frozen=True, slots=True)
class AddLabel:
    """A label that CVAT lacks, with its attributes."""

    label: WantedLabel

    def __str__(self) -> str:
        return f"add the label {self.label.name!r}"


@dataclass(frozen=True, slots=True)
class RenameLabel:
    """A label that CVAT has under a former name. What is drawn stays, and shows the new name."""

    label: CvatLabel
    name: str

    def __str__(self) -> str:
        return f"rename the label {self.label.name!r} to {self.name!r}"


@dataclass(frozen=True, slots=True)
class AddAttribute:
    """An attribute that a label in CVAT lacks; the name is the label's after any renaming."""

    label: CvatLabel
    name: str
    attribute: WantedAttribute

    def __str__(self) -> str:
        return f"add the attribute {self.attribute.name!r} to the label {self.name!r}"


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A label, or an attribute of one, that CVAT has and nobody wants. It is left alone."""

    label: str
    attribute: str | None = None

    def __str__(self) -> str:
        what = f"the attribute {self.attribute!r} of the label" if self.attribute else "the label"
        return f"leave alone {what} {self.label!r}, which is in CVAT and not wanted"


@dataclass(frozen=True, slots=True)
class Different:
    """An attribute whose values or default in CVAT are others than the wanted ones. It is left alone."""

    label: str
    attribute: str

    def __str__(self) -> str:
        return (
            f"leave alone the attribute {self.attribute!r} of the label {self.label!r}, whose values or default in "
            "CVAT are not the wanted ones: change them there, or what is wanted"
        )


Change = AddLabel | RenameLabel | AddAttribute | Unwanted | Different


class TypeChangedError(Exception):
    """Another type of a label or attribute is wanted than CVAT has: no change makes one of the other."""


def plan_changes(existing: Sequence[CvatLabel], wanted: Sequence[WantedLabel]) -> tuple[Change, ...]:
    """What makes of CVAT's labels those of the project: renamings first, then what is added, then what is left alone.

    A label that CVAT lacks is the one with a former name of it, if CVAT has such a one (the first in the order of
    `renamed_from`), and else a new one. With what is planned carried out, the plan is free of changes. Raises
    TypeChangedError where a type differs.
    """
    by_name = {label.name: label for label in existing}
    found = {label.name: by_name[name] for label in wanted if (name := _name_in(by_name, label))}
    changes = [change for label in wanted for change in _changes(label, found.get(label.name))]
    taken = {label.id for label in found.values()}
    changes += [Unwanted(label.name) for label in existing if label.id not in taken]
    return tuple(sorted(changes, key=lambda change: _ORDER.index(type(change))))


_ORDER: Sequence[type[Change]] = (RenameLabel, AddLabel, AddAttribute, Unwanted, Different)


def _name_in(by_name: Mapping[str, CvatLabel], label: WantedLabel) -> str | None:
    return next((name for name in label.all_names if name in by_name), None)


def _changes(label: WantedLabel, found: CvatLabel | None) -> Iterator[Change]:
    if found is None:
        yield AddLabel(label)
        return
    if found.type != label.type:
        raise TypeChangedError(
            f"the label {label.name!r} is wanted for the type {label.type} and is for {found.type} in CVAT, which what "
            "is drawn would not fit: go back to the old type, or add a label of another name"
        )
    if found.name != label.name:
        yield RenameLabel(found, label.name)
    has = {attribute.name: attribute for attribute in found.attributes}
    for attribute in label.attributes:
        if attribute.name not in has:
            yield AddAttribute(found, label.name, attribute)
        else:
            yield from _differences(label.name, has[attribute.name], attribute)
    wanted = {attribute.name for attribute in label.attributes}
    yield from (Unwanted(label.name, name) for name in has if name not in wanted)


def _differences(label: str, found: CvatAttribute, wanted: WantedAttribute) -> Iterator[Different]:
    if found.input_type != wanted.input_type:
        raise TypeChangedError(
            f"the attribute {wanted.name!r} of the label {label!r} is wanted as {wanted.input_type} and is entered as "
            f"{found.input_type} in CVAT, where it cannot be changed: go back to the old input_type, or add an "
            "attribute of another name"
        )
    if (found.values, found.default_value) != (cvat_values(wanted), wanted.default_value):
        yield Different(label, wanted.name)


def cvat_values(attribute: WantedAttribute) -> tuple[str, ...]:
    """An attribute's values in CVAT's form, which are never none."""
    return attribute.values or (attribute.default_value,)


def current_names(project: Project) -> dict[str, str]:
    """The labels' names today by their former names."""
    return {former: label.name for label in project.labels for former in label.renamed_from}


def revision_today(revision: Revision, names: Mapping[str, str]) -> Revision:
    """A kept revision under today's names of labels. Its id stays: it names what was kept."""
    annotations = (replace(a, shape=_shape_today(a.shape, names)) for a in revision.annotations)
    return replace(revision, annotations=tuple(annotations))


def predictions_today(predictions: ImagePredictions, names: Mapping[str, str]) -> ImagePredictions:
    """Kept predictions under today's names of labels; their ids stay."""
    objects = (replace(p, shape=_shape_today(p.shape, names)) for p in predictions.objects)
    return replace(predictions, objects=tuple(objects))


Defaults = Mapping[str, Mapping[str, str]]


def default_values(project: Project) -> Defaults:
    """What attributes are at first, by label and attribute."""
    return {label.name: {a.name: a.default_value for a in label.attributes} for label in project.labels}


def completed(shape: Shape, defaults: Defaults) -> Shape:
    """The shape with all attributes of its label: those that nobody set are as CVAT shows them."""
    attributes = {**defaults.get(shape.label, {}), **dict(shape.attributes)}
    return replace(shape, attributes=tuple(sorted(attributes.items())))


def _shape_today(shape: Shape, names: Mapping[str, str]) -> Shape:
    return replace(shape, label=names.get(shape.label, shape.label))
