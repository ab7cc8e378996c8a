"""Models behind a server of the tests' own, which runs the same ONNX files: its answers must be the file's."""

import re
import socket
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from include.annotators.endpoint import ModelServerUnavailable
from include.annotators.onnx_detector import OnnxDetector
from include.annotators.onnx_segmenter import OnnxSegmenter
from include.annotators.picture_model import PictureModel
from include.annotators.registry import AnnotatorUnavailable, UnknownAnnotator, load
from include.annotators.served import served
from tests.include.annotators import networks
from tests.include.annotators.asked import BLUE, GREEN, RED, Context, picture
from tests.include.annotators.serving import Served, serving

IMAGES = [
    picture((32, 32), (RED, (8, 8, 16, 16))),
    picture((64, 48), (GREEN, (16, 24, 32, 36)), (BLUE, (32, 36, 48, 48))),
    picture((20, 40)),
]
CLASSES = {"classes": ["red", "green", "blue"]}
WAYS: dict[str, dict[str, Any]] = {
    "v2": {"binary": False},
    "v2 bytes": {"binary": True},
    "v2 without versions": {"version": None},
    "tensorflow": {},
}


def client(server: Served, way: str = "v2", **settings: Any) -> PictureModel:
    protocol = {"protocol": "tensorflow"} if way == "tensorflow" else {}
    return served(url=server.url, model="squares", **protocol, **{**CLASSES, **settings})


@pytest.mark.parametrize(
    ("form", "way"),
    [(form, "v2 bytes") for form in ("detr", "yolov8", "yolox", "nms", "separate")]
    + [(form, way) for form in ("nms", "separate") for way in WAYS if way != "v2 bytes"],
)
def test_a_served_detector_answers_as_its_file(form: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = networks.save_separate(path) if form == "separate" else networks.save(path, getattr(networks, form))
    with serving(model, **WAYS[way]) as server:
        function = client(server, way, min_score=0.1, batch_size=2)
        expected = OnnxDetector(model, min_score=0.1).detect_batch(IMAGES)
        assert any(expected)
        assert function.detect_batch(IMAGES) == expected
        assert function.detect(Context(), IMAGES[1]) == expected[1]


@pytest.mark.parametrize("way", WAYS)
def test_a_served_segmenter_answers_as_its_file(way: str, tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.segments)
    settings = {"classes": ["nothing", "red", "green", "blue"], "background": "nothing", "min_area": 4}
    with serving(model, **WAYS[way]) as server:
        function = client(server, way, task="segmenter", **settings)
        expected = OnnxSegmenter(model, **settings).detect_batch(IMAGES)
        assert any(expected)
        assert function.detect_batch(IMAGES) == expected


@pytest.mark.parametrize(("way", "binary"), [("v2 bytes", True), ("v2", False)])
def test_half_precision_goes_as_bytes_alone(way: str, binary: bool, tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8, dtype=TensorProto.FLOAT16)
    with serving(model, binary=binary) as server:
        if binary:
            assert client(server, way).detect_batch(IMAGES) == OnnxDetector(model).detect_batch(IMAGES)
        else:
            with pytest.raises(ValueError, match="is of FP16, which JSON has not"):
                client(server, way)


def test_the_newest_version_is_asked_for_by_its_number(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model, version="12") as server:
        client(server)
        assert server.asked == ["GET /v2/models/squares", "GET /v2", "POST /v2/models/squares/versions/12/infer"]
        server.asked.clear()
        client(server, "tensorflow")
        assert server.asked == ["GET /v1/models/squares/metadata", "POST /v1/models/squares/versions/12:predict"]
        server.asked.clear()
        client(server, model_version="12")
        assert server.asked[0] == "GET /v2/models/squares/versions/12"


def test_requests_are_of_the_batch_and_no_more_at_once_than_allowed(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model, pause=0.02) as server:
        function = client(server, batch_size=2, concurrency=3)
        assert function.batch_size == 6
        server.sizes.clear()
        images = [picture((32, 32), (RED, (8 * (n % 4), 0, 8 * (n % 4) + 8, 8))) for n in range(13)]
        assert function.detect_batch(images) == OnnxDetector(model).detect_batch(images)
        assert sorted(server.sizes) == [1, 2, 2, 2, 2, 2, 2]
        assert 1 <= server.most_under_way <= 3


def test_a_model_of_a_fixed_batch_is_asked_for_so_many(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8, batch=1)
    with serving(model) as server:
        function = client(server, concurrency=2)
        assert function.batch_size == 2
        assert function.detect_batch(IMAGES) == OnnxDetector(model).detect_batch(IMAGES)
        assert set(server.sizes) == {1}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int, tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    refusals = deque([(status, {"Retry-After": "0"})] * 3)
    with serving(model, refusals=refusals) as server:
        assert client(server).detect_batch(IMAGES) == OnnxDetector(model).detect_batch(IMAGES)
        assert server.asked[:4] == ["GET /v2/models/squares"] * 4


def test_a_server_that_stays_busy_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model) as server:
        function = client(server, timeout_seconds=0.3)
        server.refusals.extend([(503, {})] * 100)
        with pytest.raises(
            ModelServerUnavailable, match=r"infer did not answer within 0.3 s; at last: 503 Service Una"
        ):
            function.detect(Context(), IMAGES[0])
        server.refusals.extend([(429, {"Retry-After": "3600"})] * 100)
        with pytest.raises(ModelServerUnavailable):
            function.detect(Context(), IMAGES[0])


