"""The Open Inference Protocol, version 2, over REST: KServe, Triton and others.

Tensors go as bytes where the server names the extension `binary_tensor_data` (little-endian, row by row, behind the
JSON, whose length is a header), else as JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from include.annotators.endpoint import Endpoint, read
from include.annotators.networks import Array, ModelError, Tensor

_BINARY = "binary_tensor_data"
_JSON_BYTES = "Inference-Header-Content-Length"
_TYPES = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "UINT8": "|u1",
    "INT8": "|i1",
    "INT32": "<i4",
    "INT64": "<i8",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items()}


class _Server(msgspec.Struct):
    extensions: list[str] = []


class _Tensor(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]


class _Model(msgspec.Struct):
    name: str
    inputs: list[_Tensor]
    outputs: list[_Tensor] = []
    platform: str | None = None
    versions: list[str] | None = None


class _Parameters(msgspec.Struct):
    binary_data_size: int | None = None


class _Output(_Tensor):
    data: list[Any] | None = None
    parameters: _Parameters | None = None


class _Answer(msgspec.Struct):
    outputs: list[_Output]


class OpenInference:
    """A Network behind such a server. Where the server tells versions, the newest is asked for by its number, so that
    a newer one does not answer in its name. Raises ModelError and ModelServerUnavailable."""

    def __init__(self, endpoint: Endpoint, stated: str | None = None) -> None:
        self._endpoint = endpoint
        described = endpoint.get(endpoint.model_path("/v2", stated), _Model)
        version = stated or _newest(described.versions or [])
        self._path = endpoint.model_path("/v2", version) + "/infer"
        self._binary = _BINARY in endpoint.get("/v2", _Server).extensions
        self.metadata: Mapping[str, str] = {}
        self.inputs: Sequence[Tensor] = [_tensor(row) for row in described.inputs]
        described.versions = None  # others that come and go change no answer
        self.digest = endpoint.digest(version, msgspec.json.encode(described))

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        ask = self._as_bytes if self._binary else self._as_json
        head: dict[str, Any] = {
            "inputs": [{"name": n, "shape": a.shape, "datatype": _NAMES[a.dtype]} for n, a in inputs.items()]
        }
        body, headers = ask(head, list(inputs.values()))
        answer = self._endpoint.ask("POST", self._path, body, headers)
        size = int(answer.headers.get(_JSON_BYTES, len(answer.content)))
        outputs = read(answer.content[:size], _Answer, answer.url).outputs
        return _values(outputs, answer.content[size:])

    def _as_bytes(self, head: dict[str, Any], arrays: Sequence[Array]) -> tuple[bytes, dict[str, str]]:
        pieces = [array.tobytes() for array in arrays]
        for row, piece in zip(head["inputs"], pieces, strict=True):
            row["parameters"] = {"binary_data_size": len(piece)}
        written = msgspec.json.encode({**head, "parameters": {"binary_data_output": True}})
        headers = {"Content-Type": "application/octet-stream", _JSON_BYTES: str(len(written))}
        return b"".join([written, *pieces]), headers

    def _as_json(self, head: dict[str, Any], arrays: Sequence[Array]) -> tuple[bytes, dict[str, str]]:
        for row, array in zip(head["inputs"], arrays, strict=True):
            if array.dtype == np.float16:
                raise ModelError(
                    f"the input {row['name']!r} is of FP16, which JSON has not, and the server takes no bytes"
                )
            row["data"] = array.ravel().tolist()
        return msgspec.json.encode(head), {"Content-Type": "application/json"}


def _newest(versions: Sequence[str]) -> str | None:
    return max(versions, key=lambda version: (int(version) if version.isdigit() else -1, version), default=None)


def _tensor(row: _Tensor) -> Tensor:
    if row.datatype not in _TYPES:
        raise ModelError(f"the model's {row.name!r} is of type {row.datatype}; it must be one of {', '.join(_TYPES)}")
    return Tensor(row.name, np.dtype(_TYPES[row.datatype]), tuple(size if size > 0 else None for size in row.shape))


def _values(outputs: Sequence[_Output], behind: bytes) -> dict[str, Array]:
    """The outputs; the values of those that tell a size follow one another behind the JSON."""
    found, start = {}, 0
    for row in outputs:
        dtype = _tensor(row).dtype
        size = row.parameters.binary_data_size if row.parameters else None
        if size is None:
            values = np.array(row.data, dtype)
        else:
            values = np.frombuffer(behind[start : start + size], dtype)
            start += size
        found[row.name] = values.reshape(row.shape)
    return found
