"""A benchmark's result: rows that compare us with something else in the same run, printed and kept as JSON."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: the same measure of ours and of another way, named, for n things.

    `theirs` None where there is nothing to compare with: then the row only states a figure. A modelled figure (not
    measured, computed from recorded costs) says so in its measure's name.
    """

    measure: str
    ours: float
    unit: str
    n: int
    theirs_name: str = ""
    theirs: float | None = None

    @property
    def ratio(self) -> float | None:
        """Theirs over ours: how many times less ours is."""
        return self.theirs / self.ours if self.theirs is not None and self.ours else None


def machine() -> str:
    """What ran it: the interpreter, the system, and how many cores."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def save(name: str, rows: Sequence[Row], folder: Path = FOLDER) -> Path:
    """Print the rows as a table and write them to `<folder>/<name>.json`; the file."""
    sys.stdout.write("\n".join([f"# {name}", *table(_written(rows))]) + "\n")
    path = folder / f"{name}.json"
    path.write_text(json.dumps(_written(rows), indent=1) + "\n", encoding="utf-8")
    return path


def table(rows: Iterable[dict[str, object]]) -> list[str]:
    """Rows as a Markdown table's lines."""
    head = ["| measure | n | ours | theirs | ratio |", "|---|---|---|---|---|"]
    return head + [_line(row) for row in rows]


def _written(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{**asdict(row), "ratio": row.ratio, "machine": machine()} for row in rows]


def _line(row: dict[str, object]) -> str:
    theirs = "" if row["theirs"] is None else f"{row['theirs_name']}: {_figure(row['theirs'])} {row['unit']}"
    ratio = "" if row["ratio"] is None else f"{_figure(row['ratio'])} x"
    return f"| {row['measure']} | {row['n']:,} | {_figure(row['ours'])} {row['unit']} | {theirs} | {ratio} |"


def _figure(value: object) -> str:
    """Three significant digits, never in powers of ten."""
    assert isinstance(value, int | float)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
