"""Objects: whether an annotation of a release says one thing in its box, area, outline, mask and keypoints."""

from collections.abc import Iterator

from include.datasets.coco import CocoAnnotation, CocoImage
from include.datasets.forms import Rle

EDGE = 0.05  # pixels by which a box may reach over an image's edge: what rounding does


def object_problems(annotation: CocoAnnotation, image: CocoImage) -> Iterator[str]:
    """What is wrong with an annotation of an image, a sentence each."""
    where = f"annotation {annotation.id} ({image.file_name}, {image.width}x{image.height}): "
    yield from (where + problem for problem in _box_problems(annotation, image))
    if annotation.keypoints is not None:
        yield from (where + problem for problem in _keypoint_problems(annotation))
    elif isinstance(annotation.segmentation, Rle):
        yield from (where + problem for problem in _mask_problems(annotation.segmentation, annotation.area, image))
    elif not annotation.segmentation:
        yield f"{where}it has neither an outline nor a mask nor keypoints."
    elif any(len(ring) < 6 or len(ring) % 2 for ring in annotation.segmentation):
        yield f"{where}its outline is no ring of three points or more."


def _box_problems(annotation: CocoAnnotation, image: CocoImage) -> Iterator[str]:
    x, y, width, height = annotation.bbox
    if annotation.keypoints is None and not (width > 0 and height > 0):
        yield f"box {annotation.bbox} has no size."
    if annotation.attributes.get("rotation"):
        x, y, width, height = x + width / 2, y + height / 2, 0, 0
    inside_x = x >= -EDGE and x + width <= image.width + EDGE
    if not (inside_x and y >= -EDGE and y + height <= image.height + EDGE):
        yield f"box {annotation.bbox} is not inside the image."


def _mask_problems(mask: Rle, area: float, image: CocoImage) -> Iterator[str]:
    if mask.size != (image.height, image.width) or sum(mask.counts) != image.height * image.width:
        yield f"its mask is of {mask.size[1]}x{mask.size[0]} pixels, and has {sum(mask.counts)}."
    if sum(mask.counts[1::2]) != area:
        yield f"its mask has {sum(mask.counts[1::2])} pixels, and its area is {area:g}."


def _keypoint_problems(annotation: CocoAnnotation) -> Iterator[str]:
    found = annotation.keypoints or []
    if len(found) % 3 or len(found) // 3 != annotation.num_keypoints or not found:
        yield f"it has {len(found)} numbers for {annotation.num_keypoints} keypoints, not 3 for each."
    elif any(visibility not in (1, 2) for visibility in found[2::3]):
        yield "a keypoint is neither visible (2) nor hidden (1)."
    if annotation.segmentation:
        yield "it has keypoints, and an outline or a mask."
