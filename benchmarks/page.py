"""docs/benchmarks.md, made from benchmarks/results/*.json: `python -m benchmarks.page`."""

import json
from importlib import import_module
from pathlib import Path

from benchmarks.results import FOLDER, table

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Made by `make bench` from `benchmarks/results/`; do not edit. A ratio says how many times less ours is, measured in the
same run on the same machine: machines differ, ratios stay. `make bench` runs all of them again (`BENCH=waiting` one),
writes the results and this page. What a row calls *modelled* was computed from costs recorded on a real server, not
measured.
"""


def page(folder: Path = FOLDER) -> str:
    """The page's text; each section begins with the benchmark's own docstring."""
    return "\n".join([_HEAD, *(_section(path) for path in sorted(folder.glob("*.json")))])


def _section(path: Path) -> str:
    rows = json.loads(path.read_text(encoding="utf-8"))
    said = (import_module(f"benchmarks.{path.stem}").__doc__ or "").strip()
    return "\n".join([f"## {path.stem}", "", said, "", *table(rows), "", f"{rows[0]['machine']}", ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
