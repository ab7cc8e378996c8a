"""What a model's files are, in one number."""

import hashlib
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

# How onnx.proto's TensorProto says where its values are: field 13 (external_data) is an entry, here of the key
# "location"; then comes its value's length, as protobuf writes it: 7 bits a byte, the lowest first
_LOCATION = re.compile(rb"\x6a.{1,3}?\x0a\x08location\x12([\x80-\xff]{0,4}[\x00-\x7f])", re.DOTALL)


def model_digest(weights: Path) -> str:
    """The SHA-256 of a model's file; where it keeps tensors in files beside it, a SHA-256 over those of all.

    An ONNX file names such files; MLflow saves ONNX models so. Raises OSError.
    """
    own = _sha256(weights)
    files = {file for name in _locations(weights) if (file := weights.parent / name).is_file()}
    if not files:
        return own
    return hashlib.sha256("".join([own, *map(_sha256, sorted(files))]).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _locations(weights: Path) -> Iterator[str]:
    """The names of the files in which an ONNX file keeps tensors."""
    if not weights.stat().st_size:  # which cannot be mapped
        return
    with weights.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for found in _LOCATION.finditer(content):
            length = sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(found[1]))
            yield content[found.end() : found.end() + length].decode(errors="surrogateescape")
