"""A project's clients: only what its file asks for is asked of Airflow."""

import hashlib
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.hooks.project import ProjectClients
from tests.include.annotators import networks

_FILE = """
name: signs
images: {uri: s3://images/incoming/, connection: without_keys}
labels: [{name: word}]
annotators: [{model: rapidocr}]
ledger: {store: s3://data/ledger}
release: {remote: s3://data/dvc}
cvat: {data: copy}
"""


def test_where_cvat_gets_copies_no_keys_are_looked_for(tmp_path: Path) -> None:
    file = tmp_path / "signs.yaml"
    file.write_text(_FILE)
    with ProjectClients(str(file)) as clients:
        assert clients.storage_for_cvat is None


def test_a_model_is_made_with_its_file_which_is_checked_against_what_is_stated(tmp_path: Path) -> None:
    model = networks.save(tmp_path / "model.onnx", networks.yolov8)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    weights = f"{{uri: {model}, sha256: {digest}}}"
    file = tmp_path / "signs.yaml"
    text = _FILE.replace("{model: rapidocr}", f"{{model: onnx_detector, name: shapes, weights: {weights}}}")
    file.write_text(text.replace("{name: word}", "{name: red}, {name: green}, {name: blue}"))
    with ProjectClients(str(file)) as clients:
        assert clients.annotator(0).name == "shapes"
        assert clients.versions == [clients.annotator(0).loaded]
    file.write_text(file.read_text().replace(digest, "f" * 64))
    with pytest.raises(AirflowFailException, match=digest), ProjectClients(str(file)) as clients:
        clients.annotator(0)
