"""What is drawn in CVAT, by the names of labels and attributes instead of ids."""

from include.clients.cvat.drawn import CvatShape, NewShape
from include.clients.cvat.records import LabelRow
from include.lifecycle.shapes import Shape, ShapeType


def shape_of(drawn: CvatShape | NewShape, label: LabelRow) -> Shape:
    """A drawn shape or tag, with its label. Raises KeyError for an attribute that the label does not have."""
    names = {spec.id: spec.name for spec in label.attributes}
    return Shape(
        label=label.name,
        type=ShapeType(drawn.type),
        points=drawn.points,
        rotation=drawn.rotation,
        occluded=drawn.occluded,
        attributes=tuple(sorted((names[a.spec_id], a.value) for a in drawn.attributes)),
    )
