"""The answers of segmentation networks, a class a pixel, as regions with outlines or bitmaps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from cvat_sdk.masks import encode_mask

from include.annotators.networks import Array, ModelError
from include.annotators.pictures import Frame
from include.lifecycle.contours import borders

REVISION = 2  # another one whenever an answer is read otherwise than before


class Meaning(StrEnum):
    """What a network answers for each pixel."""

    LOGITS = "logits"  # [C, h, w] before the softmax, or [1, h, w] before the sigmoid
    PROBABILITIES = "probabilities"  # [C, h, w], of one sum, or [1, h, w]
    IDS = "ids"  # [h, w], [1, h, w] or [h, w, 1]: the class's number


@dataclass(frozen=True, slots=True)
class Region:
    """A connected part of a picture. `bitmap` [height, width] is the part inside its bounding box, whose first column
    and row are `left` and `top`; `score` is its pixels' mean probability, None where the network gives none."""

    left: int
    top: int
    bitmap: Array
    score: float | None


def recognise(output: Array, classes: int) -> Meaning:
    """What the answer to one picture (no batch dimension) means. Raises ModelError where it cannot be told apart, and
    for ids: plans must know from the settings that there are no scores."""
    if output.ndim == 2 or np.issubdtype(output.dtype, np.integer):
        raise ModelError("the model answers the number of each pixel's class, which has no score: state answers: ids")
    values = layers(output, classes).astype(np.float64)
    inside = bool(((values >= 0) & (values <= 1)).all())
    if not inside:
        return Meaning.LOGITS
    if len(values) == 1:
        raise ModelError("whether the model answers logits or probabilities cannot be told apart: state answers")
    return Meaning.PROBABILITIES if np.allclose(values.sum(axis=0), 1, atol=1e-3) else Meaning.LOGITS


def layers(output: Array, classes: int) -> Array:
    """A network's answer as [C, h, w], from [C, h, w] or [h, w, C]. Raises ModelError where it is not of C classes."""
    if output.ndim == 3 and output.shape[0] == classes:
        return output
    if output.ndim == 3 and output.shape[2] == classes:
        return output.transpose(2, 0, 1)
    raise ModelError(f"the model answers {list(output.shape)} for a picture, and {classes} classes are named")


def label_map(
    output: Array, meaning: Meaning, label_ids: Sequence[int], place: Frame, size: tuple[int, int], threshold: float
) -> tuple[Array, Array | None]:
    """Which label each pixel of the picture has [height, width], -1 for none, and with what probability.

    `label_ids` are the labels of the classes, `size` is the input's. Probabilities are brought to the picture's size
    before classes are chosen, one class after the other, so that outlines are smooth and memory does not grow with
    their number. A single class has the pixels whose probability is the threshold or more.
    """
    of_classes = np.array(label_ids, np.int16)  # of a large picture there are many
    if meaning is Meaning.IDS:
        ids = _ids(output)
        if ids.size and not 0 <= ids.min() <= ids.max() < len(of_classes):
            raise ModelError(f"the model answers classes {ids.min()} to {ids.max()}, and {len(of_classes)} are named")
        return of_classes[_placed(ids.astype(np.float32), place, size, cv2.INTER_NEAREST).astype(int)], None
    shares = _probabilities(layers(output, len(of_classes)).astype(np.float32), meaning)
    best = _placed(shares[0], place, size, cv2.INTER_LINEAR)
    if len(shares) == 1:
        return np.where(best >= threshold, of_classes[0], -1), best
    found = np.full(best.shape, of_classes[0])
    for share, label in zip(shares[1:], of_classes[1:], strict=True):
        larger = _placed(share, place, size, cv2.INTER_LINEAR)
        wins = larger > best
        best[wins], found[wins] = larger[wins], label
    return found, best


def regions(chosen: Array, scores: Array | None, least_area: int) -> Iterator[Region]:
    """The connected parts (also over corners) of a bitmap [height, width] that have that many pixels or more.

    Holes of fewer pixels are filled.
    """
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(chosen.astype(np.uint8), connectivity=8)
    for number, (left, top, width, height, area) in enumerate(stats.tolist()):
        if number == 0 or area < least_area:  # 0 is all around
            continue
        window = np.s_[top : top + height, left : left + width]
        bitmap = numbers[window] == number
        score = None if scores is None else float(scores[window][bitmap].mean())
        yield Region(left, top, _without_small_holes(bitmap, least_area), score)


def outline(region: Region, tolerance: float) -> list[float]:
    """The region's outer border as a polygon (x, y, x, y, …), holes filled; simplified so that it is nowhere off from
    what `borders` tells by more than the tolerance, in pixels (Douglas and Peucker)."""
    (border,) = borders(region.bitmap, holes=False)
    simple = cv2.approxPolyDP(border, tolerance, True).reshape(-1, 2)
    points = simple if len(simple) >= 3 else border
    return [float(value) for value in np.add(points, (region.left, region.top)).ravel()]


def run_lengths(region: Region) -> list[float]:
    """The region as CVAT's mask: run lengths in its bounding box, then first and last column and row."""
    *runs, left, top, right, bottom = encode_mask(region.bitmap, [0, 0, *region.bitmap.shape[::-1]])
    box = (left + region.left, top + region.top, right + region.left, bottom + region.top)
    return [float(value) for value in (*runs, *box)]


def _ids(output: Array) -> Array:
    """The classes' numbers [h, w]. Raises ModelError where there is not one for each pixel."""
    if output.ndim == 2:
        return output
    if output.ndim == 3 and 1 in (output.shape[0], output.shape[2]):
        return output.reshape(output.shape[1:] if output.shape[0] == 1 else output.shape[:2])
    raise ModelError(f"the model answers {list(output.shape)}; ids are [h, w], [1, h, w] or [h, w, 1]")


def _probabilities(values: Array, meaning: Meaning) -> Array:
    """[C, h, w], each in 0..1. Raises ModelError for what is no probability."""
    if meaning is Meaning.LOGITS and len(values) == 1:
        values = 1 / (1 + np.exp(-np.clip(values, -80, 80)))
    elif meaning is Meaning.LOGITS:
        values = np.exp(values - values.max(axis=0))
        values /= values.sum(axis=0)
    if not ((values >= -1e-3) & (values <= 1.001)).all():
        raise ModelError("a probability is not in 0..1: answers is wrong, or the model's numbers overflow")
    return np.clip(values, 0, 1)


def _placed(layer: Array, place: Frame, size: tuple[int, int], interpolation: int) -> Array:
    """A layer [h, w] over the input as one [height, width] over the picture that lies there."""
    high, wide = layer.shape
    x, y = wide / size[0], high / size[1]  # of the layer's pixels in one of the input's
    across, down = x * place.across / place.width, y * place.down / place.height  # … in one of the picture's
    # From the picture's pixels to the layer's, whose centres are half a pixel in
    to_layer = np.array(
        [[across, 0, across / 2 + x * place.left - 0.5], [0, down, down / 2 + y * place.top - 0.5]], np.float64
    )
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(layer, to_layer, (place.width, place.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _without_small_holes(bitmap: Array, least_area: int) -> Array:
    """The bitmap with its holes of fewer pixels filled."""
    around = np.pad(~bitmap, 1, constant_values=True).astype(np.uint8)
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=4)
    inside = ~np.isin(np.arange(len(stats)), (0, numbers[0, 0]))  # neither the bitmap nor what is all around
    small = inside & (stats[:, cv2.CC_STAT_AREA] < least_area)
    filled: Array = bitmap | small[numbers[1:-1, 1:-1]]
    return filled
