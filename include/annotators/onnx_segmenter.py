"""Semantic segmentation in ONNX files: U-Net and its like."""

from pathlib import Path

from pydantic import Field

from include.annotators.digests import model_digest
from include.annotators.networks import OnnxNetwork
from include.annotators.segmenter import Segmenter, SegmenterSettings


class Settings(SegmenterSettings):
    """What a project may set."""

    threads: int = Field(1, ge=1, exclude=True, description="Processor threads; they change the speed alone.")


class OnnxSegmenter(Segmenter):
    """A segmentation network from a file of weights. Settings as in Settings; others raise ValueError."""

    def __init__(self, weights: Path | str, **settings: object) -> None:
        stated = Settings.model_validate(settings)
        super().__init__(OnnxNetwork(Path(weights), stated.threads), stated)

    @classmethod
    def version_of(cls, weights: Path | str, **settings: object) -> str:
        """The version that the annotator would have, without loading the network."""
        return cls._version(model_digest(Path(weights)), Settings.model_validate(settings))

    @classmethod
    def scored_of(cls, weights: Path | str, **settings: object) -> bool:  # noqa: ARG003
        """Whether the annotator would give scores, without loading the network."""
        return Settings.model_validate(settings).scored
