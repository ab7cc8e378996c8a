"""What a model's files are, in one number."""

import hashlib
import mmap
from pathlib import Path


def model_digest(weights: Path) -> str:
    """The SHA-256 of a model's file; where it keeps tensors in files beside it, a SHA-256 over those of all.

    An ONNX file names such files; MLflow saves ONNX models so. Raises OSError.
    """
    own = _sha256(weights)
    named = _named(weights, sorted(file for file in weights.parent.iterdir() if file != weights and file.is_file()))
    if not named:
        return own
    return hashlib.sha256("".join([own, *map(_sha256, named)]).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _named(weights: Path, beside: list[Path]) -> list[Path]:
    """Those of the files beside the weights whose names stand in them."""
    if not beside or not weights.stat().st_size:
        return []
    with weights.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [file for file in beside if content.find(file.name.encode()) >= 0]
