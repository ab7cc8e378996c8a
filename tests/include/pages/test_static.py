"""What browsers load: the chart library as it was published, with its licence."""

import hashlib
import re

from include.pages.render import STATIC


def test_the_chart_library_is_the_one_that_the_readme_names() -> None:
    readme = (STATIC / "README.md").read_text()
    library = (STATIC / "echarts/echarts.common.min.js").read_bytes()
    assert re.findall(r"sha256\s+([0-9a-f]{64})", readme) == [hashlib.sha256(library).hexdigest()]
    version = re.findall(r"Apache ECharts\]\(\S+\) ([0-9.]+)", readme)[0]
    assert f'="{version}"'.encode() in library


def test_licences_are_kept() -> None:
    head = (STATIC / "echarts/echarts.common.min.js").read_bytes()[:2000]
    assert b"Licensed to the Apache Software Foundation" in head
    assert "Apache License" in (STATIC / "echarts/LICENSE").read_text()
    assert "Apache ECharts" in (STATIC / "echarts/NOTICE").read_text()
    assert "Mike Bostock" in (STATIC / "echarts/LICENSE-d3").read_text()


def test_nothing_is_loaded_from_elsewhere() -> None:
    for name in ("quality.css", "quality.js"):
        assert "//" not in re.sub(r"^\s*//.*$|/\*.*?\*/", "", (STATIC / name).read_text(), flags=re.M | re.S)
