"""A labelled shape: the one thing that predictions, annotations and releases have in common."""

from dataclasses import dataclass
from enum import StrEnum


class ShapeType(StrEnum):
    """CVAT's names of the shapes that Labelcycle carries."""

    RECTANGLE = "rectangle"
    POLYGON = "polygon"
    POLYLINE = "polyline"
    POINTS = "points"
    ELLIPSE = "ellipse"
    MASK = "mask"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Shape:
    """A label on a place in an image.

    Points are flat (x1, y1, x2, y2, …) in pixels of the oriented image (EXIF orientation applied), origin at the
    top left corner of the top left pixel; a rectangle is its top left and bottom right corner. Rotation is in
    degrees, clockwise, about the centre. Attributes are (name, value) pairs sorted by name.
    """

    label: str
    type: ShapeType
    points: tuple[float, ...]
    rotation: float = 0.0
    occluded: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
