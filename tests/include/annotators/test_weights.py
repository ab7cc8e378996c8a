"""Weights over real HTTP (moto's S3, a server of the test) and from a real MLflow registry on SQLite."""

import hashlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from mlflow import MlflowClient
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from include.annotators.digests import model_digest
from include.annotators.onnx_detector import OnnxDetector
from include.annotators.weights import WeightsUnreachable, WrongWeights, fetch
from include.clients.experiments import Experiments, ExperimentsError
from include.clients.registered import ModelRegistry
from tests.include.annotators import networks

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WEIGHTS = np.random.default_rng(0).bytes(3 << 20)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers what `answer` writes, and counts the requests."""

    daemon_threads = True
    answer: Callable[[BaseHTTPRequestHandler], None]
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[Server, str]]:
    server = Server(("127.0.0.1", 0), Handler)
    server.answer = answer  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/model.onnx"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def all_of_it(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(WEIGHTS)))
    handler.end_headers()
    handler.wfile.write(WEIGHTS)


def left(cache: Path) -> set[str]:
    """What is in the cache besides locks."""
    return {path.name for path in cache.iterdir() if path.suffix != ".lock"} if cache.exists() else set()


def test_from_s3_once(s3: "S3Client", bucket: str, tmp_path: Path) -> None:
    s3.put_object(Bucket=bucket, Key="models/a.onnx", Body=WEIGHTS)
    path = fetch(f"s3://{bucket}/models/a.onnx", tmp_path / "cache", sha256=SHA256, s3=s3)
    assert path.read_bytes() == WEIGHTS
    s3.delete_object(Bucket=bucket, Key="models/a.onnx")
    assert fetch(f"s3://{bucket}/models/a.onnx", tmp_path / "cache", sha256=SHA256, s3=s3) == path
    assert left(tmp_path / "cache") == {SHA256}


def test_what_s3_does_not_have_is_told(s3: "S3Client", bucket: str, tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match=r"a\.onnx: there is no such object. Correct the uri"):
        fetch(f"s3://{bucket}/a.onnx", tmp_path, sha256=SHA256, s3=s3)
    assert left(tmp_path) == set()


def test_from_http_once(tmp_path: Path) -> None:
    with serving(all_of_it) as (server, url):
        assert fetch(url, tmp_path, sha256=SHA256).read_bytes() == WEIGHTS
        assert fetch(url, tmp_path, sha256=SHA256).read_bytes() == WEIGHTS
        assert server.asked == 1


def test_another_file_than_stated_is_not_kept(tmp_path: Path) -> None:
    with serving(all_of_it) as (_, url), pytest.raises(WrongWeights) as told:
        fetch(url, tmp_path, sha256="0" * 64)
    assert f"the SHA-256 is {SHA256}, and {'0' * 64} is stated" in str(told.value)
    assert left(tmp_path) == set()


def test_a_damaged_file_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    with serving(all_of_it) as (server, url):
        fetch(url, tmp_path, sha256=SHA256).write_bytes(WEIGHTS[:-1])
        assert fetch(url, tmp_path, sha256=SHA256).read_bytes() == WEIGHTS
        assert server.asked == 2


def test_a_connection_that_breaks_leaves_nothing_and_may_be_tried_again(tmp_path: Path) -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(WEIGHTS)))
        handler.end_headers()
        handler.wfile.write(WEIGHTS[: len(WEIGHTS) // 2])

    with serving(half) as (_, url), pytest.raises(WeightsUnreachable, match=r"weights http://127.*peer closed"):
        fetch(url, tmp_path, sha256=SHA256)
    assert left(tmp_path) == set()


@pytest.mark.parametrize(("status", "kind"), [(404, WrongWeights), (403, WrongWeights), (503, WeightsUnreachable)])
def test_refusals_are_told(status: int, kind: type[Exception], tmp_path: Path) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.end_headers()

    with serving(refuse) as (_, url), pytest.raises(kind, match=f"the server answers {status} "):
        fetch(url, tmp_path, sha256=SHA256)


def test_redirections_are_followed_but_not_to_where_others_listen(tmp_path: Path) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/file":
            return all_of_it(handler)
        handler.send_response(302)
        handler.send_header("Location", "/file" if handler.path == "/model.onnx" else "http://192.0.2.1/file")
        return handler.end_headers()

    with serving(redirect) as (_, url):
        assert fetch(url, tmp_path, sha256=SHA256).read_bytes() == WEIGHTS
        with pytest.raises(WrongWeights, match=r"http://192\.0\.2\.1/file: only https:// may leave this machine"):
            fetch(url.replace("model", "elsewhere"), tmp_path / "other", sha256=SHA256)


@pytest.mark.parametrize(
    ("uri", "sha256", "what"),
    [
        ("http://example.com/a.onnx", SHA256, "only https:// may leave this machine"),
        ("https://example.com/a.onnx", None, "state the file's SHA-256"),
        ("s3://bucket/a.onnx", None, "there is no connection to S3 here"),
        ("ftp://example.com/a.onnx", SHA256, "known are s3://, https://, models:/ and paths; not ftp:"),
        ("models:/signs@best", None, "there is no connection to MLflow here"),
        ("/nowhere/a.onnx", None, "there is no such file on this machine"),
    ],
)
def test_what_cannot_be_fetched_is_told_at_once(uri: str, sha256: str | None, what: str, tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match=what):
        fetch(uri, tmp_path, sha256=sha256)


def test_a_path_stays_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.onnx"
    file.write_bytes(WEIGHTS)
    assert fetch(str(file), tmp_path / "cache") == file
    assert fetch(str(file), tmp_path / "cache", sha256=SHA256) == file
    with pytest.raises(WrongWeights, match="the SHA-256 is"):
        fetch(str(file), tmp_path / "cache", sha256="0" * 64)
    assert left(tmp_path / "cache") == set()


FETCHING = """
import sys
from pathlib import Path
from include.annotators.weights import fetch

