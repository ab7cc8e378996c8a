"""An annotator's labels against a project's: what it can say must be something that people can see and mend."""

from include.annotators.registry import Annotator
from include.projects.model import Project


class UnknownLabels(ValueError):
    """An annotator says what the project's file does not know."""


def check_labels(project: Project, annotator: Annotator) -> None:
    """See that the annotator's labels and attributes are among the project's; a label that the project renamed keeps
    its name in the model. Raises UnknownLabels with what to add."""
    known = {name: {a.name for a in label.attributes} for label in project.labels for name in label.all_names}
    unknown: list[str] = []
    for label in annotator.function.spec.labels:
        if label.name not in known:
            unknown.append(f"the label {label.name!r}")
            continue
        names = {attribute.name for attribute in getattr(label, "attributes", [])}
        unknown += [f"{label.name}'s attribute {name!r}" for name in sorted(names - known[label.name])]
    if unknown:
        raise UnknownLabels(
            f"annotator {annotator.name!r} predicts what project {project.name!r} does not have: {', '.join(unknown)}. "
            "Add it to labels, or choose another annotator"
        )
