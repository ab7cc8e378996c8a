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
_LONGEST = 200  # characters of a name with its version: so many are kept of it


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

    It is given what the class is given, and says it without loading the model: planning needs no more. Where settings
    decide whether there are scores, `scored_of` says it in the same way.
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
        function = self.function
        return Version(self.id, getattr(function, "scored", True), getattr(function, "deferred", False))


def load(model: str, settings: Mapping[str, Any], *, name: str | None = None, weights: Path | None = None) -> Annotator:
    """The annotator of that model: a known one, or a user's own as `module:attribute`; its name is the model's by
    default.

    The attribute is a class or function that takes the settings as keyword arguments, and `weights` where a file is
    given, and returns a VersionedFunction. Raises UnknownAnnotator with what to correct in the project's YAML, and
    AnnotatorUnavailable where that says so.
    """
    make = _found(model)
    function = _called(make, model, settings, weights)
    lacking = [part for part in ("spec", "detect", "version") if not hasattr(function, part)]
    if lacking:
        raise UnknownAnnotator(f"annotator {model!r} makes no detection function: it lacks {', '.join(lacking)}")
    annotator = Annotator(name or model, _checked(model, name, function.version), function)
    if isinstance(make, Foretelling):
        _check_foretold(model, _foretold(make, model, settings, name, weights), annotator.loaded)
    return annotator


def version(
    model: str, settings: Mapping[str, Any], *, name: str | None = None, weights: Path | None = None
) -> Version:
    """What plans need to know of the annotator that `load` would make of the same. The model is loaded only where
    there is no other way to know it. Raises UnknownAnnotator and AnnotatorUnavailable as that does."""
    make = _found(model)
    if isinstance(make, Foretelling):
        return _foretold(make, model, settings, name, weights)
    return load(model, settings, name=name, weights=weights).loaded


def _foretold(make: Any, model: str, settings: Mapping[str, Any], name: str | None, weights: Path | None) -> Version:
    version = _checked(model, name, _called(make.version_of, model, settings, weights))
    of_settings = getattr(make, "scored_of", None)
    scored = _called(of_settings, model, settings, weights) if of_settings else getattr(make, "scored", True)
    return Version(f"{name or model}@{version}", scored, getattr(make, "deferred", False))


def _checked(model: str, name: str | None, version: object) -> str:
    """A version that predictions can be kept by."""
    if not isinstance(version, str) or not version.strip() or not version.isprintable():
        raise UnknownAnnotator(
            f"annotator {model!r} has the version {str(version)[:_LONGEST]!r}, a {type(version).__name__}: it must be "
            "one line of text, the same in every process, as an attribute or a property"
        )
    if (length := len(f"{name or model}@{version}")) > _LONGEST:
        raise UnknownAnnotator(
            f"annotator {model!r} has a version of {len(version)} characters, with its name {length}: the most are "
            f"{_LONGEST}. Shorten the version, or give the annotator a shorter name"
        )
    return version


def _check_foretold(model: str, foretold: Version, loaded: Version) -> None:
    """Plans would wait for ever for the answers of a version that there is not, and go by scores that there are not."""
    if foretold.id != loaded.id:
        raise UnknownAnnotator(
            f"annotator {model!r} is {loaded.id!r} when it is loaded, and its version_of says {foretold.id!r}: both "
            "must say the same, so give a subclass both"
        )
    if foretold.scored != loaded.scored:
        raise UnknownAnnotator(
            f"annotator {model!r} has scored = {loaded.scored} when it is loaded, and {foretold.scored} before: set it "
            "on the class, or have a class method scored_of tell it from the settings"
        )


def _called(make: Callable[..., Any], model: str, settings: Mapping[str, Any], weights: Path | None) -> Any:
    file = {} if weights is None else {"weights": weights}
    if "weights" not in {**settings, **file} and _needs_weights(make):
        raise UnknownAnnotator(f"annotator {model!r} needs its file: give it weights, beside model and settings")
    try:
        return make(**settings, **file)
    except AnnotatorUnavailable:
        raise
    except Exception as error:  # a user's own code raises what it likes
        raise UnknownAnnotator(f"annotator {model!r} does not work with its settings: {_why(error)}") from error


def _needs_weights(make: Callable[..., Any]) -> bool:
    try:
        parameter = inspect.signature(make).parameters.get("weights")
    except (TypeError, ValueError):  # it is not Python's, or nothing that can be called: that is told when it is
        return False
    return parameter is not None and parameter.default is parameter.empty


def _why(error: Exception) -> str:
    """An error in words, with its kind where they alone do not say much."""
    if isinstance(error, ValidationError):
        return _sentence(error)
    plain = isinstance(error, TypeError | ValueError | ImportError | AttributeError)
    return str(error) if plain else f"{type(error).__name__}: {error}"


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
    except AnnotatorUnavailable:
        raise
    except Exception as error:  # a module runs when it is imported
        raise UnknownAnnotator(f"annotator {name!r} cannot be imported: {_why(error)}") from error
