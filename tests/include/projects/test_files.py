"""Project files: what is wrong with one is told by file, line and field, and costs only that file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.projects.files import ProjectError, read_project, read_projects

EXAMPLE = Path(__file__).parents[3] / "include/projects/example.yaml"
GOOD = """\
name: birds
images:
  uri: s3://bucket/incoming/
labels:
  - name: bird
annotators: [{model: rapidocr}]
release:
  remote: s3://bucket/dvc
ledger:
  store: s3://bucket/ledger
"""


def problems(folder: Path, text: str | bytes, name: str = "birds.yaml") -> tuple[str, ...]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ProjectError) as caught:
        read_project(path)
    assert str(path) in str(caught.value)
    return caught.value.problems


def test_a_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "birds.yaml").write_text(GOOD)
    assert read_project(tmp_path / "birds.yaml").labels[0].name == "bird"


def test_several_problems_are_told_at_once_each_with_its_line_and_field(tmp_path: Path) -> None:
    text = GOOD.replace("uri: s3://bucket/incoming/", "uri: bucket").replace("store:", "shop:")
    assert problems(tmp_path, text + "active: perhaps\n") == (
        "line 11: active: Input should be a valid boolean, unable to interpret input",
        "line 3: images.uri: must look like s3://bucket/prefix/, with a slash at its end",
        "line 9: ledger.store: it is missing: add it",
        "line 10: ledger.shop: there is no such key: mend its spelling or remove it (example.yaml shows all keys)",
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("labels:\n  - name: bird\n", "", "line 1: labels: it is missing: add it"),
        ("  - name: bird", "  - name: yes", "line 5: labels.0.name: it must be text: put it in quotes"),
        ("  - name: bird", "    bird", "line 4: labels: it must be a list"),
        ("annotators: [{model: rapidocr}]", "annotators: rapidocr", "line 6: annotators: it must be a list"),
        (
            "annotators: [{model: rapidocr}]",
            "annotators: [{model: rapidocr, settings: [1]}]",
            "line 6: annotators.0.settings: it ",
        ),
        (
            "  - name: bird",
            "  - {name: bird,\n     attributes: [{name: occluded}]}",
            "line 6: labels.0.attributes.0.name: ",
        ),
        ("  remote:", "  splits:\n    a b: 1\n  remote:", "line 9: release.splits.a b: names a file"),
        ("name: birds", "name: owls", "line 1: name: the project is called owls, and the file birds.yaml: rename one"),
        ("name: birds", "# it is\n\nname: owls", "line 3: name: the project is called owls"),
        (
            "annotators:",
            "images: {uri: s3://b/}\nannotators:",
            "line 6: images: it stands in line 2 already: remove one",
        ),
    ],
)
def test_a_problem_is_told_where_it_is(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    assert problems(tmp_path, GOOD.replace(old, new))[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the file is empty: copy example.yaml"),
        ("# only words\n", "line 1: the file is empty: copy example.yaml"),
        ("- name: birds\n", "line 1: a project is a section of `key: value` lines"),
        ("birds\n", "line 1: a project is a section of `key: value` lines"),
        (GOOD.replace("  uri", "\turi"), "line 3: found character '\\t' that cannot start any token: indent with "),
        (GOOD + "owner: [a, b\n", "line 12: "),
        (GOOD + "owner: 'a\n", "line 12: "),
        (GOOD + "---\n" + GOOD, "line 11: "),
        (GOOD.encode() + b"owner: J\xe9r\xf4me\n", "line 11: this is not UTF-8: save the file as UTF-8"),
        (GOOD + "owner: \x07\n", "line 11: the character U+0007 is not allowed in YAML: remove it"),
        (GOOD + "owner: 2026-13-01\n", "it is not the YAML of a project: month must be in 1..12"),
        ("[" * 1000, "it is not the YAML of a project: "),
        ("name: &birds [*birds]\n", "line 1: name: it must be text: put it in quotes"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_of_a_project(tmp_path: Path, text: str | bytes, problem: str) -> None:
    assert problems(tmp_path, text)[0].startswith(problem)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "birds.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ProjectError, match=r"birds\.yaml: it cannot be read: No such file"):
        read_project(tmp_path / "birds.yaml")


def test_one_bad_file_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "owls.yaml").write_text(GOOD.replace("birds", "owls"))
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.yaml").write_text("{a: " * 1000)
    (tmp_path / "birds.yaml").write_text(GOOD)
    (tmp_path / "jays.yml").write_text(GOOD.replace("birds", "jays"))
    (tmp_path / "emus.yaml").mkdir()
    (tmp_path / ".#birds.yaml").symlink_to("somebody@somewhere.1234")  # an editor's lock
    (tmp_path / "notes.txt").write_text("nothing")
    projects, errors = read_projects(tmp_path)
    assert [project.name for project in projects] == ["birds", "owls"]
    assert [error.path.name for error in errors] == ["bad.yaml", "deep.yaml", "emus.yaml", "jays.yml"]
    assert errors[-1].problems == ("a project file ends in .yaml: call it jays.yaml",)


def test_inactive_projects_are_left_out_but_still_checked(tmp_path: Path) -> None:
    (tmp_path / "birds.yaml").write_text(GOOD + "active: false\n")
    (tmp_path / "owls.yaml").write_text("active: false\n")
    projects, errors = read_projects(tmp_path)
    assert projects == ()
    assert [error.path.name for error in errors] == ["owls.yaml"]


def test_a_folder_that_is_not_there_is_an_error_and_not_nothing(tmp_path: Path) -> None:
    projects, errors = read_projects(tmp_path / "projekts")
    assert projects == ()
    assert "there is no such folder" in str(errors[0])


def test_the_bundled_folder_is_right_and_has_no_active_project() -> None:
    assert read_projects(EXAMPLE.parent) == ((), ())
    assert read_project(EXAMPLE).name == "example"


def test_an_error_passes_through_context_managers() -> None:
    @contextmanager
    def around() -> Iterator[None]:
        yield

    with pytest.raises(ProjectError, match=r"birds\.yaml: one; two"), around():  # contextlib sets its traceback
        raise ProjectError(Path("birds.yaml"), ("one", "two"))
