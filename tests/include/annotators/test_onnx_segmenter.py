"""Segmenters on real ONNX files: see networks.py for what their answers must be."""

import math
import re
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from onnx import TensorProto

from include.annotators.onnx_segmenter import OnnxSegmenter
from include.annotators.registry import UnknownAnnotator, load
from tests.include.annotators import networks
from tests.include.annotators.asked import BLUE, GREEN, RED, Box, Context, picture, predictions

CLASSES = {"names": "['nothing', 'red', 'green', 'blue']"}
FORMS: dict[str, networks.Make] = {
    "logits": networks.segments,
    "halved": networks.halved_segments,
    "probabilities": networks.segment_probabilities,
    "ids": networks.segment_ids,
}
# Logits of a pure pixel: 10 for its colour, 5 for the background, 0 for the two others
SCORE = math.exp(10) / (math.exp(10) + math.exp(5) + 2)


def segmenter(form: str, path: Path, **settings: Any) -> OnnxSegmenter:
    types = {"ids": TensorProto.INT64} if form == "ids" else {}
    model = networks.save(path / "model.onnx", FORMS[form], metadata=CLASSES, types=types)
    stated = {"answers": "ids"} if form == "ids" else {}
    return OnnxSegmenter(model, **{"background": "nothing", "min_area": 4, **stated, **settings})


def red(make: networks.Make, path: Path, **settings: Any) -> OnnxSegmenter:
    model = networks.save(path / "model.onnx", make, metadata={"names": "['red']"})
    return OnnxSegmenter(model, **{"min_area": 4, **settings})


def found(function: OnnxSegmenter, image: PIL.Image.Image, off: float = 1e-3) -> list[tuple[str, str, Box, Any]]:
    """Label, kind, bounding box and score of what is found, sorted by label and place."""
    return [
        (one.shape.label, one.shape.type.value, bounds(one.shape.points), pytest.approx(one.score, abs=off))
        for one in predictions(function, image)
    ]


def bounds(points: tuple[float, ...]) -> Box:
    return min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read(form: str, tmp_path: Path) -> None:
    image = picture((32, 32), (RED, (4, 8, 12, 20)), (RED, (20, 20, 28, 28)), (BLUE, (16, 0, 32, 8)))
    score = 1 if form == "ids" else SCORE
    off = 0.15 if form == "halved" else 1e-3  # its pixels are two of the picture's wide: edges are blurred
    assert found(segmenter(form, tmp_path), image, off) == [
        ("blue", "polygon", (16, 0, 32, 8), score),
        ("red", "polygon", (4, 8, 12, 20), score),
        ("red", "polygon", (20, 20, 28, 28), score),
    ]


def test_regions_are_in_the_pictures_pixels(tmp_path: Path) -> None:
    image = picture((64, 96), (GREEN, (16, 24, 32, 60)))
    ((label, kind, where, _),) = found(segmenter("logits", tmp_path), image)
    assert (label, kind) == ("green", "polygon")
    assert where == pytest.approx((16, 24, 32, 60), abs=1)
    boxed = segmenter("logits", tmp_path, fit="letterbox")
    ((_, _, where, _),) = found(boxed, image)
    assert where == pytest.approx((16, 24, 32, 60), abs=2)


def test_masks_and_holes(tmp_path: Path) -> None:
    black = (0, 0, 0)
    image = picture((32, 32), (RED, (4, 4, 20, 20)), (black, (8, 8, 16, 16)), (RED, (24, 24, 30, 30)))

    def kinds(**settings: Any) -> list[str]:
        return [kind for _, kind, _, _ in found(segmenter("logits", tmp_path, **settings), image)]

    assert kinds() == ["polygon", "polygon"]
    assert kinds(drawn="masks") == ["mask", "mask"]
    shapes = [one.shape for one in predictions(segmenter("logits", tmp_path, drawn="masks"), image)]
    *runs, left, top, right, bottom = next(shape.points for shape in shapes if shape.points[-2:] == (19, 19))
    assert (left, top, right, bottom) == (4, 4, 19, 19)
    assert runs == [0, 16 * 4 + 4, *[8, 8] * 7, 8, 4 + 16 * 4]
    (filled,) = predictions(segmenter("logits", tmp_path, drawn="masks", min_area=65), image)
    assert filled.shape.points == (0, 16 * 16, 4, 4, 19, 19)  # and the square of 36 is left out


