"""JSON as language models write it: among prose and fences, with commas too many, cut short."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]|[^"\[\]{},]+|"', re.DOTALL)
_OPENS = re.compile(r"[\[{]")
_CLOSERS = {"[": "]", "{": "}"}
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Reading:
    """A list or dict that stands in a text (None: nothing of it can be read), and whether the text has all of it."""

    value: Any
    whole: bool


def readings(text: str) -> Iterator[Reading]:
    """The lists and dicts in a text, in its order; those inside of others are no readings of their own.

    Commas before a closing bracket are passed over. One that the text does not close is read up to the last bracket
    that it closes. What is whole and cannot be read is left out. Thoughts before the answer (`<think>`) are not read.
    """
    text, position = without_thoughts(text), 0
    while opening := _OPENS.search(text, position):
        repaired, position, whole = _repaired(text, opening.start())
        value = None
        with suppress(ValueError):
            value = json.loads(repaired, strict=False)  # not strict: line breaks in strings
        if value is not None or not whole:
            yield Reading(value, whole)


def without_thoughts(text: str) -> str:
    """What a model says after it has thought aloud; nothing where it did not come to an end of it."""
    _, ended, answer = text.rpartition("</think>")
    return "" if not ended and answer.lstrip().startswith("<think>") else answer


def _repaired(text: str, start: int) -> tuple[str, int, bool]:
    """The value that opens at a place as well-formed JSON if it can be, where it ends, and whether it is whole."""
    pieces: list[str] = []
    closers: list[str] = []
    safe = (0, "")  # how many pieces there were when a bracket was last closed, and what closes the others
    for token in _TOKEN.finditer(text, start):
        piece = token.group()
        if piece == '"':  # a string without an end
            break
        if piece in _CLOSERS:
            closers.append(_CLOSERS[piece])
        elif piece in ("]", "}"):
            if closers.pop() != piece:
                return "", token.end(), True
            _drop_comma(pieces)
        pieces.append(piece)
        if not closers:
            return "".join(pieces), token.end(), True
        if len(closers) > _DEEPEST:
            break
        if piece in ("]", "}"):
            safe = (len(pieces), "".join(reversed(closers)))
    return "".join(pieces[: safe[0]]) + safe[1], len(text), False


def _drop_comma(pieces: list[str]) -> None:
    while pieces and not pieces[-1].strip():
        pieces.pop()
    if pieces and pieces[-1] == ",":
        pieces.pop()
