"""CVAT's serverless functions (Nuclio) as annotators: CVAT asks them about frames, once it has the images."""

import hashlib
from typing import Any, ClassVar, NoReturn

import cvat_sdk.auto_annotation as cvataa
from pydantic import BaseModel, ConfigDict, Field

from include.annotators.registry import AnnotatorUnavailable

MODEL = "nuclio"  # how projects name it


class Settings(BaseModel):
    """What a project may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: str = Field(min_length=1, description="The function's id in CVAT.")
    mapping: dict[str, str] = Field(
        min_length=1, description="The project's label for each of the function's labels; others are left out."
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="The lowest score that the function reports, if it knows scores."
    )
    revision: str = Field(
        "1",
        pattern="^[A-Za-z0-9._-]+$",
        description="Give another one when the function's code or weights change: CVAT tells nothing of it.",
    )


class Nuclio:
    """A function in CVAT. It is not asked about pictures: `include/steps/functions.py` asks it, through CVAT, about the
    frames of a batch. CVAT drops its scores. Settings as in Settings; others raise ValueError."""

    scored: ClassVar[bool] = False
    deferred: ClassVar[bool] = True

    def __init__(self, **settings: object) -> None:
        self.settings = Settings.model_validate(settings)

    @property
    def version(self) -> str:
        """The function's id, its revision, and 8 digits of the SHA-256 of the mapping and the threshold."""
        stated = self.settings
        answers = stated.model_dump_json(include={"mapping", "threshold"})
        return f"{stated.function}-{stated.revision}-{hashlib.sha256(answers.encode()).hexdigest()[:8]}"

    @property
    def spec(self) -> cvataa.DetectionFunctionSpec:
        """The labels that it is mapped to."""
        labels = sorted(set(self.settings.mapping.values()))
        return cvataa.DetectionFunctionSpec(labels=[cvataa.label_spec(name, id_) for id_, name in enumerate(labels)])

    def detect(self, context: cvataa.DetectionFunctionContext, image: Any) -> NoReturn:  # noqa: ARG002
        """Raises AnnotatorUnavailable: only CVAT reaches the function."""
        raise AnnotatorUnavailable(f"function {self.settings.function!r} is asked by CVAT, about the frames of a task")
