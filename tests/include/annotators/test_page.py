"""docs/annotators.md: its example runs, and it names every setting."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from include.annotators.decoders import Form
from include.annotators.nuclio import Settings as NuclioSettings
from include.annotators.onnx_detector import Settings as DetectorSettings
from include.annotators.onnx_segmenter import Settings as SegmenterSettings
from include.annotators.rapidocr_text import Settings as RapidOcrSettings
from include.annotators.registry import BatchedFunction, load
from include.annotators.served import ServedSettings
from include.annotators.vlm import Settings as VlmSettings
from tests.include.annotators.asked import Context, picture, predictions

PAGE = (Path(__file__).parents[3] / "docs/annotators.md").read_text()
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
YAMLS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_annotators.py").write_text(EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_annotators", raising=False)


def test_the_example_finds_a_spot(own_module: None) -> None:
    (section,) = yaml.safe_load(YAMLS[-1])["annotators"]
    annotator = load(section["model"], section["settings"])
    assert annotator.version == "1-180"
    image = picture((40, 30), ((250, 250, 250), (10, 5, 20, 15)), ((90, 90, 90), (0, 0, 5, 5)))
    (found,) = predictions(annotator.function, image)
    assert (found.shape.label, found.shape.points) == ("spot", (10, 5, 20, 15))
    assert found.score == pytest.approx(250 / 255)
    assert isinstance(annotator.function, BatchedFunction)
    assert annotator.function.detect_batch([picture((4, 4)), image])[1] == annotator.function.detect(Context(), image)


def test_the_example_has_30_lines() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 30


def test_the_settings_of_the_first_example_are_ones() -> None:
    (section,) = yaml.safe_load(YAMLS[0])["annotators"]
    assert section["settings"].keys() <= DetectorSettings.model_fields.keys()
    assert re.fullmatch(r"[0-9a-f]{64}", section["weights"]["sha256"])


@pytest.mark.parametrize("example", [1, 2], ids=["vlm", "nuclio"])
def test_the_settings_of_models_without_scores_are_right(example: int) -> None:
    (section,) = yaml.safe_load(YAMLS[example])["annotators"]
    assert load(section["model"], section["settings"]).loaded.scored is False


@pytest.mark.parametrize(
    "settings",
    [DetectorSettings, SegmenterSettings, ServedSettings, VlmSettings, NuclioSettings, RapidOcrSettings],
    ids=["detector", "segmenter", "served", "vlm", "nuclio", "rapidocr"],
)
def test_every_setting_is_named(settings: type) -> None:
    assert [name for name in settings.model_fields if f"`{name}`" not in PAGE] == []


def test_every_form_is_named() -> None:
    assert [form for form in Form if f"| `{form}` |" not in PAGE] == []