fetch(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3])
"""


def started(url: str, cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", FETCHING, url, str(cache), SHA256])


@pytest.mark.slow
def test_one_of_many_processes_downloads_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """The first download stalls in its middle until its process is killed; two others have waited for it."""
    stalled, killed = threading.Event(), threading.Event()

    def stall_once(handler: BaseHTTPRequestHandler) -> None:
        if stalled.is_set():
            return all_of_it(handler)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(WEIGHTS)))
        handler.end_headers()
        handler.wfile.write(WEIGHTS[: len(WEIGHTS) // 2])
        handler.wfile.flush()
        stalled.set()
        return void(killed.wait(60))

    with serving(stall_once) as (server, url):
        processes = [started(url, tmp_path)]
        try:
            assert stalled.wait(60)
            processes += [started(url, tmp_path) for _ in range(2)]
            processes[0].kill()
            assert [process.wait(60) for process in processes] == [-signal.SIGKILL, 0, 0]
        finally:
            killed.set()
            for process in processes:
                process.kill()
                process.wait()
        assert server.asked == 2
    assert left(tmp_path) == {SHA256}


def void(_: object) -> None:
    pass


def test_who_waits_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "waiting for it" in record.getMessage():
                told.set()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        assert told.wait(30)
        all_of_it(handler)

    logger = logging.getLogger("include.annotators.weights")
    with serving(slow) as (server, url), caplog.at_level(logging.INFO, logger=logger.name):
        listening = Told()
        logger.addHandler(listening)
        threads = [threading.Thread(target=fetch, args=(url, tmp_path), kwargs={"sha256": SHA256}) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        logger.removeHandler(listening)
        assert server.asked == 1


# As mlflow.onnx.save_model of 3.17 writes it, which saves external data, too (its import costs seconds, and warns)
MLMODEL = """
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: 1.23.2
  python_function:
    data: model.onnx
    loader_module: mlflow.onnx
mlflow_version: 3.17.2
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelRegistry]:
    """A registry with versions 1 and 2 of the model `squares`, saved as MLflow saves ONNX models."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri, uri)
    client.create_registered_model("squares")
    for version, make in (("1", networks.yolov8), ("2", large)):
        model = onnx.load(networks.save(folder / "made.onnx", make))
        (folder / version).mkdir()
        (folder / version / "MLmodel").write_text(MLMODEL)
        onnx.save_model(model, folder / version / "model.onnx", save_as_external_data=True)
        client.create_model_version("squares", str(folder / version))
    yield ModelRegistry(Experiments(uri))
    for store in (SqlAlchemyStore, RegistryStore):  # MLflow keeps engines, and their connections, for ever
        if engine := store._engine_map.pop(uri, None):
            engine.dispose()


def large(graph: networks.Graph, pictures: str) -> dict[str, str]:
    """A network with a tensor of more than 1 KiB, which MLflow lets ONNX save in a file of its own."""
    nothing = graph.add("ReduceSum", graph.constant(np.zeros(4096)), keepdims=0)
    return networks.yolov8(graph, graph.add("Add", pictures, nothing))


def test_from_the_registry_by_version_and_by_alias(registry: ModelRegistry, tmp_path: Path) -> None:
    first = fetch("models:/squares/1", tmp_path, registry=registry)
    second = fetch("models:/squares/2", tmp_path, registry=registry)
    assert len(left(tmp_path)) == 2
    client = MlflowClient(registry.experiments.tracking_uri, registry.experiments.tracking_uri)
    for version, path in (("1", first), ("2", second)):
        client.set_registered_model_alias("squares", "best", version)
        assert fetch("models:/squares@best", tmp_path, registry=registry) == path
    assert len(left(tmp_path)) == 2
    versions = {OnnxDetector(path).version for path in (first, second)}
    assert len(versions) == 2


def test_a_registered_model_is_checked_where_it_is_stated(registry: ModelRegistry, tmp_path: Path) -> None:
    digest = model_digest(fetch("models:/squares/1", tmp_path, registry=registry))
    fetch("models:/squares/1", tmp_path, sha256=digest, registry=registry)
    with pytest.raises(WrongWeights, match=f"weights models:/squares/1: the SHA-256 is {digest}"):
        fetch("models:/squares/1", tmp_path, sha256="0" * 64, registry=registry)


@pytest.mark.parametrize(
    ("uri", "kind", "what"),
    [
        ("models:/squares", WrongWeights, "is not models:/name@alias or models:/name/version"),
        ("models:/squares/latest", WrongWeights, "is not models:/name@alias or models:/name/version"),
        ("models:/squares@worst", ExperimentsError, "Looking for models:/squares@worst"),
        ("models:/circles/1", ExperimentsError, "Looking for models:/circles/1"),
    ],
)
def test_what_the_registry_does_not_have_is_told(
    registry: ModelRegistry, uri: str, kind: type[Exception], what: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=what):
        fetch(uri, tmp_path, registry=registry)


def test_time_outs_are_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):  # broken pipe or reset, as it comes
            while True:
                handler.wfile.write(WEIGHTS[:100_000])
                time.sleep(0.001)

    monkeypatch.setattr("include.annotators.weights._DEADLINE", 0.2)
    with serving(drip) as (_, url), pytest.raises(WeightsUnreachable, match="have not come within 0 s"):
        fetch(url, tmp_path, sha256=SHA256)