def test_a_server_that_is_not_there_says_nothing_about_the_settings() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(AnnotatorUnavailable, match=f"{url}/v2/models/squares did not answer within 0.1 s; .*refused"):
        load("served", {"url": url, "model": "squares", "timeout_seconds": 0.1, **CLASSES})


def test_the_token_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUARES_TOKEN", "of-tests")
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model, token=("Authorization", "Bearer of-tests")) as server:
        function = client(server, token_env="SQUARES_TOKEN")
        assert "of-tests" not in function.version
        with pytest.raises(ValueError, match=r"answers 401: give the variable that token_env names a valid token"):
            client(server)
        with pytest.raises(ValueError, match="no variable NO_TOKEN, or an empty one"):
            client(server, token_env="NO_TOKEN")
    with serving(model, token=("X-Api-Key", "of-tests")) as server:
        client(server, token_env="SQUARES_TOKEN", token_header="X-Api-Key")


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"model": "circles"}, "answers 404 Not Found: .*unknown model"),
        ({"model_version": "7"}, "answers 404 Not Found"),
        ({"url": "squares:8000"}, "its settings: url: must look like http:"),
        ({"protocol": "v3"}, "protocol: .*Input should be 'v2' or 'tensorflow'"),
        ({"min_scores": 1}, "min_scores: there is no such setting"),
        ({"classes": ["a"]}, "tells 3 classes apart, and 1 are named: a"),
        ({"classes": None}, "does not say how its classes are called: state classes"),
    ],
)
def test_what_does_not_fit_is_told(settings: dict[str, Any], what: str, tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model) as server, pytest.raises(UnknownAnnotator, match=what):
        load("served", {"url": server.url, "model": "squares", **CLASSES, **settings})


def test_what_is_no_model_server_is_told(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model, refusals=deque([(200, {})])) as server:
        with pytest.raises(ValueError, match=r"does not answer as the protocol says: .*missing required field `name`"):
            client(server)
        server.refusals.append((200, {}))
        with pytest.raises(ValueError, match=r"does not answer as the protocol says: .*`model_spec`"):
            client(server, "tensorflow")


def test_a_refused_picture_is_told(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model) as server:
        function = client(server)
        server.refusals.append((400, {}))
        with pytest.raises(ValueError, match=r"infer answers 400 Bad Request: {\"error\": \"not now\"}"):
            function.detect(Context(), IMAGES[0])


def test_the_version_tells_model_and_settings(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    with serving(model, version="3") as server:
        version = client(server).version
        assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{8}", version)
        assert client(server, batch_size=1, concurrency=1, timeout_seconds=9).version == version
        assert client(server, min_score=0.3).version != version
        server.version = "4"
        assert client(server).version != version
