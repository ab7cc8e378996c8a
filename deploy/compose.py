"""docker-compose.yaml as Docker reads it, as far as the file goes: merged keys, variables, commands, mounts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yaml"
OURS = "labelcycle"  # the image that the Dockerfile makes

# $$, ${NAME}, ${NAME:-default} and ${NAME:?}: the forms that the file uses, of those that Docker knows.
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<rule>:[-?]|-)(?P<default>[^}]*))?\})")


class ComposeError(Exception):
    """The file, or a variable that it needs, is not as it must be."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A named volume or a path (which begins with `.` or `/`), and where the service sees it."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service. `health` is the command that asks whether it is well; `needs` maps services to conditions."""

    name: str
    image: str
    profiles: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    needs: Mapping[str, str]
    mounts: tuple[Mount, ...]
    ports: tuple[str, ...]
    restart: str

    @property
    def is_ours(self) -> bool:
        """Whether it runs our own image."""
        return self.image.partition(":")[0] == OURS


def read_compose(variables: Mapping[str, str], path: Path = COMPOSE) -> dict[str, Service]:
    """The services, each after those that it needs. Raises ComposeError for a variable that is not set."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows: dict[str, Any] = _substituted(content["services"], variables)
    order = TopologicalSorter({name: row.get("depends_on", {}).keys() for name, row in rows.items()}).static_order()
    return {name: _service(name, rows[name]) for name in order}


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables replaced. Raises ComposeError for one that must be set and is not."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        name, given = found["name"], variables.get(found["name"], "")
        if found["rule"] == "-":  # the default is for what is not set; empty is a value
            return variables.get(name, found["default"])
        if not given and found["rule"] != ":-":
            raise ComposeError(f"{name} is not set: set it in the env file")
        return given or found["default"]

    return VARIABLE.sub(value, text)


def strings(value: Any) -> Iterator[str]:
    """All texts in a part of the file."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def _substituted(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner, variables) for inner in value]
    return substitute(value, variables) if isinstance(value, str) else value


def _service(name: str, row: dict[str, Any]) -> Service:
    return Service(
        name=name,
        image=row["image"],
        profiles=tuple(row.get("profiles", ())),
        command=tuple(row.get("command", ())),
        environment=row.get("environment", {}),
        health=_health(row.get("healthcheck", {}).get("test", ())),
        needs={needed: how["condition"] for needed, how in row.get("depends_on", {}).items()},
        mounts=tuple(Mount(*text.split(":")[:2]) for text in row.get("volumes", ())),
        ports=tuple(row.get("ports", ())),
        restart=row.get("restart", "no"),
    )


def _health(test: list[str]) -> tuple[str, ...]:
    if test and test[0] == "CMD-SHELL":
        return ("sh", "-c", test[1])
    return tuple(test[1:])
