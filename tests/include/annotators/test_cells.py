"""The tiny detector, fitted to squares of one colour, as the annotator that users have reads its file."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import PIL.Image
import PIL.ImageDraw
import pytest

from include.annotators.cells import Example, fit
from include.annotators.registry import load

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220), "never": (0, 0, 0)}
Box = tuple[int, int, int, int]


def picture(**squares: Box) -> PIL.Image.Image:
    """Squares on grey, half the size of what the network takes."""
    drawn = PIL.Image.new("RGB", (240, 176), (128, 128, 128))
    for name, box in squares.items():
        PIL.ImageDraw.Draw(drawn).rectangle(box, fill=COLOURS[name])
    return drawn


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    red, blue = (16, 16, 63, 63), (120, 80, 199, 159)
    examples = [
        Example(picture(red=red, blue=blue), [(0, 16, 16, 64, 64), (1, 120, 80, 200, 160)]),
        Example(picture(red=(160, 0, 199, 39)), [(0, 160, 0, 200, 40)]),
        Example(picture(), []),
    ]
    file = tmp_path_factory.mktemp("cells") / "model.onnx"
    file.write_bytes(fit(examples, list(COLOURS)))
    return file


def test_it_finds_cells_of_the_colour_that_it_has_learnt(weights: Path) -> None:
    settings: dict[str, Any] = {"form": "yolov8", "fit": "stretch"}
    function = load("onnx_detector", settings, weights=weights).function
    assert [label.name for label in function.spec.labels] == ["red", "blue", "never"]
    found = function.detect(_Context(), picture(red=(80, 80, 127, 127)))
    boxes = np.array([shape.points for shape in found])
    assert {shape.label_id for shape in found} == {0}
    assert (boxes.min(axis=0)[:2].tolist(), boxes.max(axis=0)[2:].tolist()) == ([80, 80], [128, 128])
    assert len(found) == (48 * 2 // 16) ** 2


def test_a_file_is_sound_and_the_same_for_the_same_examples() -> None:
    once, again = (fit([Example(picture(), [])], ["red"]) for _ in range(2))
    assert once == again
    onnx.checker.check_model(onnx.load_from_string(once), full_check=True)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no image to learn from"):
        fit([], ["red"])


class _Context:
    frame_name, conf_threshold, conv_mask_to_poly = "a.png", None, False
