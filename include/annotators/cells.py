"""A tiny detector that is fitted in seconds: it looks at cells of 16 pixels and knows their colours alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import PIL.Image
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

_SIZE = (480, 352)  # what pictures are stretched to; width, height
_CELL = 16
_NEVER = -20.0  # the bias of a class that nothing was learnt of
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and its boxes: label's index, left, top, right, bottom in its pixels."""

    picture: PIL.Image.Image
    boxes: Sequence[tuple[int, float, float, float, float]]


def fit(examples: Iterable[Example], labels: Sequence[str]) -> bytes:
    """An ONNX file in YOLOv8's form, fitted to the examples: for each label a logistic regression of whether a cell's
    centre is in one of its boxes, by the means and variances of the cell's colours.

    Raises ValueError without any example.
    """
    seen = [(_features(one.picture), _inside(one, len(labels))) for one in examples]
    if not seen:
        raise ValueError("there is no image to learn from")
    features, inside = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    slopes, biases = np.zeros((len(labels), features.shape[1])), np.full(len(labels), _NEVER)
    for label in range(len(labels)):
        if 0 < inside[:, label].sum() < len(inside):
            model = LogisticRegression(max_iter=1000).fit(features, inside[:, label])
            slopes[label], biases[label] = model.coef_[0], model.intercept_[0]
    return _network(slopes, biases, labels)


def _features(picture: PIL.Image.Image) -> Floats:
    """[cells, 6]: the means of red, green and blue in 0..1, then their variances; as the network computes them."""
    wide, high = _SIZE
    pixels = np.asarray(picture.resize(_SIZE, PIL.Image.Resampling.BILINEAR), np.float32) / 255
    cells = pixels.reshape(high // _CELL, _CELL, wide // _CELL, _CELL, 3)
    found: Floats = np.concatenate([cells.mean((1, 3)), cells.var((1, 3))], axis=2).reshape(-1, 6)
    return found


def _inside(one: Example, labels: int) -> NDArray[np.bool_]:
    """[cells, labels]: whether a cell's centre is in a box of the label."""
    x, y = _centres().T * (np.array(one.picture.size) / _SIZE)[:, None]
    found = np.zeros((len(x), labels), np.bool_)
    for label, left, top, right, bottom in one.boxes:
        found[:, label] |= (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
    return found


def _centres() -> NDArray[np.float64]:
    """[cells, 2]: x and y, row by row."""
    y, x = np.mgrid[_CELL / 2 : _SIZE[1] : _CELL, _CELL / 2 : _SIZE[0] : _CELL]
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _network(slopes: NDArray[np.float64], biases: NDArray[np.float64], labels: Sequence[str]) -> bytes:
    centres, count = _centres(), len(labels)
    boxes = np.hstack([centres, np.full_like(centres, _CELL)]).T[None]
    constants: dict[str, NDArray[Any]] = {
        "slopes": slopes[:, :, None, None].astype(np.float32),
        "biases": biases.astype(np.float32),
        "boxes": boxes.astype(np.float32),
        "shape": np.array([1, count, -1], np.int64),
    }
    pool: dict[str, Any] = {"kernel_shape": [_CELL] * 2, "strides": [_CELL] * 2}
    nodes = [
        helper.make_node("AveragePool", ["images"], ["means"], **pool),
        helper.make_node("Mul", ["images", "images"], ["squares"]),
        helper.make_node("AveragePool", ["squares"], ["means_of_squares"], **pool),
        helper.make_node("Mul", ["means", "means"], ["squares_of_means"]),
        helper.make_node("Sub", ["means_of_squares", "squares_of_means"], ["variances"]),
        helper.make_node("Concat", ["means", "variances"], ["features"], axis=1),
        helper.make_node("Conv", ["features", "slopes", "biases"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["likely"]),
        helper.make_node("Reshape", ["likely", "shape"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "cells",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, _SIZE[1], _SIZE[0]])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + count, len(centres)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"names": str(dict(enumerate(labels)))})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
