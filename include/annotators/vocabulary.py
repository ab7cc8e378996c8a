"""A model's classes and what a project calls them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cvat_sdk.auto_annotation as cvataa

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The classes by their numbers, the labels by their ids, and which label each class has: -1 for none."""

    classes: tuple[str, ...]
    labels: tuple[str, ...]
    label_ids: tuple[int, ...]

    def spec(self, type_: str) -> cvataa.DetectionFunctionSpec:
        """cvat-sdk's description of the labels, of shapes of that type."""
        return cvataa.DetectionFunctionSpec(
            labels=[cvataa.label_spec(label, id_, type=type_) for id_, label in enumerate(self.labels)]
        )

    def check_count(self, count: int | None) -> None:
        """See that there is a name for each of so many classes. Raises ValueError."""
        if count is not None and count != len(self.classes):
            raise ValueError(
                f"the model tells {count} classes apart, and {len(self.classes)} are named: {_listed(self.classes)}"
            )


def vocabulary(
    stated: Sequence[str] | None, own: Sequence[str] | None, labels: Mapping[str, str] | None, background: str | None
) -> Vocabulary:
    """The classes as stated, else the model's own; each with its label: the one that `labels` has for it, or none; or
    its own name where there is no such map. The background has no label.

    Says in the log which classes are left out by the map. Raises ValueError where no classes are known, a name is not
    among them, or no class is left.
    """
    classes = tuple(stated or own or ())
    if not classes:
        raise ValueError("the model does not say how its classes are called: state classes, in the order of the model")
    for name in (*(labels or ()), *([background] if background else ())):
        if name not in classes:
            raise ValueError(f"{name!r} is not among the model's classes: {_listed(classes)}")
    said = {name: name for name in classes} if labels is None else labels
    named = [None if name == background else said.get(name) for name in classes]
    if not any(named):
        raise ValueError(f"nothing would be reported: no class but the background has a label: {_listed(classes)}")
    if dropped := [name for name, label in zip(classes, named, strict=True) if label is None and name != background]:
        log.info("not reported, because labels does not map them: %s", _listed(dropped))
    ids = {label: id_ for id_, label in enumerate(dict.fromkeys(label for label in named if label is not None))}
    return Vocabulary(classes, tuple(ids), tuple(-1 if label is None else ids[label] for label in named))


def _listed(names: Sequence[str]) -> str:
    most = 20
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
