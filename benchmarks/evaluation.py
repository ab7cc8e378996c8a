"""Evaluating predictions against final objects: a million of each, and against pycocotools and others on fewer.

Images have ten objects of 80 classes; nine in ten are predicted close by with the right class. Ours is `evaluate`, from
the objects that the ledger's tables are read into: matching, figures by class with bootstrap intervals, COCO's twelve,
error types, confusion, places, sizes, the worst images and what people did. The others get the boxes in the form that
they take: pycocotools and faster-coco-eval compute COCO's twelve alone; the plain loop compares every prediction of an
image with every object of its class by one function of two boxes, and only counts what is right at IoU .5; FiftyOne's
`evaluate_detections` runs where it is installed. Each way runs in a process of its own, on one core: times are its CPU
seconds without making the data, memory is the peak of the whole process.
"""

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.results import Row, save
from include.evaluation.evaluation import evaluate
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.lifecycle.predictions import Prediction
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.shapes import Shape, ShapeType

_SIZES = (10_000, 100_000, 1_000_000)  # objects, ten an image
_TOGETHER = 50_000  # objects on which all are compared
_CLASSES = 80
_ANNOTATOR = "model@1"
_LABELS = [f"class {number:02d}" for number in range(_CLASSES)]


def main() -> None:
    """Measure, print and save; or, in a process of its own, one way."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(_WAYS[sys.argv[1]](int(sys.argv[2]))))
        return
    rows = []
    for objects in _SIZES:
        ours = _run("ours", objects)
        rows += [
            Row("evaluate: CPU time", ours["seconds"], "s", objects),
            Row("peak memory", ours["MiB"], "MiB", objects),
        ]
    ours = _run("ours", _TOGETHER)
    for name in ("pycocotools", "faster-coco-eval", "plain loop", "FiftyOne"):
        theirs = _run(name, _TOGETHER)
        if theirs:
            rows.append(Row("CPU time", ours["seconds"], "s", _TOGETHER, name, theirs["seconds"]))
            rows.append(Row("peak memory", ours["MiB"], "MiB", _TOGETHER, name, theirs["MiB"]))
    save("evaluation", rows)


def _run(way: str, objects: int) -> dict[str, float]:
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.evaluation", way, str(objects)]
    done = subprocess.run(command, env={**os.environ, **one_core}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


# The data


def _images(objects: int) -> Iterator[ReviewedImage]:
    random = np.random.default_rng(7)
    for number in range(objects // 10):
        image_id = f"{number:08d}"
        boxes, labels = _boxes(random, 10), random.integers(0, _CLASSES, 10)
        near = boxes + random.normal(0, 2, boxes.shape)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        said = np.where(random.random(10) < 0.9, labels, random.integers(0, _CLASSES, 10))
        scores = random.random(10)
        yield ReviewedImage(
            image_id,
            tuple(
                Prediction(f"{image_id}{n}", image_id, _ANNOTATOR, _shape(near[n], said[n]), float(scores[n]))
                for n in range(10)
            ),
            tuple(Annotation(image_id, _shape(boxes[n], labels[n]), "manual", number * 10 + n) for n in range(10)),
            {f"{image_id}{n}": number * 10 + n for n in range(10)},
            1.0,
            Acceptance.PERSON,
            (1000, 1000),
            finished_by="ann",
        )


def _boxes(random: np.random.Generator, count: int) -> np.ndarray:
    corners = random.random((count, 2)) * 700
    return np.hstack([corners, corners + np.exp(random.uniform(2, 5.5, (count, 2)))])


def _shape(box: np.ndarray, label: int) -> Shape:
    return Shape(_LABELS[label], ShapeType.RECTANGLE, tuple(box.tolist()))


def _coco_rows(objects: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ground truth and results as COCO's loaders take them."""
    truth, found = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, image in enumerate(_images(objects), 1):
        for annotation in image.annotations:
            row = _coco_row(number, annotation.shape)
            truth.append({**row, "id": len(truth) + 1, "iscrowd": 0})
        for prediction in image.predictions:
            found.append({**_coco_row(number, prediction.shape), "score": prediction.score})
    ground = {
        "images": [{"id": number} for number in range(1, objects // 10 + 1)],
        "categories": [{"id": number, "name": label} for number, label in enumerate(_LABELS, 1)],
        "annotations": truth,
    }
    return ground, found


def _coco_row(number: int, shape: Shape) -> dict[str, Any]:
    x1, y1, x2, y2 = shape.points
    box = [x1, y1, x2 - x1, y2 - y1]
    return {"image_id": number, "category_id": _LABELS.index(shape.label) + 1, "bbox": box, "area": box[2] * box[3]}


# The ways


def _ours(objects: int) -> dict[str, float]:
    begun, making = time.process_time(), [0.0]

    def images() -> Iterator[ReviewedImage]:
        """The data, whose making is not counted."""
        source = _images(objects)
        while True:
            before = time.process_time()
            image = next(source, None)
            making[0] += time.process_time() - before
            if image is None:
                return
            yield image

    evaluate(
        images(),
        EvaluationSettings(),
        annotator=_ANNOTATOR,
        revision_ids=["r"],
        jobs_finished=1,
        images_finished=objects // 10,
    )
    return _measured(begun + making[0])


def _pycocotools(objects: int) -> dict[str, float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _coco(COCO, COCOeval, objects)


def _faster(objects: int) -> dict[str, float]:
    from faster_coco_eval import COCO, COCOeval_faster  # type: ignore[import-untyped]

    return _coco(COCO, COCOeval_faster, objects)


def _coco(loader: Any, evaluator: Any, objects: int) -> dict[str, float]:
    truth, found = _coco_rows(objects)
    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        ground = loader()
        ground.dataset = truth
        ground.createIndex()
        evaluation = evaluator(ground, ground.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return _measured(begun)


def _plain(objects: int) -> dict[str, float]:
    images = [
        (
            [(p.shape.label, p.shape.points) for p in image.predictions],
            [(a.shape.label, a.shape.points) for a in image.annotations],
        )
        for image in _images(objects)
    ]
    begun, right = time.process_time(), 0
    for found, truth in images:
        for label, box in found:
            right += any(label == other and _iou(box, true) >= 0.5 for other, true in truth)
    return _measured(begun)


def _iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    common = wide * high
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def _fiftyone(objects: int) -> dict[str, float]:
    try:
        import fiftyone  # type: ignore[import-not-found]
    except ImportError:
        return {}
    dataset = fiftyone.Dataset()
    samples = []
    for image in _images(objects):
        truth = [fiftyone.Detection(label=a.shape.label, bounding_box=_relative(a.shape)) for a in image.annotations]
        found = [
            fiftyone.Detection(label=p.shape.label, bounding_box=_relative(p.shape), confidence=p.score)
            for p in image.predictions
        ]
        sample = fiftyone.Sample(filepath=f"/{image.image_id}.jpg")
        sample["truth"], sample["found"] = fiftyone.Detections(detections=truth), fiftyone.Detections(detections=found)
        samples.append(sample)
    dataset.add_samples(samples)
    begun = time.process_time()
    dataset.evaluate_detections("found", "truth", method="coco", compute_mAP=True).mAP()
    return _measured(begun)


def _relative(shape: Shape) -> list[float]:
    x1, y1, x2, y2 = (value / 1000 for value in shape.points)
    return [x1, y1, x2 - x1, y2 - y1]


def _measured(begun: float) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.process_time() - begun, "MiB": peak}


_WAYS: dict[str, Callable[[int], dict[str, float]]] = {
    "ours": _ours,
    "pycocotools": _pycocotools,
    "faster-coco-eval": _faster,
    "plain loop": _plain,
    "FiftyOne": _fiftyone,
}


if __name__ == "__main__":
    main()