def test_the_types_are_the_labels_own(tmp_path: Path) -> None:
    types = {
        drawn: {label.type for label in segmenter("logits", tmp_path, drawn=drawn).spec.labels}
        for drawn in ("polygons", "masks")
    }
    assert types == {"polygons": {"polygon"}, "masks": {"mask"}}


def test_one_class_by_its_logit_or_probability(tmp_path: Path) -> None:
    """8 for red, -4 for black."""
    image = picture((32, 32), (RED, (4, 8, 12, 20)))
    expected = [("red", "polygon", (4, 8, 12, 20), 1 / (1 + math.exp(-8)))]
    assert found(red(networks.red_logits, tmp_path), image) == expected
    with pytest.raises(ValueError, match="cannot be told apart: state answers"):
        red(networks.red_probabilities, tmp_path)
    assert found(red(networks.red_probabilities, tmp_path, answers="probabilities"), image) == expected
    dim = picture((32, 32), ((64, 0, 0), (4, 8, 12, 20)))  # 12 x .251 - 4: a probability of .271
    assert found(red(networks.red_logits, tmp_path), dim) == []
    (low,) = found(red(networks.red_logits, tmp_path, threshold=0.25), dim)
    assert low[3] == 0.2713
    assert found(red(networks.red_logits, tmp_path, threshold=0.25, min_score=0.3), dim) == []


def test_labels_choose_and_join_classes(tmp_path: Path) -> None:
    image = picture((32, 32), (RED, (4, 4, 12, 12)), (GREEN, (12, 4, 20, 12)), (BLUE, (4, 20, 12, 28)))
    joined = segmenter("logits", tmp_path, labels={"red": "warm", "green": "warm"})
    assert found(joined, image) == [("warm", "polygon", (4, 4, 20, 12), SCORE)]


def test_a_batch_answers_as_each_alone(tmp_path: Path) -> None:
    function = segmenter("logits", tmp_path, batch_size=2)
    images = [picture((32, 32 + index), (RED, (4, 4, 12 + index, 12))) for index in range(5)]
    assert function.detect_batch(images) == [function.detect(Context(), image) for image in images]


def test_a_caller_that_wants_polygons_does_not_get_masks(tmp_path: Path) -> None:
    class Polygons(Context):
        conv_mask_to_poly = True

    image = picture((32, 32), (RED, (4, 4, 12, 12)))
    assert len(segmenter("logits", tmp_path).detect(Polygons(), image)) == 1
    with pytest.raises(ValueError, match="set drawn to polygons"):
        segmenter("logits", tmp_path, drawn="masks").detect(Polygons(), image)


def test_the_version_tells_weights_and_settings(tmp_path: Path) -> None:
    version = segmenter("logits", tmp_path).version
    assert re.fullmatch(r"2-[0-9a-f]{8}-[0-9a-f]{8}", version)
    assert segmenter("logits", tmp_path, threads=2, batch_size=3).version == version
    assert segmenter("logits", tmp_path, tolerance=2).version != version
    assert segmenter("halved", tmp_path).version != version


def two(graph: networks.Graph, pictures: str) -> dict[str, str]:
    return {**networks.segments(graph, pictures), "features": graph.add("Identity", pictures)}


@pytest.mark.parametrize(
    ("make", "settings", "what"),
    [
        (two, {}, "has the outputs logits, features; a segmenter must have one"),
        (networks.segments, {"classes": ["red"]}, r"answers \[4, 32, 32\] for a picture, and 1 classes are named"),
        (networks.segments, {"background": "none"}, "'none' is not among the model's classes: nothing, red"),
        (networks.segments, {"answers": "probabilities"}, r"a probability is not in 0\.\.1: answers is wrong"),
        (networks.segment_ids, {}, "the number of each pixel's class, which has no score: state answers: ids"),
        (networks.segments, {"drawn": "outlines"}, "drawn: .*Input should be 'polygons'"),
    ],
)
def test_what_does_not_fit_is_told_when_it_is_loaded(
    make: networks.Make, settings: dict[str, Any], what: str, tmp_path: Path
) -> None:
    types = {"ids": TensorProto.INT64}
    model = networks.save(tmp_path / "model.onnx", make, metadata=CLASSES, types=types)
    with pytest.raises(UnknownAnnotator, match=what):
        load("onnx_segmenter", {"weights": str(model), **settings})
