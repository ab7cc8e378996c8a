"""TensorFlow Serving's REST: a model's signature `serving_default`, asked by columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from include.annotators.endpoint import Endpoint, read
from include.annotators.networks import Array, ModelError, Tensor

_TYPES = {
    "DT_HALF": "<f2",
    "DT_FLOAT": "<f4",
    "DT_DOUBLE": "<f8",
    "DT_UINT8": "|u1",
    "DT_INT8": "|i1",
    "DT_INT32": "<i4",
    "DT_INT64": "<i8",
    "DT_BOOL": "|b1",
}


class _Size(msgspec.Struct):
    size: str  # a number; -1 where it is open


class _Shape(msgspec.Struct):
    dim: list[_Size] = []


class _Tensor(msgspec.Struct):
    dtype: str
    tensor_shape: _Shape


class _Signature(msgspec.Struct):
    inputs: dict[str, _Tensor]
    outputs: dict[str, _Tensor]


class _Spec(msgspec.Struct):
    version: str


class _Signatures(msgspec.Struct):
    signature_def: dict[str, _Signature]


class _Described(msgspec.Struct):
    signature_def: _Signatures


class _Model(msgspec.Struct):
    model_spec: _Spec
    metadata: _Described


class _Answer(msgspec.Struct):
    outputs: Any  # by name, or the values alone where there is one output


class TensorFlowServing:
    """A Network behind such a server. The version that it serves at first is asked for by its number from then on, so
    that a newer one does not answer in its name. Raises ModelError and ModelServerUnavailable."""

    def __init__(self, endpoint: Endpoint, stated: str | None = None) -> None:
        self._endpoint = endpoint
        path = endpoint.model_path("/v1", stated)
        described = endpoint.get(path + "/metadata", _Model)
        signature = described.metadata.signature_def.signature_def.get("serving_default")
        if signature is None:
            raise ModelError(f"the model {endpoint.settings.model!r} has no signature serving_default")
        version = described.model_spec.version
        self._path = endpoint.model_path("/v1", version) + ":predict"
        self._outputs = {name: _tensor(name, row).dtype for name, row in signature.outputs.items()}
        self.metadata: Mapping[str, str] = {}
        self.inputs: Sequence[Tensor] = [_tensor(name, row) for name, row in signature.inputs.items()]
        self.digest = endpoint.digest(version, msgspec.json.encode(signature, order="sorted"))

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        body = msgspec.json.encode({"inputs": {name: array.tolist() for name, array in inputs.items()}})
        answer = self._endpoint.ask("POST", self._path, body, {"Content-Type": "application/json"})
        said = read(answer.content, _Answer, answer.url).outputs
        named = said if isinstance(said, dict) else dict.fromkeys(self._outputs, said)
        return {name: np.array(values, self._outputs[name]) for name, values in named.items()}


def _tensor(name: str, row: _Tensor) -> Tensor:
    if row.dtype not in _TYPES:
        raise ModelError(f"the model's {name!r} is of type {row.dtype}; it must be one of {', '.join(_TYPES)}")
    sizes = [int(dim.size) for dim in row.tensor_shape.dim]
    return Tensor(name, np.dtype(_TYPES[row.dtype]), tuple(size if size > 0 else None for size in sizes))
