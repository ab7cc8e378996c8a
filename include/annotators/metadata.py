"""What a model's file says about itself: the names of its classes, the size of its pictures."""

import ast
import json
from collections.abc import Mapping
from typing import Any

# Ultralytics writes `names`; Hugging Face's configurations say `id2label`; exporters by hand take the others.
_NAMES = ("names", "id2label", "classes", "class_names", "labels")


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The classes in the order of their numbers, or None where the metadata does not say.

    Read are a dict of numbers and names or a list, as Python (Ultralytics) or JSON writes them, and plain text with
    commas or lines. Raises ValueError for a dict that leaves numbers out.
    """
    key = next((key for key in _NAMES if metadata.get(key, "").strip()), None)
    if key is None:
        return None
    text = metadata[key].strip()
    value = _literal(text)
    if isinstance(value, dict):
        numbered = {int(number): str(name) for number, name in value.items()}
        if sorted(numbered) != list(range(len(numbered))):
            raise ValueError(f"the model's metadata {key!r} leaves numbers of classes out: {text}. State classes")
        return tuple(numbered[number] for number in sorted(numbered))
    if isinstance(value, list | tuple):
        return tuple(str(name) for name in value)
    separator = "\n" if "\n" in text else ","
    return tuple(name.strip() for name in text.split(separator) if name.strip())


def stated_size(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """Width and height by Ultralytics' `imgsz`, which is [height, width] or one number; None where it is not there."""
    match _literal(metadata.get("imgsz", "")):
        case [int(height), int(width)]:
            return width, height
        case int(side):
            return side, side
    return None


def _literal(text: str) -> Any:
    """The value that Python or JSON writes so, or None; nothing is executed."""
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None
