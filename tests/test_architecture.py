"""The arrows of the house, read from the imports themselves, those inside functions and for types alone included.

Each package names what it may import of ours.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TREES = ("include", "plugins", "dags")
MOST_LINES_A_FILE, MOST_LINES_A_FUNCTION = 299, 59

_FLOOR_0 = {"include.projects", "include.lifecycle", "include.evaluation", "include.datasets"}
_FLOOR_3 = {*_FLOOR_0, "include.pages", "include.clients", "include.annotators", "include.steps"}

MAY_IMPORT: dict[str, set[str]] = {
    "include": set(),
    "include.projects": set(),
    "include.lifecycle": {"include.projects"},
    "include.evaluation": {"include.projects", "include.lifecycle"},
    "include.datasets": {"include.projects", "include.lifecycle"},
    "include.pages": {"include.lifecycle", "include.evaluation"},
    "include.clients": _FLOOR_0,
    "include.annotators": {*_FLOOR_0, "include.clients"},
    "include.steps": {*_FLOOR_0, "include.pages", "include.clients", "include.annotators"},
    "include.local": {*_FLOOR_3, "include.emulator"},
    "include.emulator": set(),
    "labelcycle": set(),
    "labelcycle.provider": {"labelcycle.hooks"},
    "labelcycle.hooks": _FLOOR_3,
    "labelcycle.triggers": {*_FLOOR_3, "labelcycle.hooks"},
    "labelcycle.links": {*_FLOOR_3, "labelcycle.hooks"},
    "labelcycle.operators": {*_FLOOR_3, "labelcycle.hooks", "labelcycle.triggers", "labelcycle.links"},
    "labelcycle.sensors": {*_FLOOR_3, *(f"labelcycle.{part}" for part in ("hooks", "triggers", "links", "operators"))},
    "labelcycle.stages": {
        *_FLOOR_3,
        *("labelcycle.hooks", "labelcycle.triggers", "labelcycle.links", "labelcycle.sensors", "labelcycle.operators"),
    },
    "labelcycle.web": {*_FLOOR_3, "labelcycle.hooks", "labelcycle.links"},
    "labelcycle_plugin": {"labelcycle.web"},
    "labelcycle.live": {*_FLOOR_3, "labelcycle.hooks"},
    "labelcycle.check": {*_FLOOR_3, "labelcycle.hooks", "labelcycle.live"},
    "dags": {"include.projects", "labelcycle.stages", "labelcycle.operators"},
}
_OURS = ("include", "labelcycle", "tests")
_AIRFLOW = ("dags", "labelcycle")  # who may import it

# The demo plays the DAGs as Airflow does, in one process.
EXCEPTIONS = {("include/local/demo.py", "airflow")}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, with where it is imported: the package, and file:line."""

    package: str
    module: str
    level: int
    file: str
    line: int


def files(root: Path) -> list[Path]:
    return sorted(path for tree in TREES for path in (root / tree).rglob("*.py"))


