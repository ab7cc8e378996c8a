import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto

from include.annotators.registry import Annotator, AnnotatorUnavailable, UnknownAnnotator, load, version
from include.projects.annotators import BUNDLED
from tests.include.annotators import networks

OWN = '''
import cvat_sdk.auto_annotation as cvataa
from include.annotators.registry import AnnotatorUnavailable

class Corners:
    """A box of a given side in the upper left corner."""

    version = "2"
    spec = cvataa.DetectionFunctionSpec(labels=[cvataa.label_spec("corner", 0)])

    def __init__(self, side=8):
        if side < 1:
            raise ValueError("the side must be at least 1")
        self.side = side

    def detect(self, context, image):
        return [cvataa.rectangle(0, [0, 0, self.side, self.side], score=0.5)]

class Away:
    def __init__(self, error):
        raise {"file": FileNotFoundError(2, "No such file"), "gpu": RuntimeError("no GPU"),
               "server": AnnotatorUnavailable("the server is away")}[error]

class Versioned(Corners):
    def __init__(self, version):
        self.version = version

class Called(Corners):
    def version(self):
        return "2"

class Foretold(Corners):
    """It has no scores where its settings say so."""

    version = "3"

    def __init__(self, scored=True):
        self.scored = scored

    @classmethod
    def version_of(cls, scored=True):
        return cls.version

class Told(Foretold):
    @classmethod
    def scored_of(cls, scored=True):
        return scored

class LongForetold(Corners):
    @classmethod
    def version_of(cls):
        return "2" * 300

class Versionless:
    spec = None
    def detect(self, context, image):
        return []
'''


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_annotators.py").write_text(OWN)
    (tmp_path / "broken_annotators.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_annotators", raising=False)
    return "own_annotators"


def test_a_users_own_annotator_takes_its_settings(own_module: str) -> None:
    annotator = load(f"{own_module}:Corners", {"side": 5})
    assert isinstance(annotator, Annotator)
    assert annotator.id == "own_annotators:Corners@2"
    (box,) = annotator.function.detect(None, None)
    assert box.points == [0, 0, 5, 5]


@pytest.mark.parametrize(
    ("name", "settings", "what"),
    [
        ("yolo", {}, "there is no annotator 'yolo': known are nuclio, .*; your own is named module:attribute"),
        ("no_such_module:Corners", {}, "cannot be imported: No module named 'no_such_module'"),
        ("own_annotators:Edges", {}, "cannot be imported: .*has no attribute 'Edges'"),
        (
            "own_annotators:Corners",
            {"size": 5},
            "not work with its settings: .*unexpected keyword argument 'size'",
        ),
        ("own_annotators:Corners", {"side": 0}, "the side must be at least 1"),
        (":Corners", {}, "annotator ':Corners' cannot be imported: Empty module name"),
        ("broken_annotators:Corners", {}, "'broken_annotators:Corners' cannot be imported: RuntimeError: no licence"),
        ("own_annotators:Away", {"error": "file"}, "'own_annotators:Away' does .*: FileNotFoundError: .* No such file"),
        ("own_annotators:Away", {"error": "gpu"}, "'own_annotators:Away' does .*: RuntimeError: no GPU"),
        ("own_annotators:Called", {}, r"has the version '<bound method .*', a method: it must be one line of text"),
        ("own_annotators:Versioned", {"version": None}, "has the version 'None', a NoneType: it must be one line"),
        ("own_annotators:Versioned", {"version": " "}, "has the version ' ', a str: it must be one line of text"),
        ("own_annotators:Versioned", {"version": "1\n"}, "it must be one line of text, the same in every process"),
        ("own_annotators:Versioned", {"version": "x" * 177}, "of 177 characters, with its name 202: the most are 200"),
        ("own_annotators:Versionless", {}, "makes no detection function: it lacks version"),
        ("rapidocr", {"min_score": 2}, "with its settings: min_score: Input should be less than or equal to 1$"),
        ("rapidocr", {"minimum": 0.5, "threads": 0}, "threads: .* to 1; minimum: there is no such setting$"),
        ("vlm", {"url": "http://models/v1", "model": "eye", "labels": ["sign"]}, ": coordinates must say what"),
        ("onnx_detector", {}, "'onnx_detector' needs its file: give it weights, beside model and settings"),
        ("sys:maxsize", {}, "'int' object is not callable"),
    ],
)
def test_what_cannot_be_loaded_is_told(own_module: str, name: str, settings: dict[str, object], what: str) -> None:
    with pytest.raises(UnknownAnnotator, match=what):
        load(name, settings)


