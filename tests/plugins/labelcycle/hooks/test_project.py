"""A project's clients: only what its file asks for is asked of Airflow."""

from pathlib import Path

from labelcycle.hooks.project import ProjectClients

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
