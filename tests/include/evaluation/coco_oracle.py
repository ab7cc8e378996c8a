"""pycocotools as the oracle: reviewed images as a COCO dataset and its results."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from include.evaluation.overlaps import OKS_SIGMA
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.shapes import Shape, ShapeType


def coco_stats(images: Sequence[ReviewedImage], kind: str) -> list[float | None]:
    """The twelve figures (ten for keypoints) that pycocotools prints; None where it has -1."""
    evaluation = _evaluation(images, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [None if value == -1 else float(value) for value in evaluation.stats]


def _evaluation(images: Sequence[ReviewedImage], kind: str) -> Any:
    images = sorted(images, key=lambda image: image.image_id)
    labels = sorted({one.shape.label for image in images for one in (*image.annotations, *image.predictions)})
    truth, found = list[dict[str, Any]](), list[dict[str, Any]]()

    def add(rows: list[dict[str, Any]], number: int, shape: Shape, **more: Any) -> None:
        category = labels.index(shape.label) + 1
        row = _row(shape, kind, images[number - 1].size)
        rows.append({**row, **more, "id": len(rows) + 1, "image_id": number, "category_id": category})

    for number, image in enumerate(images, 1):
        for shape in sorted((a.shape for a in image.annotations), key=lambda shape: (shape.label, shape.points)):
            add(truth, number, shape, iscrowd=0)
        for prediction in sorted(image.predictions, key=lambda p: (-p.score, p.id)):
            add(found, number, prediction.shape, score=prediction.score)
    with contextlib.redirect_stdout(io.StringIO()):
        ground, results = COCO(), COCO()
        for data, rows in ((ground, truth), (results, found)):
            data.dataset = {
                "images": [{"id": n, "width": i.size[0], "height": i.size[1]} for n, i in enumerate(images, 1)],
                "categories": [{"id": n, "name": label} for n, label in enumerate(labels, 1)],
                "annotations": rows,
            }
            data.createIndex()
        evaluation = COCOeval(ground, results, kind)
    if kind == "keypoints":
        evaluation.params.kpt_oks_sigmas = np.array([OKS_SIGMA] * 3)
    return evaluation


def _row(shape: Shape, kind: str, size: tuple[int, int]) -> dict[str, Any]:
    xs, ys = shape.points[::2], shape.points[1::2]
    x, y, wide, high = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    row: dict[str, Any] = {"bbox": [x, y, wide, high], "area": wide * high}
    if kind == "segm":
        row["segmentation"] = run_lengths(shape, size)
        row["area"] = _shoelace(xs, ys)
    if kind == "keypoints":
        row["keypoints"] = [value for x, y in zip(xs, ys, strict=True) for value in (x, y, 2)]
        row["num_keypoints"] = len(xs)
        row["area"] = max(wide, high / 10, 1) * max(high, wide / 10, 1)  # COCO takes any area; ours is never thinner
    return row


def run_lengths(shape: Shape, size: tuple[int, int]) -> Any:
    """A polygon as pycocotools' run lengths."""
    assert shape.type is ShapeType.POLYGON
    return mask.frPyObjects([list(shape.points)], size[1], size[0])[0]


def _shoelace(xs: Sequence[float], ys: Sequence[float]) -> float:
    corners = list(zip(xs, ys, strict=True))
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2
