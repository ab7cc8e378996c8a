"""What docs/releases.md tells users to run, run: every block, in order, on a release."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.datasets.contents import split_in
from include.datasets.release import write_release
from tests.include.datasets.objects import ALL_FORMATS, LABELS, box, released

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PAGE = Path(__file__).parents[3] / "docs" / "releases.md"


def test_the_documented_ways_to_load_a_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: "S3Client", s3_endpoint: str
) -> None:
    images = [released(f"day {number}/images/a", [box(10, 20, 30, 25, "number")]) for number in range(10)]
    train = sorted(image.key for image in images if split_in(ALL_FORMATS, image) == "train")
    assert 0 < len(train) < len(images)
    s3.create_bucket(Bucket="photos")
    for image in images:
        s3.put_object(Bucket="photos", Key=image.key, Body=image.key.encode())
    write_release(tmp_path / "v1.0.0", images, LABELS, ALL_FORMATS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    found: dict[str, Any] = {}
    for block in blocks:
        exec(block, found)

    assert {key: [a["bbox"] for a in annotations] for key, annotations in found["boxes"].items()} == {
        key: [[10, 20, 20, 5]] for key in train
    }
    assert [name + ".jpg" for name in found["objects"]] == train
    assert {item.findtext("name") for items in found["objects"].values() for item in items} == {"number"}
    for image in images:
        path = Path("v1.0.0/yolo/images", image.key)
        assert path.read_text() == image.key
        labels = path.parent.parent / "labels" / "a.txt"
        assert labels.read_text() == "1 0.200000 0.281250 0.200000 0.062500\n"
