"""Labels: what the project's file changed is added and renamed in CVAT. Nothing is ever deleted there."""

from collections.abc import Mapping
from typing import Any

from include.clients.cvat import CvatClient
from include.clients.ledger import Ledger
from include.lifecycle.labels import (
    AddAttribute,
    AddLabel,
    Change,
    CvatAttribute,
    CvatLabel,
    Different,
    RenameLabel,
    Unwanted,
    cvat_values,
    plan_changes,
)
from include.projects.model import Attribute, Label, Project
from include.steps.batches import log


def plan_labels(project: Project, cvat: CvatClient) -> tuple[Change, ...]:
    """What `apply_labels` would do, and what it would leave alone; each change's text is a sentence for people.

    Only reads. A project that CVAT does not have yet lacks all labels. Raises TypeChangedError where CVAT has another
    type of a label or attribute.
    """
    project_id = cvat.find_project(project.name)
    return plan_changes(() if project_id is None else _existing(project_id, cvat), project.labels)


def labels_are_due(project: Project, project_id: int, cvat: CvatClient) -> bool:
    """Whether `apply_labels` would change anything. What it would leave alone is logged."""
    due = False
    for change in plan_changes(_existing(project_id, cvat), project.labels):
        if isinstance(change, Unwanted | Different):
            log.warning("project %s: %s", project.name, change)
        else:
            due = True
    return due


def apply_labels(project: Project, project_id: int, cvat: CvatClient, ledger: Ledger) -> int:
    """Add and rename in CVAT what the project's file has changed, each with a row in the audit; say how many changes.

    Done twice, it finds nothing to do. Raises TypeChangedError, before any change, as `plan_labels` does.
    """
    count = 0
    for change in plan_changes(_existing(project_id, cvat), project.labels):
        match change:
            case AddLabel(label):
                cvat.add_labels(project_id, [label_form(label)])
            case RenameLabel(label, name):
                cvat.rename_label(label.id, name, label.color)
            case AddAttribute(label, name, attribute):
                form = {"id": label.id, "name": name, "color": label.color, "attributes": [_attribute_form(attribute)]}
                cvat.add_labels(project_id, [form])
            case Unwanted() | Different():
                continue
        count += 1
        ledger.audit.add(project.name, "change labels", f"project {project_id}", str(change))
        log.info("project %s: %s", project.name, change)
    return count


def label_form(label: Label) -> Mapping[str, Any]:
    """A new label in CVAT's form."""
    attributes = [_attribute_form(attribute) for attribute in label.attributes]
    return {"name": label.name, "type": label.type, "attributes": attributes}


def _attribute_form(attribute: Attribute) -> Mapping[str, Any]:
    return {
        "name": attribute.name,
        "mutable": False,
        "input_type": attribute.input_type,
        "values": list(cvat_values(attribute)),
        "default_value": attribute.default_value,
    }


def _existing(project_id: int, cvat: CvatClient) -> list[CvatLabel]:
    return [
        CvatLabel(
            id=row.id,
            name=row.name,
            type=row.type,
            color=row.color,
            attributes=tuple(
                CvatAttribute(spec.name, spec.input_type, spec.values, spec.default_value) for spec in row.attributes
            ),
        )
        for row in cvat.labels(project_id)
    ]
