"""What the tests of datasets are made of: small ways to say a released image, and how Hypothesis draws some."""

import hashlib
from collections.abc import Sequence

from hypothesis import strategies as st

from include.datasets.contents import ReleasedImage, ReleaseSettings
from include.lifecycle.images import Header, Image, image_id
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.shapes import Shape, ShapeType

LABELS = ("word", "number")
SETTINGS = ReleaseSettings("street_signs", {"train": 0.6, "val": 0.2, "test": 0.2}, "0")
ALL_FORMATS = ReleaseSettings("street_signs", SETTINGS.splits, "0", ("coco", "yolo", "voc"))


def box(x1: float, y1: float, x2: float, y2: float, label: str = "word", rotation: float = 0.0) -> Shape:
    return Shape(label, ShapeType.RECTANGLE, (x1, y1, x2, y2), rotation)


def released(
    name: str,
    shapes: Sequence[Shape] = (),
    *,
    accepted: Acceptance = Acceptance.PERSON,
    version_id: str | None = None,
    content: str = "",
    suffix: str = ".jpg",
) -> ReleasedImage:
    """An image of 100 x 80 pixels, its etag made of its name (or content), with shapes in its final annotations."""
    uri, etag = f"s3://photos/incoming/{name}{suffix}", hashlib.md5((content or name).encode()).hexdigest()
    image = Image(image_id(uri, etag), uri, etag, 1000, Header("JPEG", 100, 80, 1, "RGB", version_id))
    annotations = tuple(Annotation(image.id, shape, "manual", number) for number, shape in enumerate(shapes))
    return ReleasedImage(image, accepted, f"revision-{name}", annotations)


@st.composite
def _shapes(draw: st.DrawFn) -> Shape:
    x, y = draw(st.integers(0, 5000)) / 100, draw(st.integers(0, 4000)) / 100
    attributes = draw(st.sampled_from([(), (("text", "EXIT"),), (("lang", "de"), ("text", "Straße"))]))
    return Shape(
        label=draw(st.sampled_from(LABELS)),
        type=ShapeType.RECTANGLE,
        points=(x, y, x + draw(st.integers(1, 30)), y + draw(st.integers(1, 30))),
        rotation=draw(st.sampled_from([0.0, 0.0, 12.34])),
        attributes=attributes,
    )


def releases() -> st.SearchStrategy[list[ReleasedImage]]:
    """A few images with a few objects each, some of them equal."""
    return st.lists(st.lists(_shapes(), max_size=3), max_size=5).map(
        lambda objects: [
            released(f"image{number}", shapes, accepted=list(Acceptance)[number % 3])
            for number, shapes in enumerate(objects)
        ]
    )
