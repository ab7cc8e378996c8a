"""Detectors on real ONNX files: see networks.py for what their answers must be."""

import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from onnx import TensorProto, helper

from include.annotators.onnx_detector import OnnxDetector
from include.annotators.registry import UnknownAnnotator, load
from tests.include.annotators import networks
from tests.include.annotators.asked import BLUE, GREEN, RED, Box, Context, picture, predictions


def sure(model: Path, **settings: Any) -> OnnxDetector:
    """A detector that leaves out cells which are only partly filled."""
    return OnnxDetector(model, **{"min_score": 0.5, **settings})


def found(detector: OnnxDetector, image: PIL.Image.Image) -> list[tuple[str, Box, Any]]:
    """Label, box and score of what is found, the best first."""
    best = sorted(predictions(detector, image), key=lambda one: -one.score)
    return [(one.shape.label, one.shape.points, pytest.approx(one.score, abs=1e-5)) for one in best]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


FORMS: dict[str, Callable[[Path], Path]] = {
    "detr": lambda path: networks.save(path, networks.detr, picture="pixel_values"),
    "separate": networks.save_separate,
    "yolox": lambda path: networks.save(path, networks.yolox),
    "yolov8": lambda path: networks.save(path, networks.yolov8),
    "nms": lambda path: networks.save(path, networks.nms),
}
# What each form's network makes of a mean of 1 and of 1/4
SCORES = {
    "detr": (sigmoid(10), sigmoid(-5)),
    "separate": (1, 0.25),
    "yolox": (0.9, 0.225),
    "yolov8": (1, 0.25),
    "nms": (1, 0.25),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_recognised_and_read(form: str, tmp_path: Path) -> None:
    detector = sure(FORMS[form](tmp_path / "model.onnx"))
    image = picture((32, 32), (RED, (8, 16, 16, 24)), (BLUE, (24, 0, 32, 8)))
    assert sorted(found(detector, image)) == [
        ("blue", (24, 0, 32, 8), SCORES[form][0]),
        ("red", (8, 16, 16, 24), SCORES[form][0]),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_the_least_score_lets_more_through(form: str, tmp_path: Path) -> None:
    detector = OnnxDetector(FORMS[form](tmp_path / "model.onnx"), min_score=SCORES[form][1] - 1e-6)
    assert found(detector, picture((32, 32), (GREEN, (8, 16, 16, 24)))) == [
        ("green", (8, 16, 16, 24), SCORES[form][0]),
        ("green", (0, 16, 16, 32), SCORES[form][1]),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_blank_picture_has_no_boxes(form: str, tmp_path: Path) -> None:
    assert found(sure(FORMS[form](tmp_path / "model.onnx")), picture((40, 20))) == []


# A picture of 64 x 48: the second cell of 8 pixels of the third row, (8, 16) to (16, 24) in the input. Stretched, a
# pixel of the input is 2 x 1.5 of the picture; letterboxed it is 2 x 2, below 4 rows of gray or, in the corner, none.
@pytest.mark.parametrize(
    ("form", "fit", "box"),
    [
        ("detr", None, (16, 24, 32, 36)),
        ("separate", None, (16, 24, 32, 36)),
        ("yolox", None, (16, 32, 32, 48)),
        ("yolov8", None, (16, 24, 32, 40)),
        ("nms", None, (16, 24, 32, 40)),
        ("yolov8", "stretch", (16, 24, 32, 36)),
        ("yolov8", "corner", (16, 32, 32, 48)),
        ("detr", "letterbox", (16, 24, 32, 40)),
    ],
)
def test_boxes_are_in_the_pictures_pixels(form: str, fit: str | None, box: Box, tmp_path: Path) -> None:
    settings = {"fit": fit} if fit else {}
    detector = sure(FORMS[form](tmp_path / "model.onnx"), **settings, min_score=0.6)
    ((label, where, score),) = found(detector, picture((64, 48), (RED, box)))
    assert (label, where) == ("red", box)
    assert score == pytest.approx(SCORES[form][0], abs=0.15)  # a stretched picture is a little blurred


def test_boxes_are_clipped_to_the_picture_and_those_outside_of_it_go(tmp_path: Path) -> None:
    # 32 x 20 letterboxed: 6 gray rows above and below. Cells in the rows 0..8 and 24..32 keep two of the picture's.
    detector = sure(FORMS["yolov8"](tmp_path / "model.onnx"), min_score=0.3)
    labels = {(box, label) for label, box, _ in found(detector, picture((32, 20), (RED, (0, 0, 8, 2))))}
    assert ((0, 0, 8, 2), "red") in labels
    assert all(0 <= top < bottom <= 20 for (_, top, _, bottom), _ in labels)
    # 32 x 8 in the middle: 12 gray rows, a mean of 114/255 = .447 in the cells above, which are not of the picture
    narrow = found(detector, picture((32, 8)))
    assert all(0 <= top < bottom <= 8 for _, (_, top, _, bottom), _ in narrow)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_batch_answers_as_each_alone(form: str, count: int, tmp_path: Path) -> None:
    detector = sure(FORMS[form](tmp_path / "model.onnx"), batch_size=2)
    images = [picture((32 + index, 32), (RED, (8 * (index % 4), 0, 8 * (index % 4) + 8, 8))) for index in range(count)]
    assert detector.detect_batch(images) == [detector.detect(Context(), image) for image in images]


@pytest.mark.parametrize("fixed", [1, 4])
def test_a_model_of_a_fixed_batch_takes_any_number(fixed: int, tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8, batch=fixed)
    detector = sure(model)
    assert detector.batch_size == fixed
    images = [picture((32, 32), (GREEN, (8 * index, 8, 8 * index + 8, 16))) for index in range(3)]
    answers = detector.detect_batch(images)
    assert [[tuple(shape.points) for shape in answer] for answer in answers] == [
        [(8 * index, 8, 8 * index + 8, 16)] for index in range(3)
    ]
    assert detector.detect_batch([]) == []


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_inputs_of_other_types_are_given_theirs(kind: int, tmp_path: Path) -> None:
    def make(graph: networks.Graph, pictures: str) -> dict[str, str]:
        scale = 255 if kind == TensorProto.UINT8 else 1
        return networks.yolov8(graph, graph.add("Div", pictures, graph.constant(scale)))

    detector = sure(networks.save(tmp_path / "model.onnx", make, dtype=kind))
    assert found(detector, picture((32, 32), (BLUE, (0, 0, 8, 8)))) == [("blue", (0, 0, 8, 8), 1)]


def test_a_model_with_its_channels_last_is_given_them_so(tmp_path: Path) -> None:
    detector = sure(networks.save(tmp_path / "model.onnx", networks.yolov8, last=True))
    assert found(detector, picture((32, 32), (BLUE, (0, 8, 8, 16)))) == [("blue", (0, 8, 8, 16), 1)]


def test_mean_and_deviation_and_the_order_of_channels(tmp_path: Path) -> None:
    """Red's 1 becomes (1 - .5) / .25 = 2 where the model multiplies by 1/2 again; black would be -1: no score."""

    def make(graph: networks.Graph, pictures: str) -> dict[str, str]:
        half = graph.add("Mul", pictures, graph.constant(0.5))
        return networks.yolov8(graph, graph.add("Relu", half))

    model = networks.save(tmp_path / "model.onnx", make)
    normal = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    image = picture((32, 32), (RED, (8, 8, 16, 16)))
    assert found(sure(model, **normal), image) == [("red", (8, 8, 16, 16), 1)]
    assert found(sure(model, **normal, channels="bgr"), image) == [("blue", (8, 8, 16, 16), 1)]
    assert found(sure(model), image) == [("red", (8, 8, 16, 16), 0.5)]


def test_a_network_of_any_size_is_told_one(tmp_path: Path) -> None:
    any_size = {"size": ("height", "width")}
    model = networks.save(tmp_path / "a.onnx", networks.yolov8, **any_size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="takes pictures of any size: state input_size"):
        sure(model)
    image = picture((32, 32), (RED, (8, 8, 16, 16)))
    assert found(sure(model, input_size=(32, 32)), image) == [("red", (8, 8, 16, 16), 1)]
    metadata = {**networks.NAMES, "imgsz": "[32, 32]"}
    told = networks.save(tmp_path / "b.onnx", networks.yolov8, **any_size, metadata=metadata)  # type: ignore[arg-type]
    assert found(sure(told), image) == [("red", (8, 8, 16, 16), 1)]


def test_suppression_keeps_one_box_an_object(tmp_path: Path) -> None:
    """A red square of 16 pixels fills a cell of 16, with which the four of 8 in it have an IoU of 1/4. The cell of 32
    has the score 1/4, an IoU of 1/4 with that of 16, and of 1/16 with those of 8."""
    model = FORMS["yolov8"](tmp_path / "model.onnx")
    image = picture((32, 32), (RED, (16, 16, 32, 32)))

    def scores(**settings: Any) -> list[float]:
        return sorted(shape.score for shape in OnnxDetector(model, min_score=0.2, **settings).detect(Context(), image))

    assert scores(overlap=0.3) == pytest.approx([0.25, 1, 1, 1, 1, 1])
    assert scores(overlap=0.3, suppression="none") == pytest.approx([0.25, 1, 1, 1, 1, 1])
    # Between equal scores the one from the left is first, so a cell of 8 takes away that of 16, and not the other way
    assert scores(overlap=0.25) == pytest.approx([0.25, 1, 1, 1, 1])
    assert scores(overlap=0.25, suppression="none", max_detections=2) == [1, 1]
    # Soft: that of 16 meets the four of 8 before its turn; that of 32 meets it, too, and falls below .2: 1/4 x 3/4
    assert scores(overlap=0.25, suppression="linear") == pytest.approx([0.75**4, 1, 1, 1, 1])
    gaussian = [0.25 * math.exp(-(4 / 16**2 + 1 / 4**2) / 0.5), math.exp(-(4 / 4**2) / 0.5), 1, 1, 1, 1]
    assert scores(suppression="gaussian") == pytest.approx(gaussian)


def test_the_best_boxes_stay_within_the_most(tmp_path: Path) -> None:
    detector = sure(FORMS["yolov8"](tmp_path / "model.onnx"), max_detections=1)
    image = picture((32, 32), (RED, (0, 0, 8, 8)), ((0, 200, 0), (16, 16, 24, 24)))
    assert found(detector, image) == [("red", (0, 0, 8, 8), 1)]


def test_labels_choose_and_rename_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = FORMS["yolov8"](tmp_path / "model.onnx")
    with caplog.at_level(logging.INFO, logger="include.annotators"):
        detector = sure(model, labels={"blue": "cold", "red": "warm"})
    image = picture((32, 32), (RED, (0, 0, 8, 8)), (GREEN, (8, 8, 16, 16)), (BLUE, (16, 16, 24, 24)))
    assert found(detector, image) == [("cold", (16, 16, 24, 24), 1), ("warm", (0, 0, 8, 8), 1)]
    assert [record.getMessage() for record in caplog.records] == [
        "not reported, because labels does not map them: green"
    ]


def test_classes_of_one_label_are_suppressed_together(tmp_path: Path) -> None:
    model = FORMS["detr"](tmp_path / "model.onnx")
    image = picture((32, 32), ((255, 255, 0), (0, 0, 8, 8)))  # red and green: a query of two classes
    both = sure(model)
    assert [label for label, _, _ in found(both, image)] == ["green", "red"]
    one = sure(model, labels={"red": "any", "green": "any"}, suppression="greedy")
    assert [label for label, _, _ in found(one, image)] == ["any"]
    agnostic = sure(model, suppression="greedy", class_agnostic=True)
    assert [label for label, _, _ in found(agnostic, image)] == ["red"]


def test_a_threshold_of_the_caller_counts_too(tmp_path: Path) -> None:
    class Strict(Context):
        conf_threshold = 0.95

    detector = sure(FORMS["yolox"](tmp_path / "model.onnx"))
    image = picture((32, 32), (RED, (0, 0, 8, 8)))
    assert len(detector.detect(Context(), image)) == 1
    assert detector.detect(Strict(), image) == []


def test_the_version_tells_weights_and_settings(tmp_path: Path) -> None:
    model = FORMS["yolov8"](tmp_path / "a.onnx")
    version = sure(model).version
    assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{8}", version)
    assert sure(model, threads=2, batch_size=3).version == version
    assert sure(model, min_score=0.3).version != version
    assert sure(model, labels={"red": "red"}).version != version
    assert sure(FORMS["nms"](tmp_path / "b.onnx")).version != version


def unlike(graph: networks.Graph, pictures: str) -> dict[str, str]:
    return {"features": graph.add("AveragePool", pictures, kernel_shape=[8, 8], strides=[8, 8])}


def beyond(graph: networks.Graph, pictures: str) -> dict[str, str]:
    return networks.yolov8(graph, graph.add("Mul", pictures, graph.constant(3)))


def overflowing(graph: networks.Graph, pictures: str) -> dict[str, str]:
    black = graph.add("Sub", pictures, pictures)
    return networks.yolov8(graph, graph.add("Div", black, black))


@pytest.mark.parametrize(
    ("make", "settings", "what"),
    [
        (unlike, {}, r"not recognised: state form. For one picture it answers features \[3, 4, 4\]; known forms are d"),
        (networks.yolov8, {"form": "detr"}, "not those of the form detr: .*no output logits.*output0 .7, 21."),
        (networks.yolov8, {"form": "nms"}, "not those of the form nms: six numbers a box"),
        (networks.yolov8, {"form": "yolox"}, "not those of the form yolox: 7 cells are none of 32 x 32 pixels"),
        (
            networks.detr,
            {"form": "yolov8"},
            "not those of the form yolov8: one output is expected. .*logits .21, 3.",
        ),
        (networks.yolov8, {"labels": {}}, "nothing would be reported: no class but the background has a label: red"),
        (networks.yolov8, {"form": "yolo"}, "form: .*Input should be 'detr'"),
        (networks.yolov8, {"classes": ["a", "b"]}, "tells 3 classes apart, and 2 are named: a, b"),
        (networks.yolov8, {"labels": {"rod": "red"}}, "'rod' is not among the model's classes: red, green, blue"),
        (networks.yolov8, {"input_size": (64, 64)}, "input is 32 x 32 pixels, and input_size says 64 x 64"),
        (networks.yolov8, {"threshold": 0.5}, "threshold: there is no such setting"),
        (networks.yolov8, {"std": [0, 1, 1]}, "std.0: Input should be greater than 0"),
        (networks.yolov8, {"std": [1, float("inf"), 1]}, "std.1: Input should be a finite number"),
        (networks.yolov8, {"mean": [0, 0, float("nan")]}, "mean.2: Input should be a finite number"),
        (overflowing, {}, "a score is not in 0..1"),
    ],
)
def test_what_does_not_fit_is_told_when_it_is_loaded(
    make: networks.Make, settings: dict[str, Any], what: str, tmp_path: Path
) -> None:
    model = networks.save(tmp_path / "model.onnx", make)
    with pytest.raises(UnknownAnnotator, match=what):
        load("onnx_detector", {"weights": str(model), **settings})


def test_scores_beyond_1_are_told_of_the_picture(tmp_path: Path) -> None:
    detector = sure(networks.save(tmp_path / "model.onnx", beyond))
    with pytest.raises(ValueError, match=r"a score is not in 0..1: form .yolov8. or pixels is wrong"):
        detector.detect(Context(), picture((32, 32), (RED, (0, 0, 8, 8))))


def test_a_class_without_a_name_is_told(tmp_path: Path) -> None:
    detector = sure(FORMS["nms"](tmp_path / "model.onnx"), classes=["red", "green"])
    with pytest.raises(ValueError, match="answers class 2, and only 2 classes are named"):
        detector.detect(Context(), picture((32, 32), (BLUE, (0, 0, 8, 8))))


def test_a_model_without_names_needs_them_stated(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8, metadata={})
    with pytest.raises(ValueError, match="does not say how its classes are called: state classes"):
        sure(model)
    detector = sure(model, classes=["r", "g", "b"])
    assert found(detector, picture((32, 32), (BLUE, (0, 0, 8, 8)))) == [("b", (0, 0, 8, 8), 1)]


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "cannot be read: No such file"), (b"no model", "onnxruntime cannot load the weights")],
)
def test_files_that_are_no_models_are_told(content: bytes | None, what: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if content:
        path.write_bytes(content)
    with pytest.raises(UnknownAnnotator, match=what):
        load("onnx_detector", {"weights": str(path)})


def test_a_model_that_needs_more_than_a_picture_is_told(tmp_path: Path) -> None:
    more = [helper.make_tensor_value_info("prompt", TensorProto.INT64, ["batch", 2])]
    model = networks.save(tmp_path / "model.onnx", networks.yolov8, more=more)
    with pytest.raises(ValueError, match="nothing is known to give to the model's inputs prompt"):
        sure(model)
