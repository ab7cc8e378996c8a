"""A benchmark's rows, its file, and the page that is made of the files."""

import json
from pathlib import Path

import pytest

from benchmarks.page import PAGE, page
from benchmarks.results import FOLDER, Row, save

ROW = Row("time", ours=2.0, unit="s", n=1000, theirs_name="the SDK", theirs=9.0)


def test_the_ratio_says_how_many_times_less_ours_is() -> None:
    assert ROW.ratio == 4.5
    assert Row("time", ours=2.0, unit="s", n=1).ratio is None


def test_a_file_holds_every_row_with_its_ratio_and_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = json.loads(save("example", [ROW], tmp_path).read_text())
    assert {key: row[key] for key in ("measure", "ours", "theirs", "theirs_name", "ratio", "unit", "n")} == {
        "measure": "time",
        "ours": 2.0,
        "theirs": 9.0,
        "theirs_name": "the SDK",
        "ratio": 4.5,
        "unit": "s",
        "n": 1000,
    }
    assert "cores" in row["machine"]
    assert "| time | 1,000 | 2 s | the SDK: 9 s | 4.5 x |" in capsys.readouterr().out


def test_the_page_is_that_of_the_files() -> None:
    if any(FOLDER.glob("*.json")):
        assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m benchmarks.page`"
