"""The models that pre-annotate, as a project's file names them."""

import re
from collections.abc import Sequence
from typing import Self

from pydantic import Field, field_validator, model_validator

from include.projects.fields import AnnotatorName, Section, Settings, Sha256, Share

BUNDLED = ("nuclio", "onnx_detector", "onnx_segmenter", "rapidocr", "served", "vlm")


class Weights(Section):
    """A model's file."""

    uri: str = Field(min_length=1, description="s3://…, https://…, models:/name@alias (MLflow's registry), or a path.")
    sha256: Sha256 | None = Field(
        default=None, description="The file's SHA-256; needed unless MLflow's registry or this machine has it."
    )

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        scheme = re.match("([a-z0-9+]+):", self.uri)
        if scheme and scheme[1] not in ("s3", "https", "http", "models"):
            raise ValueError(f"known are s3://, https://, models:/ and paths; not {scheme[1]}:")
        if scheme and scheme[1] != "models" and self.sha256 is None:
            raise ValueError("state the file's sha256 (sha256sum tells it), so that nobody can exchange it unseen")
        return self


class Annotator(Section):
    """A model that pre-annotates."""

    model: str = Field(min_length=1, description="A bundled model's name, or module:attribute of your own.")
    name: AnnotatorName | None = Field(
        default=None,
        description="What its predictions are called, with its version; the model's name by default.",
    )
    settings: Settings = Field(default_factory=dict, description="What the model is made with; no secrets.")
    weights: Weights | None = Field(default=None, description="The model's file, where it is made with one.")
    share: Share = Field(
        default=1.0,
        gt=0,
        description="The share of the images it is asked about: annotators of one name split them (A/B).",
    )
    images_a_run: int | None = Field(
        default=None, ge=1, description="The most images it is asked about in a run, the others wait; null: any number."
    )
    draws: bool = Field(
        default=True, description="false: people do not see its predictions; they are kept and measured."
    )

    @field_validator("model")
    @classmethod
    def _named(cls, model: str) -> str:
        if ":" not in model and model not in BUNDLED:
            raise ValueError(
                f"there is no annotator {model!r}: known are {', '.join(BUNDLED)}; your own is named module:attribute"
            )
        return model

    @model_validator(mode="after")
    def _can_be_held_back(self) -> Self:
        if self.model == "nuclio" and self.images_a_run is not None:
            raise ValueError(
                "images_a_run does not hold for nuclio: remove it; CVAT asks it about all images of a batch"
            )
        return self

    @property
    def called(self) -> str:
        """The name that its predictions carry."""
        return self.name or self.model


def check_versions(annotators: Sequence[Annotator]) -> None:
    """See that there are annotators, and that those of one name are different versions that split the images.

    Raises ValueError.
    """
    if not annotators:
        raise ValueError("a project needs an annotator")
    for name in dict.fromkeys(annotator.called for annotator in annotators):
        versions = [annotator for annotator in annotators if annotator.called == name]
        shares = sum(version.share for version in versions)
        if abs(shares - 1) > 1e-9:
            wrong = f"the shares of those called {name!r} must add up to 1, not {shares:g}"
            raise ValueError(f"{wrong}; give annotators that are no versions of one another a name each")
        made = [(version.model, version.settings, version.weights) for version in versions]
        if any(one in made[:place] for place, one in enumerate(made)):
            raise ValueError(f"two of those called {name!r} are the same: give one other settings or weights")