def test_a_module_that_is_away_says_so(own_module: str) -> None:
    with pytest.raises(AnnotatorUnavailable, match="the server is away"):
        load(f"{own_module}:Away", {"error": "server"})


def test_a_version_may_fill_its_place(own_module: str) -> None:
    annotator = load(f"{own_module}:Versioned", {"version": "x" * 175})
    assert len(annotator.id) == 200
    with pytest.raises(UnknownAnnotator, match="with its name 328: the most are 200"):
        version(f"{own_module}:LongForetold", {})


@pytest.mark.parametrize("scored", [True, False])
def test_whether_there_are_scores_may_hang_on_the_settings(own_module: str, scored: bool) -> None:
    settings = {"scored": scored}
    told = version(f"{own_module}:Told", settings)
    assert told == load(f"{own_module}:Told", settings).loaded
    assert told.scored is scored
    if not scored:
        with pytest.raises(UnknownAnnotator, match="has scored = False when it is loaded, and True before: set it on"):
            load(f"{own_module}:Foretold", settings)


@pytest.mark.parametrize("answers", ["ids", None])
def test_a_segmenter_that_answers_ids_gives_no_scores(answers: str | None, tmp_path: Path) -> None:
    ids = answers == "ids"
    types = {"ids": TensorProto.INT64} if ids else {}
    make = networks.segment_ids if ids else networks.segments
    weights = networks.save(tmp_path / "m.onnx", make, types=types, metadata={"names": "['nothing', 'r', 'g', 'b']"})
    settings = {"answers": answers}
    told = version("onnx_segmenter", settings, weights=weights)
    assert told == load("onnx_segmenter", settings, weights=weights).loaded
    assert told.scored is not ids


@pytest.mark.parametrize(
    ("model", "settings", "make"),
    [
        ("onnx_detector", {"min_score": 0.4, "threads": 2}, networks.yolov8),
        ("onnx_segmenter", {"drawn": "masks", "classes": list("nrgb")}, networks.segments),
        ("rapidocr", {"min_score": 0.7, "threads": 2}, None),
        ("nuclio", {"function": "eye", "mapping": {"car": "car"}}, None),
        ("own_annotators:Corners", {"side": 5}, None),
    ],
    ids=["detector", "segmenter", "rapidocr", "nuclio", "own"],
)
def test_the_version_that_is_known_before_is_that_of_the_loaded_annotator(
    own_module: str, tmp_path: Path, model: str, settings: dict[str, object], make: networks.Make | None
) -> None:
    assert own_module
    weights = make and networks.save(tmp_path / "model.onnx", make)
    assert (
        version(model, settings, name="it", weights=weights) == load(model, settings, name="it", weights=weights).loaded
    )


def test_a_projects_file_knows_the_bundled_annotators() -> None:
    with pytest.raises(UnknownAnnotator, match=f"known are {', '.join(BUNDLED)}; your own"):
        load("yolo", {})


def test_no_model_is_loaded_to_know_its_version(tmp_path: Path) -> None:
    """A file that is no network has a version as well; what it lacks is told when it is asked."""
    weights = tmp_path / "model.onnx"
    weights.write_bytes(b"nothing")
    digest = hashlib.sha256(b"nothing").hexdigest()[:8]
    assert version("onnx_detector", {}, weights=weights).id.startswith(f"onnx_detector@1-{digest}-")
    code = (
        "import sys; from include.annotators.registry import version; version('rapidocr', {});"
        "assert 'rapidocr' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_are_checked_where_only_the_version_is_wanted() -> None:
    with pytest.raises(UnknownAnnotator, match=r"min_score: .*less than or equal to 1"):
        version("rapidocr", {"min_score": 2})


def test_a_version_that_was_foretold_otherwise_is_refused() -> None:
    """A subclass that says its own version and inherits the other: plans would wait for it for ever."""
    with pytest.raises(UnknownAnnotator, match=r"HalfForetold@mine' when it is loaded, and its version_of says .*@3"):
        load("tests.include.annotators.half_foretold:HalfForetold", {})
