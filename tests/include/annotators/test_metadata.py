import pytest

from include.annotators.metadata import class_names, stated_size


@pytest.mark.parametrize(
    "metadata",
    [
        {"names": "{0: 'cat', 1: \"dog's\"}"},  # Ultralytics: Python's repr of a dict
        {"names": "{1: \"dog's\", 0: 'cat'}"},
        {"names": "['cat', \"dog's\"]"},
        {"id2label": '{"0": "cat", "1": "dog\'s"}'},  # Hugging Face: JSON, whose keys are strings
        {"classes": '["cat", "dog\'s"]'},
        {"class_names": "cat, dog's"},
        {"labels": "cat\ndog's\n"},
        {"author": "somebody", "names": " ", "labels": "cat,dog's"},
    ],
)
def test_names_as_exporters_write_them(metadata: dict[str, str]) -> None:
    assert class_names(metadata) == ("cat", "dog's")


def test_no_names() -> None:
    assert class_names({"author": "somebody"}) is None


def test_names_that_leave_a_number_out_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'names' leaves numbers of classes out: {0: 'cat', 2: 'dog'}. State classes"):
        class_names({"names": "{0: 'cat', 2: 'dog'}"})


def test_nothing_is_executed() -> None:
    assert class_names({"names": "__import__('os').getcwd()"}) == ("__import__('os').getcwd()",)
    assert stated_size({"imgsz": "exit()"}) is None


def test_sizes_are_height_and_width() -> None:
    assert stated_size({"imgsz": "[480, 640]"}) == (640, 480)
    assert stated_size({"imgsz": "640"}) == (640, 640)
    assert stated_size({}) is None