def imports(root: Path) -> Iterator[Import]:
    for path in files(root):
        file = path.relative_to(root)
        package = package_of(".".join(file.with_suffix("").parts).removeprefix("plugins.").removesuffix(".__init__"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(package, alias.name, 0, str(file), node.lineno)
            elif isinstance(node, ast.ImportFrom):
                for module in imported_from(node):
                    yield Import(package, module, node.level, str(file), node.lineno)


def imported_from(node: ast.ImportFrom) -> list[str]:
    """`from include import steps` imports include.steps; of anything deeper the package is known already."""
    if node.module in _OURS:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [node.module or ""]


def package_of(module: str) -> str:
    """Where a module of ours belongs: include.<package>, labelcycle.<package>, dags."""
    parts = module.split(".")
    return parts[0] if parts[0] == "dags" else ".".join(parts[:2])


def broken_rule(found: Import) -> str | None:
    """What an import breaks, if it does."""
    target, top = package_of(found.module), found.module.split(".")[0]
    if found.level:
        return "imports are absolute"
    if found.package not in MAY_IMPORT:
        return f"no rule says what {found.package} may import: add it to MAY_IMPORT"
    if top == "airflow":
        if not found.package.startswith(_AIRFLOW) and (found.file, top) not in EXCEPTIONS:
            return "only dags and plugins import airflow"
    elif top in _OURS:
        if target != found.package and target not in MAY_IMPORT[found.package]:
            allowed = ", ".join(sorted(MAY_IMPORT[found.package])) or "nothing of ours"
            return f"{found.package} may import {allowed}; not {target}"
    elif found.package == "dags" and top not in sys.stdlib_module_names:
        return f"dags import airflow, include.projects, labelcycle.stages and labelcycle.operators; not {top}"
    return None


def violations(root: Path) -> list[str]:
    found = ((one, broken_rule(one)) for one in imports(root))
    return [f"{one.file}:{one.line}: imports {one.module}: {rule}" for one, rule in found if rule]


def too_long(root: Path) -> Iterator[str]:
    for path in files(root):
        text, file = path.read_text(encoding="utf-8"), path.relative_to(root)
        if (lines := len(text.splitlines())) > MOST_LINES_A_FILE:
            yield f"{file}: {lines} lines; the most are {MOST_LINES_A_FILE}"
        if "migrations" in file.parts:  # written by Alembic, a statement a table
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_LINES_A_FUNCTION:
                    yield f"{file}:{node.lineno}: {node.name} has {lines} lines; the most are {MOST_LINES_A_FUNCTION}"


def test_the_arrows_hold() -> None:
    assert violations(ROOT) == []


def test_it_is_the_whole_house_that_is_looked_at() -> None:
    found = list(imports(ROOT))
    assert len(files(ROOT)) > 100
    assert {one.package for one in found} >= {"dags", "include.steps", "include.emulator", "labelcycle.stages"}
    assert {one.module.split(".")[0] for one in found} >= {"include", "labelcycle", "airflow"}


def test_what_may_be_imported_goes_round_in_no_circle() -> None:
    left = dict(MAY_IMPORT)
    while lowest := {package for package in left if not left[package] & left.keys()}:
        left = {package: allowed for package, allowed in left.items() if package not in lowest}
    assert left == {}


def test_every_exception_is_still_needed() -> None:
    used = {(one.file, one.module.split(".")[0]) for one in imports(ROOT)}
    assert used >= EXCEPTIONS


def test_files_and_functions_are_short() -> None:
    assert list(too_long(ROOT)) == []


def test_nothing_of_ours_reads_that_the_server_is_the_emulator() -> None:
    inside = ROOT / "include/emulator"
    paths = [path for tree in TREES for path in (ROOT / tree).rglob("*") if path.is_file()]
    header = b"x-labelcycle-emulator"
    readers = [path for path in paths if path.suffix != ".pyc" and header in path.read_bytes().lower()]
    assert readers  # the emulator does send it
    assert [str(path.relative_to(ROOT)) for path in readers if not path.is_relative_to(inside)] == []


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("include/clients/x.py", "import airflow.sdk", "only dags and plugins import airflow"),
        ("include/clients/x.py", "from airflow import DAG", "only dags and plugins import airflow"),
        ("include/steps/x.py", "from labelcycle.hooks import cvat", "not labelcycle.hooks"),
        ("include/steps/x.py", "import include.local.stack", "not include.local"),
        ("include/steps/x.py", "from include import local", "not include.local"),
        ("include/clients/x.py", "from include.steps.plan import plan", "not include.steps"),
        ("include/annotators/x.py", "import include.steps.plan as plan", "not include.steps"),
        ("include/clients/cvat/x.py", "from include.emulator.app import app", "not include.emulator"),
        ("include/evaluation/x.py", "from include.datasets.coco import read_coco", "not include.datasets"),
        ("include/datasets/x.py", "from include.evaluation.figures import table", "not include.evaluation"),
        ("include/lifecycle/x.py", "from include.clients.bulk import BulkStore", "not include.clients"),
        ("include/projects/x.py", "from include.lifecycle.images import Image", "may import nothing of ours"),
        ("include/emulator/routes/x.py", "from include.lifecycle.images import Image", "may import nothing of ours"),
        ("include/emulator/x.py", "import tests.include.emulated", "may import nothing of ours"),
        ("include/steps/x.py", "from . import plan", "imports are absolute"),
        ("include/steps/x.py", "from .plan import plan", "imports are absolute"),
        ("include/somewhere/x.py", "import json", "no rule says what include.somewhere may import"),
        ("plugins/labelcycle/somewhere/x.py", "import json", "no rule says what labelcycle.somewhere may import"),
        ("plugins/labelcycle/hooks/x.py", "from labelcycle.stages import ingest", "not labelcycle.stages"),
        ("plugins/labelcycle/triggers/x.py", "from labelcycle.sensors.requests import X", "not labelcycle.sensors"),
        ("plugins/labelcycle/hooks/x.py", "from include.local.stack import Stack", "not include.local"),
        ("plugins/labelcycle/stages/x.py", "import include.emulator", "not include.emulator"),
        ("dags/x.py", "from include.steps.plan import plan", "not include.steps"),
        ("dags/maintenance/x.py", "from labelcycle.hooks.cvat import CvatHook", "not labelcycle.hooks"),
        ("dags/x.py", "import boto3", "not boto3"),
    ],
)
@pytest.mark.parametrize("inside", ["{}", "def f():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, line: str, rule: str, inside: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(f"import json\n{inside.format(line)}\n")
    assert any(f"{file}:{2 + inside.count(chr(10))}: " in told and rule in told for told in violations(tmp_path))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("include/steps/x.py", "from include.clients import ledger"),
        ("include/clients/ledger/x.py", "from include.clients.storage import StorageError"),
        ("include/local/x.py", "import include.emulator.app"),
        ("plugins/labelcycle/stages/x.py", "from airflow.sdk import task"),
        ("plugins/labelcycle/stages/x.py", "from labelcycle import sensors"),
        ("dags/maintenance/x.py", "from labelcycle.stages.lifecycle import lifecycle_dags"),
        ("dags/x.py", "from pathlib import Path"),
    ],
)
def test_what_is_allowed_is_not_told(tmp_path: Path, file: str, line: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(line + "\n")
    assert violations(tmp_path) == []


def test_what_is_too_long_is_found(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/x.py").write_text("async def long():\n" + "    pass\n" * 59 + "x = 1\n" * 240)
    (tmp_path / "dags/y.py").write_text("def right():\n" + "    pass\n" * 58 + "x = 1\n" * 240)
    assert list(too_long(tmp_path)) == [
        "dags/x.py: 300 lines; the most are 299",
        "dags/x.py:1: long has 60 lines; the most are 59",
    ]
