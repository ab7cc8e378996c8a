"""What a project file is made of: sections, and kinds of values, each with what it must look like."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from croniter import croniter  # type: ignore[import-untyped]
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_BUCKET = r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]/"
_PRESETS = frozenset({"@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"})  # Airflow's for cron
_SECRETS = frozenset({"password", "passwd", "passphrase", "secret", "token", "credential", "credentials", "apikey"})
_SECRET_KEYS = ("api_key", "access_key", "private_key", "secret_key")
_NAMED_BY_USERS = ("labels", "mapping")  # settings whose keys are classes: one may be called token
_WHERE_SECRETS_ARE = {"_env": "[A-Z][A-Z0-9_]*", "_header": "[A-Za-z]+(-[A-Za-z]+)*"}  # what such keys may hold


class Section(BaseModel):
    """A part of a project file: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Like:
    """A text that matches a pattern as a whole. The sentence tells what is right, never what was given: that may be
    a secret in the wrong place."""

    pattern: str
    sentence: str

    def check(self, value: str) -> str:
        """The value. Raises ValueError with the sentence where it does not match."""
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.sentence)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


def _schedule(value: str) -> str:
    if value not in _PRESETS and not (len(value.split()) == 5 and croniter.is_valid(value)):
        presets = ", ".join(sorted(_PRESETS))
        raise ValueError(f"must be a cron expression of five fields, as in '30 6 * * 1-5', or one of {presets}")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    looked_at = {key: _without_names(value) if key in _NAMED_BY_USERS else value for key, value in settings.items()}
    if found := sorted(key for key, value in _items(looked_at) if _is_secret(key) and not _says_where(key, value)):
        said = ", ".join(found) + _advice(found)
        raise ValueError(f"secrets live in Airflow connections, not in files: remove {said}")
    return settings


def _without_names(value: Any) -> Any:
    return list(value.values()) if isinstance(value, dict) else value


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key), inner
            yield from _items(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _items(inner)


def _says_where(key: str, value: Any) -> bool:
    """Whether it names an environment variable that holds a secret, or the header that takes it."""
    return any(key.endswith(end) and re.fullmatch(like, str(value)) for end, like in _WHERE_SECRETS_ARE.items())


def _advice(keys: Sequence[str]) -> str:
    named = any(key.endswith("_env") for key in keys)
    return ", or give it the name of an environment variable, in capitals" if named else ""


def _is_secret(key: str) -> bool:
    words = key.lower().replace("-", "_")
    return bool(_SECRETS & set(words.split("_"))) or words.endswith(_SECRET_KEYS)


Format = Literal["coco", "yolo", "voc"]
LabelType = Literal["rectangle", "polygon", "mask", "points", "tag"]
HELD: Mapping[Format, frozenset[LabelType]] = {
    "coco": frozenset(get_args(LabelType)),
    "yolo": frozenset({"rectangle", "polygon", "mask"}),
    "voc": frozenset({"rectangle"}),
}
"""What each format holds."""
Order = Literal["uri", "random", "least_confidence", "margin", "entropy", "disagreement"]
DataMode = Literal["link", "copy"]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[
    str,
    Like("[a-z][a-z0-9_]{0,62}", "must be lower-case letters, digits and _, a letter first, 63 at the most"),
]
LabelName = Annotated[
    str, Field(max_length=64), Like(r"\S(?:.*\S)?", "must be one line of text without blanks at its ends")
]
FormerNames = Annotated[
    tuple[LabelName, ...],
    BeforeValidator(_as_list, json_schema_input_type=LabelName | tuple[LabelName, ...]),
]
ConnectionId = Annotated[
    str,
    Like("[A-Za-z0-9_.-]{1,200}", "must be the id of an Airflow connection: letters, digits, _, . and - only"),
]
AnnotatorName = Annotated[
    str, Like("[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}", "names predictions: use letters, digits, _, -, . and : only")
]
Sha256 = Annotated[str, Like("[0-9a-f]{64}", "must be a SHA-256: 64 lower-case hexadecimal digits")]
SplitName = Annotated[str, Like("[A-Za-z0-9_-]+", "names a file: use letters, digits, _ and - only")]
Folder = Annotated[
    str, Like(rf"{_BUCKET}[^\s/](?:.*[^\s/])?", "must look like s3://bucket/folder, without a slash at its end")
]
Prefix = Annotated[
    str, Like(rf"{_BUCKET}(?:[^\s/].*/)?", "must look like s3://bucket/prefix/, with a slash at its end")
]
Schedule = Annotated[str, AfterValidator(_schedule)]
Settings = Annotated[dict[str, Any], AfterValidator(_without_secrets)]
