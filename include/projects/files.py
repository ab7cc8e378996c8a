"""Project files: a YAML each in one folder, read one by one so that a bad one costs only itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from include.projects.model import Project


@dataclass(frozen=True, slots=True)
class ProjectError(Exception):
    """A project file that cannot be used, and why: a sentence a problem."""

    path: Path
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}: " + "; ".join(self.problems)


def read_project(path: Path) -> Project:
    """The project in a file. Raises ProjectError, with the line of each problem, where it is not one."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        project = Project.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(path, (f"cannot be read: {error}",)) from error
    except yaml.YAMLError as error:
        raise ProjectError(path, (_of_yaml(error),)) from error
    except ValidationError as error:
        problems = tuple(_of_field(root, e["loc"], e["msg"]) for e in error.errors())
        raise ProjectError(path, problems) from error
    if project.name != path.stem:
        raise ProjectError(
            path, (f"line 1: the project is called {project.name!r}: name the file {project.name}.yaml",)
        )
    return project


def read_projects(folder: Path) -> tuple[tuple[Project, ...], tuple[ProjectError, ...]]:
    """All active projects of a folder, and the files that are wrong, each in the order of file names."""
    projects: list[Project] = []
    errors: list[ProjectError] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            projects.append(read_project(path))
        except ProjectError as error:
            errors.append(error)
    return tuple(p for p in projects if p.active), tuple(errors)


def _of_yaml(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else problem


def _of_field(root: Any, location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in location)
    return f"line {_line(root, location)}: {field or 'the file'}: {message.removeprefix('Value error, ')}"


def _line(node: Any, location: tuple[int | str, ...]) -> int:
    """The line of a field, or of the nearest thing around it where the field is missing."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                return int(line)
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return int(line)
