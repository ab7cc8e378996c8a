"""Detectors in ONNX files: RT-DETR and D-FINE, YOLOX, YOLOv8 and its like, and exports with suppression inside."""

from pathlib import Path

from pydantic import Field

from include.annotators.detector import Detector, DetectorSettings
from include.annotators.digests import model_digest
from include.annotators.networks import OnnxNetwork


class Settings(DetectorSettings):
    """What a project may set."""

    threads: int = Field(1, ge=1, exclude=True, description="Processor threads; they change the speed alone.")


class OnnxDetector(Detector):
    """A detection network from a file of weights. Settings as in Settings; others raise ValueError."""

    def __init__(self, weights: Path | str, **settings: object) -> None:
        stated = Settings.model_validate(settings)
        super().__init__(OnnxNetwork(Path(weights), stated.threads), stated)

    @classmethod
    def version_of(cls, weights: Path | str, **settings: object) -> str:
        """The version that the annotator would have, without loading the network."""
        return cls._version(model_digest(Path(weights)), Settings.model_validate(settings))
