"""Digests: of a model's file, and of those that it names as its tensors'."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from include.annotators.digests import model_digest
from tests.include.annotators import networks


def test_a_digest_is_of_the_tensors_beside_the_file_too(tmp_path: Path) -> None:
    values = np.ones(1000, np.float32)
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(values, "w")])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        model = helper.make_model(graph)
        onnx.save_model(model, tmp_path / folder / "m.onnx", save_as_external_data=True, location="m.data")
    (tmp_path / "b" / "m.data").write_bytes((2 * values).tobytes())
    assert (tmp_path / "a/m.onnx").read_bytes() == (tmp_path / "b/m.onnx").read_bytes()
    one, other = (model_digest(tmp_path / folder / "m.onnx") for folder in ("a", "b"))
    assert one != other
    (tmp_path / "a" / "notes.txt").write_text("not the model's")
    for name in ("notes.txt", "location", "w"):  # of the last two the words are in the model
        (tmp_path / "a" / name).write_text("not the model's")
    assert model_digest(tmp_path / "a" / "m.onnx") == one


@pytest.mark.parametrize("location", ["tensors/w.bin", "w" * 200])
def test_a_digest_is_of_tensors_wherever_the_file_says(location: str, tmp_path: Path) -> None:
    (tmp_path / "tensors").mkdir()
    tensor = numpy_helper.from_array(np.ones(9, np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    node = helper.make_node("Constant", [], ["w"], value=tensor)  # not among the graph's initializers
    model, data = tmp_path / "m.onnx", tmp_path / location
    model.write_bytes(helper.make_model(helper.make_graph([node], "g", [], [])).SerializeToString())
    digests = []
    for content in (b"one", b"another"):
        data.write_bytes(content)
        parts = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (model, data)]
        digests.append(hashlib.sha256("".join(parts).encode()).hexdigest())
        assert model_digest(model) == digests[-1]
    assert digests[0] != digests[1]


def test_a_file_beside_a_model_that_keeps_its_tensors_is_not_the_models(tmp_path: Path) -> None:
    """`names` is a key in a YOLO export's metadata; and so may `location` be one."""
    model = networks.save(tmp_path / "model.onnx", networks.yolov8, metadata={**networks.NAMES, "location": "images"})
    for name in ("names", "images", "output0"):
        (tmp_path / name).write_text("not the model's")
    assert model_digest(model) == hashlib.sha256(model.read_bytes()).hexdigest()
