"""Networks as annotators ask them: tensors in, tensors out, by name; ONNX files run by onnxruntime."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from include.annotators.digests import model_digest
from include.clients.ahead import ahead

Array = np.ndarray[Any, np.dtype[Any]]


class ModelError(ValueError):
    """A model's file or its answer is not what its settings say; the message names what was found."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a network takes or answers; None stands for a dimension that is open."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


class Network(Protocol):
    """A network, wherever it runs. The digest is another one whenever its answers may be other ones."""

    inputs: Sequence[Tensor]
    metadata: Mapping[str, str]
    digest: str

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name for a batch; the first dimension of all is the batch's."""
        ...


# The names that onnxruntime has for the types which may come and go here
_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
_GPUS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "MIGraphXExecutionProvider")


class OnnxNetwork:
    """An ONNX file. The GPU computes where this onnxruntime has one, else the processor's `threads`.

    Raises ModelError where the file is missing, is no ONNX model, or takes tensors of other types than numbers.
    """

    def __init__(self, weights: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # warnings are for who exported the model
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a worker has other tasks, too
        here = onnxruntime.get_available_providers()
        providers = [*(gpu for gpu in _GPUS if gpu in here), "CPUExecutionProvider"]
        try:
            self.digest = model_digest(weights)
            self._session = onnxruntime.InferenceSession(str(weights), options, providers)
        except OSError as error:
            raise ModelError(f"the weights {weights} cannot be read: {error.strerror}") from error
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise ModelError(f"onnxruntime cannot load the weights {weights}: {error}") from error
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs: Sequence[Tensor] = [_tensor(node) for node in self._session.get_inputs()]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names = [node.name for node in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


def _tensor(node: Any) -> Tensor:
    if node.type not in _TYPES:
        raise ModelError(f"the model's input {node.name!r} is a {node.type}; it must be one of {', '.join(_TYPES)}")
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape)
    return Tensor(node.name, np.dtype(_TYPES[node.type]), shape)


def answers(
    network: Network, examples: Iterator[Mapping[str, Array]], *, batch: int, fixed: bool, workers: int = 1
) -> Iterator[dict[str, Array]]:
    """What the network answers to each example, in their order: tensors without the batch's dimension.

    It is asked for `batch` examples at a time, `workers` times at once; `fixed` says that it takes no fewer, and then
    zeros fill the last batch. Raises ModelError where an answer is not about that many.
    """

    def ask(part: tuple[Mapping[str, Array], ...]) -> list[dict[str, Array]]:
        outputs = network.run({name: _stacked([one[name] for one in part], batch if fixed else 0) for name in part[0]})
        asked = batch if fixed else len(part)
        for name, output in outputs.items():
            if not output.ndim or len(output) != asked:
                raise ModelError(f"the output {name!r} has the shape {output.shape} for a batch of {asked}")
        return [{name: output[index] for name, output in outputs.items()} for index in range(len(part))]

    parts = iter(lambda: tuple(islice(examples, batch)), ())
    for answer in ahead(ask, parts, workers=workers) if workers > 1 else map(ask, parts):
        yield from answer


def _stacked(arrays: Sequence[Array], least: int) -> Array:
    missing = max(least - len(arrays), 0)
    return np.stack([*arrays, *([np.zeros_like(arrays[0])] * missing)])
