"""What may be drawn in a job: checked before it is sent, because CVAT's server takes almost anything without a word.

It accepts a frame of another job, a rectangle on a polygon's label, an attribute value that does not exist and a box
that is inverted; what it does refuse (a wrong number of points, say) it refuses with all that was sent along.
"""

from dataclasses import dataclass

from include.clients.cvat.drawn import Attribute, NewShape
from include.clients.cvat.records import AttributeSpec, LabelRow, Meta, ProjectLabels
from include.lifecycle.geometry import fault
from include.lifecycle.shapes import ShapeType

_CARRIED = frozenset(ShapeType)


@dataclass(frozen=True, slots=True)
class Canvas:
    """A job as something to draw on: frames start to stop (exclusive) of a task, with the project's labels."""

    job_id: int
    start: int
    stop: int
    meta: Meta
    labels: ProjectLabels

    def refusal(self, shape: NewShape) -> str | None:
        """Why a shape must not be sent, naming the job, the frame and the label; None for one that may."""
        label = self.labels.by_id(shape.label_id)
        if said := self._frame(shape.frame) or _label(shape, label) or self._place(shape) or _values(shape, label):
            name = label.name if label else shape.label_id
            return f"job {self.job_id} frame {shape.frame} label {name!r}: {said}"
        return None

    def _frame(self, frame: int) -> str | None:
        if not self.start <= frame < self.stop:
            return f"the job has the frames {self.start} to {self.stop - 1}"
        return "people took the frame out" if frame in self.meta.deleted_frames else None

    def _place(self, shape: NewShape) -> str | None:
        frame = self.meta.frames[shape.frame]
        return fault(ShapeType(shape.type), shape.points, shape.rotation, frame.width, frame.height)


def _label(shape: NewShape, label: LabelRow | None) -> str | None:
    if label is None:
        return "the project has no such label"
    if shape.type not in _CARRIED:
        return f"a {shape.type}: such shapes are not written"
    if label.type not in ("any", shape.type):
        return f"a {shape.type}, and it is a label for a {label.type}"
    return None


def _values(shape: NewShape, label: LabelRow | None) -> str | None:
    if not 0 <= shape.score <= 1:
        return f"the score {shape.score} is not in 0..1"
    if not 0 <= shape.rotation <= 360:
        return f"turned by {shape.rotation} degrees, which is not in 0..360"
    specs = {spec.id: spec for spec in label.attributes} if label else {}
    return next((said for value in shape.attributes if (said := _value(value, specs.get(value.spec_id)))), None)


def _value(attribute: Attribute, spec: AttributeSpec | None) -> str | None:
    if spec is None:
        return f"it has no attribute {attribute.spec_id}"
    if attribute.value == spec.default_value or _is_allowed(attribute.value, spec):
        return None
    allowed = {"checkbox": "true or false", "number": "minimum, maximum and step: "}.get(spec.input_type, "")
    told = allowed if spec.input_type == "checkbox" else allowed + ", ".join(spec.values)
    return f"{attribute.value!r} is no value of its attribute {spec.name!r} ({told})"


def _is_allowed(value: str, spec: AttributeSpec) -> bool:
    match spec.input_type:
        case "select" | "radio":
            return value in spec.values
        case "checkbox":
            return value in ("true", "false")
        case "number":
            return _is_step(value, spec.values)
        case _:
            return True


def _is_step(value: str, values: tuple[str, ...]) -> bool:
    """Whether a number is between minimum and maximum, a whole number of steps from the minimum."""
    try:
        low, high, step = map(float, values)
        number = float(value)
    except ValueError:
        return False
    if not low <= number <= high:
        return False
    steps = (number - low) / step if step else 0.0
    return abs(steps - round(steps)) < 1e-6
