"""Annotators by name, as a project's YAML gives them: a name and settings."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import PIL.Image
from cvat_sdk.auto_annotation import DetectionFunction
from pydantic import ValidationError

from include.lifecycle.assignment import Version

# The modules are imported when they are asked for: a model's library takes seconds.
_KNOWN = {
    "nuclio": "include.annotators.nuclio:Nuclio",
    "onnx_detector": "include.annotators.onnx_detector:OnnxDetector",
    "onnx_segmenter": "include.annotators.onnx_segmenter:OnnxSegmenter",
    "rapidocr": "include.annotators.rapidocr_text:RapidOcrText",
    "served": "include.annotators.served:served",
    "vlm": "include.annotators.vlm:Vlm",
}


class VersionedFunction(DetectionFunction, Protocol):  # type: ignore[misc]  # cvat-sdk has no types
    """cvat-sdk's DetectionFunction (`spec` and `detect(context, image)`) with a version.

    `detect` is given an RGB picture and answers in its pixels. The version is another one whenever the answers may
    be other ones: predictions are kept by it.
    """

    @property
    def version(self) -> str: ...


@runtime_checkable
class BatchedFunction(Protocol):
    """What a VersionedFunction may have besides: several RGB pictures at once, the answers in their order.

    `detect_batch` answers for each picture as `detect` does; it takes any number, and likes `batch_size`.
    """

    @property
    def batch_size(self) -> int: ...

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[Any]]: ...


@runtime_checkable
class Foretelling(Protocol):
    """What a class of VersionedFunctions may have besides: the version that its instance would have.

    It is given what the class is given, and says it without loading the model: planning needs no more.
    """

    def version_of(self, **arguments: Any) -> str: ...


class AnnotatorUnavailable(RuntimeError):
    """An annotator cannot be asked now; that says nothing about the picture it was asked about."""


class UnknownAnnotator(ValueError):
    """A project names an annotator that is not there or does not work with its settings."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """A model that is ready to be asked."""

    name: str
    version: str
    function: VersionedFunction

    @property
    def id(self) -> str:
        """The name that its predictions carry: `name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def loaded(self) -> Version:
        """What plans need to know of it. A function whose scores say nothing says so: `scored` is False; so does one
        that is asked in CVAT: `deferred` is True."""
        return _version(self.id, self.function)


def _version(id_: str, function: object) -> Version:
    return Version(id_, getattr(function, "scored", True), getattr(function, "deferred", False))


def load(model: str, settings: Mapping[str, Any], *, name: str | None = None, weights: Path | None = None) -> Annotator:
    """The annotator of that model: a known one, or a user's own as `module:attribute`; its name is the model's by
    default.

    The attribute is a class or function that takes the settings as keyword arguments, and `weights` where a file is
    given, and returns a VersionedFunction. Raises UnknownAnnotator with what to correct in the project's YAML.
    """
    make = _found(model)
    function = _called(make, model, settings, weights)
    lacking = [part for part in ("spec", "detect", "version") if not hasattr(function, part)]
    if lacking:
        raise UnknownAnnotator(f"annotator {model!r} makes no detection function: it lacks {', '.join(lacking)}")
    if isinstance(make, Foretelling):
        _check_foretold(model, _called(make.version_of, model, settings, weights), function.version)
    return Annotator(name or model, function.version, function)


def version(
    model: str, settings: Mapping[str, Any], *, name: str | None = None, weights: Path | None = None
) -> Version:
    """What plans need to know of the annotator that `load` would make of the same. The model is loaded only where
    there is no other way to know it. Raises UnknownAnnotator."""
    make = _found(model)
    if not isinstance(make, Foretelling):
        return load(model, settings, name=name, weights=weights).loaded
    return _version(f"{name or model}@{_called(make.version_of, model, settings, weights)}", make)


def _check_foretold(model: str, foretold: str, version: str) -> None:
    """Plans would wait for ever for the answers of a version that there is not."""
    if foretold != version:
        raise UnknownAnnotator(
            f"annotator {model!r} has the version {version!r}, and its version_of says {foretold!r}: both must say the "
            "same, so give a subclass both"
        )


def _called(make: Callable[..., Any], model: str, settings: Mapping[str, Any], weights: Path | None) -> Any:
    file = {} if weights is None else {"weights": weights}
    if "weights" not in {**settings, **file} and _needs_weights(make):
        raise UnknownAnnotator(f"annotator {model!r} needs its file: give it weights, beside model and settings")
    try:
        return make(**settings, **file)
    except (TypeError, ValueError) as error:
        why = _sentence(error) if isinstance(error, ValidationError) else error
        raise UnknownAnnotator(f"annotator {model!r} does not work with its settings: {why}") from error


def _needs_weights(make: Callable[..., Any]) -> bool:
    try:
        parameter = inspect.signature(make).parameters.get("weights")
    except (TypeError, ValueError):  # it is not Python's, or nothing that can be called: that is told when it is
        return False
    return parameter is not None and parameter.default is parameter.empty


_SENTENCES = {"missing": "it is missing", "extra_forbidden": "there is no such setting", "tuple_type": "must be a list"}


def _sentence(error: ValidationError) -> str:
    """What pydantic found wrong, without its types and addresses."""
    found = []
    for details in error.errors():
        words = _SENTENCES.get(details["type"], details["msg"].removeprefix("Value error, "))
        found.append(": ".join(filter(None, [".".join(map(str, details["loc"])), words])))
    return "; ".join(found)


def _found(model: str) -> Any:
    return _find(model, _KNOWN.get(model, model))


def _find(name: str, path: str) -> Any:
    module, _, attribute = path.partition(":")
    if not attribute:
        known = ", ".join(sorted(_KNOWN))
        raise UnknownAnnotator(f"there is no annotator {name!r}: known are {known}; your own is named module:attribute")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownAnnotator(f"annotator {name!r} cannot be imported: {error}") from error
