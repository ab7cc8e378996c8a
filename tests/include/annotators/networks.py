"""Small networks in ONNX files, whose answers are known by hand, in every form that the annotators read.

They see squares of pure red, green or blue on black. The 32 x 32 input is cut into cells of 8, 16 and 32 pixels
(16 + 4 + 1 of them, in YOLOX's order: row by row, the least first). A cell's score for a class is the mean of the
class's channel over the cell (average pooling), its box is the cell itself (a constant). So a red square that fills a
cell of 8 pixels has the score 1 there, 1/4 in the cell of 16 and 1/16 in that of 32 pixels around it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 32
STRIDES = (8, 16, 32)
CELLS = [
    (column * stride, row * stride, (column + 1) * stride, (row + 1) * stride)
    for stride in STRIDES
    for row in range(SIDE // stride)
    for column in range(SIDE // stride)
]
NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}
Batch = int | str


class Graph:
    """Nodes and constants as they come; `add` answers the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def names(self, outputs: Mapping[str, str]) -> None:
        """Gives outputs the names that the model shows."""
        self.nodes += [helper.make_node("Identity", [inside], [shown]) for shown, inside in outputs.items()]


Make = Callable[[Graph, str], dict[str, str]]


def save(
    path: Path,
    make: Make,
    *,
    batch: Batch = "batch",
    size: tuple[int | str, int | str] = (SIDE, SIDE),
    metadata: Mapping[str, str] = NAMES,
    picture: str = "images",
    dtype: int = TensorProto.FLOAT,
    types: Mapping[str, int] | None = None,
    more: Sequence[onnx.ValueInfoProto] = (),
    channels: int = 3,
    last: bool = False,
) -> Path:
    """Writes the model. `size` is height and width; a name stands for an open dimension."""
    graph = Graph()
    name = picture
    if last:
        name = graph.add("Transpose", name, perm=[0, 3, 1, 2])
    if dtype != TensorProto.FLOAT:
        name = graph.add("Cast", name, to=TensorProto.FLOAT)
    outputs = make(graph, name)
    graph.names(outputs)
    shape = [batch, *size, channels] if last else [batch, channels, *size]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "squares",
            [helper.make_tensor_value_info(picture, dtype, shape), *more],
            [
                helper.make_tensor_value_info(shown, (types or {}).get(shown, TensorProto.FLOAT), None)
                for shown in outputs
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(model, dict(metadata))
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def cell_scores(graph: Graph, pictures: str) -> str:
    """[batch, 3, 21]: the mean of each channel in each cell."""
    shape = graph.constant([0, 3, -1], np.int64)
    levels = []
    for stride in STRIDES:
        pooled = graph.add("AveragePool", pictures, kernel_shape=[stride] * 2, strides=[stride] * 2)
        levels.append(graph.add("Reshape", pooled, shape))
    return graph.add("Concat", *levels, axis=2)


def constant_rows(graph: Graph, scores: str, rows: np.ndarray) -> str:
    """[batch, 21, n]: the same rows for each picture of the batch."""
    zeros = graph.add("ReduceSum", graph.add("Mul", scores, graph.constant(0)), graph.constant([1], np.int64))
    return graph.add("Add", graph.add("Transpose", zeros, perm=[0, 2, 1]), graph.constant(rows[None]))


def centred(boxes: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Centre x, centre y, width, height."""
    corners = np.array(boxes, float)
    return np.hstack([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]])


def yolov8(graph: Graph, pictures: str) -> dict[str, str]:
    scores = cell_scores(graph, pictures)
    boxes = graph.add("Transpose", constant_rows(graph, scores, centred(CELLS)), perm=[0, 2, 1])
    return {"output0": graph.add("Concat", boxes, scores, axis=1)}


def yolox(graph: Graph, pictures: str) -> dict[str, str]:
    """It takes blue, green, red in 0..255, as YOLOX does. A cell's box: its centre, half a cell in, and log 1 cells."""
    unit = graph.add("Div", pictures, graph.constant(255))
    rgb = graph.add("Gather", unit, graph.constant([2, 1, 0], np.int64), axis=1)
    scores = cell_scores(graph, rgb)
    places = constant_rows(graph, scores, np.tile([0.5, 0.5, 0, 0, 0.9], (len(CELLS), 1)))  # objectness is .9
    return {"output": graph.add("Concat", places, graph.add("Transpose", scores, perm=[0, 2, 1]), axis=2)}


def yolox_decoded(graph: Graph, pictures: str) -> dict[str, str]:
    scores = cell_scores(graph, pictures)
    places = constant_rows(graph, scores, np.hstack([centred(CELLS), np.full((len(CELLS), 1), 0.9)]))
    return {"output": graph.add("Concat", places, graph.add("Transpose", scores, perm=[0, 2, 1]), axis=2)}


def detr(graph: Graph, pictures: str) -> dict[str, str]:
    """The logit of a class is 10 (2 m - 1) for the mean m of its channel."""
    scores = cell_scores(graph, pictures)
    spread = graph.add("Sub", graph.add("Mul", scores, graph.constant(20)), graph.constant(10))
    boxes = constant_rows(graph, scores, centred(CELLS) / SIDE)
    return {"logits": graph.add("Transpose", spread, perm=[0, 2, 1]), "pred_boxes": boxes}


def best_rows(graph: Graph, pictures: str) -> tuple[str, str, str]:
    """Boxes [batch, 21, 4], scores [batch, 21, 1] and classes [batch, 21, 1] of the best class in each cell."""
    means = cell_scores(graph, pictures)
    boxes = constant_rows(graph, means, np.array(CELLS))
    scores = graph.add("Transpose", means, perm=[0, 2, 1])
    best = graph.add("ReduceMax", scores, axes=[2], keepdims=1)
    return boxes, best, graph.add("ArgMax", scores, axis=2, keepdims=1)


def nms(graph: Graph, pictures: str) -> dict[str, str]:
    """Two rows of -1 at the end fill up, as exporters do."""
    boxes, best, classes = best_rows(graph, pictures)
    rows = graph.add("Concat", boxes, best, graph.add("Cast", classes, to=TensorProto.FLOAT), axis=2)
    return {"output0": graph.add("Pad", rows, graph.constant([0, 0, 0, 0, 2, 0], np.int64), graph.constant(-1))}


def separate(graph: Graph, pictures: str) -> dict[str, str]:
    """D-FINE's own export: boxes for the size it is told, in `orig_target_sizes` (width, height)."""
    boxes, best, classes = best_rows(graph, pictures)
    sizes = graph.add("Cast", "orig_target_sizes", to=TensorProto.FLOAT)
    wide = graph.add("Unsqueeze", graph.add("Concat", sizes, sizes, axis=1), graph.constant([1], np.int64))
    unit = graph.add("Div", boxes, graph.constant(SIDE))
    axis = graph.constant([2], np.int64)
    return {
        "labels": graph.add("Squeeze", classes, axis),
        "boxes": graph.add("Mul", unit, wide),
        "scores": graph.add("Squeeze", best, axis),
    }


SIZES = helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, ["batch", 2])


def save_separate(path: Path) -> Path:
    return save(path, separate, more=[SIZES], types={"labels": TensorProto.INT64})


def painted(graph: Graph, pictures: str, weights: np.ndarray, bias: Sequence[float]) -> str:
    """Each output channel is a sum of the colours of a pixel: a convolution of 1 x 1."""
    kernel = graph.constant(weights[:, :, None, None])
    return graph.add("Conv", pictures, kernel, graph.constant(bias), kernel_shape=[1, 1])


def segments(graph: Graph, pictures: str) -> dict[str, str]:
    """Logits [batch, 4, 32, 32]: 5 for the background, 10 times its channel for red, green, blue."""
    weights = np.vstack([np.zeros(3), 10 * np.eye(3)])
    return {"logits": painted(graph, pictures, weights, [5, 0, 0, 0])}


def halved_segments(graph: Graph, pictures: str) -> dict[str, str]:
    """The same at half the size."""
    pooled = graph.add("AveragePool", pictures, kernel_shape=[2, 2], strides=[2, 2])
    return segments(graph, pooled)


def segment_probabilities(graph: Graph, pictures: str) -> dict[str, str]:
    return {"probabilities": graph.add("Softmax", segments(graph, pictures)["logits"], axis=1)}


def segment_ids(graph: Graph, pictures: str) -> dict[str, str]:
    """[batch, 32, 32]: the class of each pixel."""
    return {"ids": graph.add("ArgMax", segments(graph, pictures)["logits"], axis=1, keepdims=0)}


def red_logits(graph: Graph, pictures: str) -> dict[str, str]:
    """[batch, 1, 32, 32]: 8 for red, -4 for black."""
    return {"mask": painted(graph, pictures, np.array([[12.0, 0, 0]]), [-4])}


def red_probabilities(graph: Graph, pictures: str) -> dict[str, str]:
    return {"mask": graph.add("Sigmoid", red_logits(graph, pictures)["mask"])}
