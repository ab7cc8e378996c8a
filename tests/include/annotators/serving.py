"""A model server for the tests: ONNX files by onnxruntime, behind the protocols as their specifications write them.

Open Inference Protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol, and its
binary tensor data extension; TensorFlow Serving: https://www.tensorflow.org/tfx/serving/api_rest.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from tests.include.annotators.listening import listening

# ONNX's name, the Open Inference Protocol's, TensorFlow's, numpy's
TYPES = [
    ("tensor(float)", "FP32", "DT_FLOAT", np.float32),
    ("tensor(float16)", "FP16", "DT_HALF", np.float16),
    ("tensor(int64)", "INT64", "DT_INT64", np.int64),
    ("tensor(uint8)", "UINT8", "DT_UINT8", np.uint8),
]


@dataclass
class Served:
    """A model that is served, what went over the wire, and how the server behaves."""

    session: onnxruntime.InferenceSession
    binary: bool = False
    version: str | None = "3"
    token: tuple[str, str] | None = None  # header and value that are asked for
    refusals: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)  # answered first: status and headers
    pause: float = 0.0
    url: str = ""
    asked: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def infer(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self.lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            self.sizes.append(len(next(iter(inputs.values()))))
        time.sleep(self.pause)
        names = [node.name for node in self.session.get_outputs()]
        try:
            return dict(zip(names, self.session.run(names, inputs), strict=True))
        finally:
            with self.lock:
                self.under_way -= 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.handle_one(b"")

    def do_POST(self) -> None:
        self.handle_one(self.rfile.read(int(self.headers["Content-Length"])))

    def handle_one(self, body: bytes) -> None:
        served = self.served
        served.asked.append(f"{self.command} {self.path}")
        if served.token and self.headers.get(served.token[0]) != served.token[1]:
            return self.answer(401, b"{}")
        if served.refusals:
            status, headers = served.refusals.popleft()
            return self.answer(status, b'{"error": "not now"}', headers)
        version = f"/versions/{served.version}" if served.version else ""
        routes = {
            ("GET", "/v2"): self.server_metadata,
            ("GET", "/v2/models/squares"): self.model_metadata,
            ("GET", f"/v2/models/squares{version}"): self.model_metadata,
            ("POST", f"/v2/models/squares{version}/infer"): self.infer,
            ("GET", "/v1/models/squares/metadata"): self.signatures,
            ("GET", f"/v1/models/squares{version}/metadata"): self.signatures,
            ("POST", f"/v1/models/squares{version}:predict"): self.predict,
        }
        route = routes.get((self.command, self.path))
        if route is None:
            return self.answer(404, b'{"error": "Request for unknown model"}')
        return route(body)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def server_metadata(self, _body: bytes) -> None:
        extensions = ["model_repository", *(["binary_tensor_data"] if self.served.binary else [])]
        self.json({"name": "tests", "version": "1", "extensions": extensions})

    def model_metadata(self, _body: bytes) -> None:
        session = self.served.session
        versions = {"versions": ["1", self.served.version]} if self.served.version else {}
        inputs, outputs = ([tensor(node) for node in nodes] for nodes in (session.get_inputs(), session.get_outputs()))
        self.json({"name": "squares", **versions, "platform": "onnx", "inputs": inputs, "outputs": outputs})

    def infer(self, body: bytes) -> None:
        length = int(self.headers.get("Inference-Header-Content-Length", len(body)))
        asked, start, inputs = json.loads(body[:length]), length, {}
        for row in asked["inputs"]:
            dtype = next(kind for _, name, _, kind in TYPES if name == row["datatype"])
            size = row.get("parameters", {}).get("binary_data_size")
            assert (size is not None) == self.served.binary
            values = np.array(row["data"], dtype) if size is None else np.frombuffer(body[start : start + size], dtype)
            start += size or 0
            inputs[row["name"]] = values.reshape(row["shape"])
        assert start == len(body)
        outputs = self.served.infer(inputs)
        if not asked.get("parameters", {}).get("binary_data_output"):
            rows = [{**described(name, one), "data": one.ravel().tolist()} for name, one in outputs.items()]
            return self.json({"model_name": "squares", "outputs": rows})
        pieces = [one.tobytes() for one in outputs.values()]
        sized = [
            {**described(name, one), "parameters": {"binary_data_size": len(piece)}}
            for (name, one), piece in zip(outputs.items(), pieces, strict=True)
        ]
        head = json.dumps({"model_name": "squares", "outputs": sized}).encode()
        headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
        return self.answer(200, b"".join([head, *pieces]), headers)

    def signatures(self, _body: bytes) -> None:
        session = self.served.session
        inputs, outputs = (
            {node.name: signed(node) for node in nodes} for nodes in (session.get_inputs(), session.get_outputs())
        )
        definition = {"serving_default": {"inputs": inputs, "outputs": outputs, "method_name": "predict"}}
        spec = {"name": "squares", "signature_name": "", "version": self.served.version}
        self.json({"model_spec": spec, "metadata": {"signature_def": {"signature_def": definition}}})

    def predict(self, body: bytes) -> None:
        kinds = {node.name: kind_of(node.type)[3] for node in self.served.session.get_inputs()}
        inputs = {name: np.array(values, kinds[name]) for name, values in json.loads(body)["inputs"].items()}
        outputs = {name: one.tolist() for name, one in self.served.infer(inputs).items()}
        self.json({"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))})


def kind_of(onnx_name: str) -> tuple[str, str, str, type]:
    return next(row for row in TYPES if row[0] == onnx_name)


def sizes_of(node: Any) -> list[int]:
    return [size if isinstance(size, int) else -1 for size in node.shape]


def tensor(node: Any) -> dict[str, Any]:
    return {"name": node.name, "datatype": kind_of(node.type)[1], "shape": sizes_of(node)}


def described(name: str, values: np.ndarray) -> dict[str, Any]:
    datatype = next(name_ for _, name_, _, kind in TYPES if values.dtype == kind)
    return {"name": name, "datatype": datatype, "shape": list(values.shape)}


def signed(node: Any) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in sizes_of(node)]
    return {"dtype": kind_of(node.type)[2], "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "x:0"}


@contextmanager
def serving(model: Path, **behaviour: Any) -> Iterator[Served]:
    """Serves the model as `squares` while the context lasts."""
    served = Served(onnxruntime.InferenceSession(str(model)), **behaviour)
    with listening(type("Handling", (Handler,), {"served": served})) as served.url:
        yield served
