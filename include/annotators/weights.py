"""Models' files, brought to this machine once, whole and as stated, and kept for all its processes.

The cache has a folder a file, named by the file's SHA-256 or the registry's version; it may be deleted at any time.
"""

import fcntl
import ipaddress
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import httpx
import yaml

from include.annotators.digests import model_digest
from include.annotators.registry import AnnotatorUnavailable
from include.clients.storage import ObjectMissing, storage_errors
from include.lifecycle.images import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from include.clients.registered import ModelRegistry  # MLflow takes seconds to import

log = logging.getLogger(__name__)

_Client = TypeVar("_Client")

_PIECE = 1 << 20  # bytes that are in memory at once
_DEADLINE = 3600.0  # seconds for one download, or for waiting until another process has made it
_SILENCE = 60.0  # seconds that a server may send nothing
_FILE = "model.onnx"


class WrongWeights(ValueError):
    """A model's file is not what was stated, or cannot be had as stated; the message says what to correct."""


class WeightsUnreachable(AnnotatorUnavailable):
    """A model's file cannot be had now; another try may."""


def fetch(
    uri: str,
    cache: Path,
    *,
    sha256: str | None = None,
    s3: "S3Client | None" = None,
    registry: "ModelRegistry | None" = None,
) -> Path:
    """The path of the model's file on this machine.

    `uri` is `s3://bucket/key`, `https://…` (`http://` from this machine alone), `models:/name@alias` or
    `models:/name/version` in MLflow's registry, or a path. What comes over a network by a name that can be written
    over must have its SHA-256 stated; a registered version never changes. A file that is not as stated is not kept.
    Processes that ask at once wait for the one that downloads; one that is killed leaves the others to begin again.

    Raises WrongWeights, WeightsUnreachable, StorageError, ExperimentsError; OSError where the cache cannot be written.
    """
    if uri.startswith("models:/"):
        return _registered(uri, cache, sha256, _given(registry, uri, "MLflow"))
    scheme = urlsplit(uri).scheme
    if scheme == "s3":
        client = _given(s3, uri, "S3")
        return _pinned(uri, cache, sha256, lambda: _s3_pieces(client, uri))
    if scheme in ("http", "https"):
        _check_secure(httpx.URL(uri))
        return _pinned(uri, cache, sha256, lambda: _http_pieces(uri))
    if scheme:
        raise WrongWeights(f"weights {uri}: known are s3://, https://, models:/ and paths; not {scheme}:")
    return _local(Path(uri), sha256)


def _local(path: Path, sha256: str | None) -> Path:
    if not path.is_file():
        raise WrongWeights(f"weights {path}: there is no such file on this machine")
    _check(str(path), path, sha256)
    return path


def _pinned(uri: str, cache: Path, sha256: str | None, pieces: Callable[[], Iterator[bytes]]) -> Path:
    if sha256 is None:
        raise WrongWeights(f"weights {uri}: state the file's SHA-256, so that nobody can exchange it unseen")

    def fill(folder: Path) -> None:
        _write(uri, folder / _FILE, pieces())
        _check(uri, folder / _FILE, sha256)

    def is_sound(folder: Path) -> bool:
        return (folder / _FILE).exists() and model_digest(folder / _FILE) == sha256

    return _kept(cache, sha256, fill, is_sound) / _FILE


def _registered(uri: str, cache: Path, sha256: str | None, registry: "ModelRegistry") -> Path:
    try:
        model = registry.find(uri)
    except ValueError as error:
        raise WrongWeights(f"weights {error}") from error
    log.info("weights %s: it is %s", uri, model)
    folder = _kept(cache, model.key, lambda folder: registry.download(model, folder), Path.exists)
    try:
        file = _onnx_file(folder)
    except ValueError as error:
        raise WrongWeights(f"weights {model}: {error}") from error
    _check(str(model), file, sha256)
    return file


def _onnx_file(folder: Path) -> Path:
    """The ONNX file of a model that was downloaded: the one of MLflow's flavor `onnx`, else the only one there."""
    described = next(folder.rglob("MLmodel"), None)
    flavors = yaml.safe_load(described.read_text()).get("flavors", {}) if described else {}
    if described and "onnx" in flavors:
        return described.parent / str(flavors["onnx"]["data"])
    found = list(folder.rglob("*.onnx"))
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} ONNX files, and must hold one; its flavors are: {', '.join(flavors)}")
    return found[0]


def _check(what: str, file: Path, sha256: str | None) -> None:
    """See that the model's file is as stated, if it is stated."""
    if sha256 is not None and (found := model_digest(file)) != sha256:
        raise WrongWeights(f"weights {what}: the SHA-256 is {found}, and {sha256} is stated. Correct one or the other")


def _given(client: _Client | None, uri: str, what: str) -> _Client:
    if client is None:
        raise WrongWeights(f"weights {uri}: there is no connection to {what} here")
    return client


def _kept(cache: Path, key: str, fill: Callable[[Path], None], is_sound: Callable[[Path], bool]) -> Path:
    """The cache's folder of that key; filled first if it is not there or not sound, by one process at a time."""
    folder, part = cache / key, cache / f"{key}.part"
    if is_sound(folder):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"{key}.lock"):
        if not is_sound(folder):
            for old in (part, folder):  # of a process that was killed, or damaged
                shutil.rmtree(old, ignore_errors=True)
            part.mkdir()
            try:
                fill(part)
                part.rename(folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time; the lock of one that dies goes with it. Raises WeightsUnreachable after the deadline."""
    end, told = time.monotonic() + _DEADLINE, False
    with lock.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise WeightsUnreachable(f"another process has held {lock} for {_DEADLINE:.0f} s") from None
                if not told:
                    log.info("another process downloads these weights: waiting for it (%s)", lock)
                    told = True
                time.sleep(0.1)
        yield


def _write(uri: str, path: Path, pieces: Iterator[bytes]) -> None:
    end = time.monotonic() + _DEADLINE
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            if time.monotonic() > end:
                raise WeightsUnreachable(f"weights {uri}: they have not come within {_DEADLINE:.0f} s")
        file.flush()
        os.fsync(file.fileno())
    log.info("weights %s: %d bytes downloaded", uri, path.stat().st_size)


def _s3_pieces(client: "S3Client", uri: str) -> Iterator[bytes]:
    bucket, key = split_uri(uri)
    try:
        with storage_errors(uri), closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            yield from body.iter_chunks(_PIECE)
    except ObjectMissing as error:
        raise WrongWeights(f"weights {uri}: there is no such object. Correct the uri, or put the file there") from error


def _http_pieces(uri: str) -> Iterator[bytes]:
    """Redirections are followed (releases and model hubs redirect), but never to where others can listen."""
    hooks: dict[str, list[Callable[..., object]]] = {"request": [lambda request: _check_secure(request.url)]}
    try:
        with (
            httpx.Client(timeout=_SILENCE, follow_redirects=True, event_hooks=hooks) as client,
            client.stream("GET", uri) as answer,
        ):
            if answer.status_code != 200:
                kind = WeightsUnreachable if answer.status_code >= 500 or answer.status_code == 429 else WrongWeights
                raise kind(f"weights {uri}: the server answers {answer.status_code} {answer.reason_phrase}")
            yield from answer.iter_bytes(_PIECE)
    except httpx.HTTPError as error:
        raise WeightsUnreachable(f"weights {uri}: {error or type(error).__name__}") from error


def _check_secure(url: httpx.URL) -> None:
    if url.scheme != "https" and not _is_here(url.host):
        raise WrongWeights(f"weights {url}: only https:// may leave this machine")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
