"""Project files: a YAML each in one folder, read one by one so that a bad one costs only itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from include.projects.model import Project

_SENTENCES = {  # where pydantic's own words do not say what to do
    "missing": "it is missing: add it",
    "extra_forbidden": "there is no such key: mend its spelling or remove it (example.yaml shows all keys)",
    "model_type": "it must be a section of `key: value` lines",
    "dict_type": "it must be a section of `key: value` lines",
    "tuple_type": "it must be a list",
    "string_type": "it must be text: put it in quotes",
}


class ProjectError(Exception):
    """A project file that cannot be used, and why: a sentence a problem."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        super().__init__(path, problems)
        self.path = path
        self.problems = problems

    def __str__(self) -> str:
        return f"{self.path}: " + "; ".join(self.problems)


def read_project(path: Path) -> Project:
    """The project in a file. Raises ProjectError, with the line of each problem, where it is not one."""
    root, content = _parse(path, _read(path))
    problems = list(_repeated(root, set()))
    try:
        project = Project.model_validate(content)
    except ValidationError as error:
        problems += [_of_field(root, details) for details in error.errors()]
        raise ProjectError(path, tuple(problems)) from error
    if project.name != path.stem:
        sentence = f"the project is called {project.name}, and the file {path.name}: rename one of them"
        problems.append(f"line {_line(root, ('name',))}: name: {sentence}")
    if problems:
        raise ProjectError(path, tuple(problems))
    return project


def read_projects(folder: Path) -> tuple[tuple[Project, ...], tuple[ProjectError, ...]]:
    """All active projects of a folder, and the files that are wrong, each in the order of file names."""
    projects: list[Project] = []
    errors: list[ProjectError] = []
    try:
        paths = project_paths(folder)
    except ProjectError as error:
        return (), (error,)
    for path in paths:
        try:
            projects.append(read_project(path))
        except ProjectError as error:
            errors.append(error)
    return tuple(p for p in projects if p.active), tuple(errors)


def project_paths(folder: Path) -> list[Path]:
    """The files of a folder that are, or want to be, projects. Raises ProjectError where there is no such folder."""
    if not folder.is_dir():
        raise ProjectError(folder, ("there is no such folder: make it, or name the one with the projects",))
    return [p for p in sorted(folder.iterdir()) if p.suffix in (".yaml", ".yml") and not p.name.startswith(".")]


def _read(path: Path) -> str:
    if path.suffix != ".yaml":
        raise ProjectError(path, (f"a project file ends in .yaml: call it {path.stem}.yaml",))
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ProjectError(path, (f"line {line}: this is not UTF-8: save the file as UTF-8",)) from error
    except OSError as error:
        raise ProjectError(path, (f"it cannot be read: {error.strerror}",)) from error


def _parse(path: Path, text: str) -> tuple[yaml.MappingNode, Any]:
    """The file's nodes, which know their lines, and its content."""
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise ProjectError(path, ("line 1: the file is empty: copy example.yaml and change it",))
        if not isinstance(root, yaml.MappingNode):
            raise ProjectError(path, ("line 1: a project is a section of `key: value` lines: see example.yaml",))
        return root, loader.construct_document(root)
    except yaml.YAMLError as error:
        raise ProjectError(path, (_of_yaml(text, error),)) from error
    except (ValueError, RecursionError) as error:  # PyYAML lets both through: a 13th month, a thousand brackets
        raise ProjectError(path, (f"it is not the YAML of a project: {error}",)) from error
    finally:
        if loader:
            loader.dispose()


def _of_yaml(text: str, error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        advice = ": indent with spaces, not with tabs" if "\\t" in (error.problem or "") else ""
        return f"line {error.problem_mark.line + 1}: {error.problem}{advice}"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: the character U+{error.character:04X} is not allowed in YAML: remove it"
    return str(error)


def _repeated(node: yaml.Node | None, seen: set[int]) -> Iterator[str]:
    """A problem for each key that a section holds twice: YAML's parser silently takes the last."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item, seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if str(key.value) in lines:
                yield f"line {line}: {key.value}: it stands in line {lines[key.value]} already: remove one of them"
            lines[str(key.value)] = line
            yield from _repeated(value, seen)


def _of_field(root: yaml.Node, details: ErrorDetails) -> str:
    location = details["loc"]
    field = ".".join(str(part) for part in location if part != "[key]")
    message = _SENTENCES.get(details["type"], details["msg"].removeprefix("Value error, "))
    return f"line {_line(root, location)}: {field}: {message}"


def _line(node: Any, location: tuple[int | str, ...]) -> int:
    """The line of a field, or of the nearest thing around it where the field is missing."""
    line = node.start_mark.line + 1
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
