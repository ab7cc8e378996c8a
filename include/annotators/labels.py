"""An annotator's labels against a project's: what it can say must be something that people can see and mend."""

from collections.abc import Iterator
from typing import Any

from include.annotators.registry import Annotator
from include.projects.model import Label, Project


class UnknownLabels(ValueError):
    """An annotator says what the project's file does not know."""


def check_labels(project: Project, annotator: Annotator) -> None:
    """See that the annotator's labels, their types and attributes are the project's; a label that the project renamed
    keeps its name in the model. Raises UnknownLabels with what to add."""
    known = {name: label for label in project.labels for name in label.all_names}
    unknown = [said for label in annotator.function.spec.labels for said in _unknown(label, known.get(label.name))]
    if unknown:
        raise UnknownLabels(
            f"annotator {annotator.name!r} predicts what project {project.name!r} does not have: {', '.join(unknown)}. "
            "Add it to labels, or see that the annotator's settings lead to labels that are there (docs/annotators.md)"
        )


def _unknown(said: Any, label: Label | None) -> Iterator[str]:
    """What of a label in a function's spec a project's label does not have."""
    if label is None:
        yield f"the label {said.name!r}"
        return
    type_ = getattr(said, "type", None) or "any"  # a spec need not say
    if type_ not in ("any", label.type):
        yield f"{said.name}'s type {type_!r} (the project's is {label.type})"
    names = {attribute.name for attribute in getattr(said, "attributes", [])}
    yield from (f"{said.name}'s attribute {name!r}" for name in sorted(names - {one.name for one in label.attributes}))
