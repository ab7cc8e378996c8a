"""The rules of a project, each by a project that breaks it."""

import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, ValidationError

from include.datasets.contents import ATTRIBUTES
from include.projects.__main__ import SCHEMA, schema
from include.projects.model import Project

PROJECTS = Path(__file__).parents[3] / "include/projects"
LEAST: dict[str, Any] = {
    "name": "birds",
    "images": {"uri": "s3://bucket/incoming/"},
    "labels": [{"name": "bird"}],
    "annotators": [{"model": "rapidocr"}],
    "release": {"remote": "s3://bucket/dvc"},
    "ledger": {"store": "s3://bucket/ledger"},
}


def with_value(path: str, value: object) -> dict[str, Any]:
    """The least project with one thing changed; the path's parts are keys and indices."""
    content = deepcopy(LEAST)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = content
    for part in parents:
        if isinstance(part, str):
            place.setdefault(part, {})
        place = place[part]
    place[last] = value
    return content


def problem(path: str, value: object) -> str:
    """The one sentence that a changed project earns, with its field."""
    with pytest.raises(ValidationError) as caught:
        Project.model_validate(with_value(path, value))
    (error,) = caught.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def attribute(**values: object) -> list[dict[str, object]]:
    return [{"name": "species", **values}]


def test_annotators_of_one_name_split_the_images() -> None:
    versions = [{"model": "rapidocr", "share": 0.25}, {"model": "my:Reader", "name": "rapidocr", "share": 0.75}]
    other = {"model": "rapidocr", "name": "second", "draws": False}
    project = Project.model_validate(with_value("annotators", [*versions, other]))
    assert [annotator.called for annotator in project.annotators] == ["rapidocr", "rapidocr", "second"]


def test_six_facts_make_a_project() -> None:
    project = Project.model_validate(LEAST)
    assert project.active
    assert project.batches.max_wait == timedelta(days=1)
    assert project.routing.accept_above is None  # by default, people see everything


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("name", "Birds", "lower-case letters"),
        ("name", "b" * 64, "lower-case letters"),
        ("name", "birds\n", "lower-case letters"),
        ("owner", "", "at least 1 character"),
        ("images.uri", "s3://bucket/incoming", "slash at its end"),
        ("images.uri", "s3://bucket", "s3://bucket/prefix/"),
        ("images.uri", "https://bucket/incoming/", "s3://bucket/prefix/"),
        ("images.max_failed_share", 1.5, "less than or equal to 1"),
        ("labels", [], "needs a label"),
        ("labels", [{"name": "a"}, {"name": "b"}, {"name": "a"}], "different names; twice: a"),
        ("labels.0.name", " bird", "without blanks"),
        ("labels.0.type", "box", "'rectangle', 'polygon', 'mask', 'points' or 'tag'"),
        *(
            ("labels.0.type", type_, f"{type_} is not offered: choose rectangle, polygon, mask, points, tag")
            for type_ in ("polyline", "ellipse", "cuboid", "skeleton", "any")
        ),
        ("cvat.request_timeout", "PT0S", "greater than 0"),
        ("annotators", [], "needs an annotator"),
        ("annotators.0.model", "", "at least 1 character"),
        ("annotators.0.model", "yolo", "rapidocr, served, vlm; your own is named module:attribute"),
        ("annotators.0.settings", {"token_env": "my_token"}, "or give it the name of an environment variable"),
        ("annotators.0", {"model": "nuclio", "images_a_run": 9}, "images_a_run does not hold for nuclio: remove it"),
        ("annotators.0.name", "two words", "names predictions"),
        ("annotators.0.share", 0, "greater than 0"),
        ("annotators.0.share", 0.5, "those called 'rapidocr' must add up to 1, not 0.5"),
        ("annotators", [{"model": "rapidocr"}, {"model": "rapidocr"}], "add up to 1, not 2; give annotators"),
        ("annotators.0.weights", {"uri": "s3://b/m.onnx", "sha256": "abc"}, "64 lower-case hexadecimal digits"),
        ("annotators.0.weights", {"uri": "s3://b/m.onnx"}, "state the file's sha256 (sha256sum tells it)"),
        ("annotators.0.weights", {"uri": "https://h/m.onnx"}, "state the file's sha256"),
        ("annotators.0.weights", {"uri": "gs://b/m.onnx"}, "known are s3://, https://, models:/ and paths; not gs:"),
        ("annotators", [{"model": "rapidocr", "share": 0.5}] * 2, "two of those called 'rapidocr' are the same"),
        ("routing.by_label", {"brid": {"accept_above": 0.9}}, "none of the labels: brid"),
        ("routing.always_review", {"labels": ["brid"]}, "none of the labels: brid"),
        ("routing.order", "disagreement", "order: disagreement needs two annotators of different names"),
        (
            "routing.review_a_day",
            40,
            "review_a_day (40) must be at least batches.size (48): a day would never have room",
        ),
        ("routing.accept_a_day", 11, "accept_a_day (11) must be at least batches.job_size (12)"),
        ("batches.size", 0, "greater than or equal to 1"),
        ("batches.size", 50, "multiple of job_size"),
        ("batches.max_wait", "a day", "duration"),
        ("routing.accept_above", 1.01, "less than or equal to 1"),
        ("routing", {"accept_above": 0.9, "audit_share": 0}, "audit_share must be above 0"),
        ("done.stage", "finished", "'annotation', 'validation' or 'acceptance'"),
        ("evaluation.iou", 1.0, "less than 1"),
        ("release.remote", "s3://bucket/dvc/", "without a slash at its end"),
        ("release.remote", "/data/dvc", "s3://bucket/folder"),
        ("release.splits", {}, "must add up to 1, not 0"),
        ("release.splits", {"train": 0.8, "val": 0.1}, "must add up to 1, not 0.9"),
        ("release.formats", ["yolo"], "must have coco"),
        ("release.formats", ["coco", "coco"], "each format once"),
        ("release.formats", ["coco", "tfrecord"], "'coco', 'yolo' or 'voc'"),
        ("labels.0.renamed_from", "bird", "labels, with their former names, must have different names; twice: bird"),
        ("labels", [{"name": "a", "renamed_from": ["b", "c"]}, {"name": "b"}], "twice: b"),
        ("labels", [{"name": "a", "renamed_from": "c"}, {"name": "b", "renamed_from": "c"}], "twice: c"),
        ("labels.0.renamed_from", " b", "without blanks at its ends"),
        ("release.gate.min_images", 0, "greater than or equal to 1"),
        ("release.tag", "v1", "Extra inputs"),
    ],
)
def test_a_broken_rule_is_told(path: str, value: object, sentence: str) -> None:
    told = problem(path, value)
    assert told.startswith(path.split(".")[0])
    assert sentence in told


@pytest.mark.parametrize(("review", "accept"), [(48, 12), (0, 0), (None, None)])
def test_a_days_caps_have_room_for_a_batch_and_a_job_or_are_none(review: int | None, accept: int | None) -> None:
    routing = Project.model_validate(with_value("routing", {"review_a_day": review, "accept_a_day": accept})).routing
    assert (routing.review_a_day, routing.accept_a_day) == (review, accept)


@pytest.mark.parametrize("type_", ["rectangle", "polygon", "mask", "points", "tag"])
def test_a_label_is_of_one_of_five_types(type_: str) -> None:
    assert Project.model_validate(with_value("labels.0.type", type_)).labels[0].type == type_


@pytest.mark.parametrize(
    ("type_", "formats", "sentence"),
    [
        (
            "polygon",
            ["coco", "voc"],
            "has voc, which holds rectangle alone, and the label 'bird' is of the type polygon",
        ),
        ("mask", ["voc", "coco"], "leave voc out"),
        ("points", ["coco", "yolo"], "has yolo, which holds mask, polygon, rectangle alone, and the label 'bird'"),
        ("tag", ["coco", "yolo"], "is of the type tag: leave yolo out"),
    ],
)
def test_a_format_that_cannot_hold_a_label_is_told_when_the_file_is_read(
    type_: str, formats: list[str], sentence: str
) -> None:
    content = with_value("labels.0.type", type_)
    content["release"]["formats"] = formats
    with pytest.raises(ValidationError, match=sentence):
        Project.model_validate(content)


def test_a_label_has_one_former_name_or_several() -> None:
    project = Project.model_validate(with_value("labels.0.renamed_from", "fowl"))
    assert project.labels[0].renamed_from == ("fowl",)
    project = Project.model_validate(with_value("labels.0.renamed_from", ["animal", "fowl"]))
    assert project.labels[0].all_names == ("bird", "animal", "fowl")


@pytest.mark.parametrize("split", ["a/b", "a b", "../train", "träin", "", "a.json"])
def test_a_split_must_be_able_to_name_a_file(split: str) -> None:
    assert "letters, digits, _ and - only" in problem("release.splits", {split: 1.0})


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_names_that_a_release_needs_are_taken(name: str) -> None:
    told = problem("labels.0.attributes", [{"name": name}])
    assert told.startswith("labels.0.attributes.0.name: ")
    assert f"an attribute {name!r} already" in told


def test_two_attributes_of_a_label_cannot_share_a_name() -> None:
    assert "twice: age" in problem("labels.0.attributes", [{"name": "age"}, {"name": "age"}])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"input_type": "select"}, "select needs values"),
        ({"input_type": "radio", "values": ["owl", "owl"], "default_value": "owl"}, "each of them once"),
        ({"input_type": "select", "values": ["owl", "jay"], "default_value": "emu"}, "one of values: owl, jay"),
        ({"input_type": "radio", "values": ["owl", "jay"]}, "one of values: owl, jay"),
        ({"input_type": "text", "values": ["owl"]}, "not for text"),
        ({"input_type": "checkbox"}, "'true' or 'false'"),
        ({"input_type": "checkbox", "values": ["true"], "default_value": "true"}, "not for checkbox"),
        ({"input_type": "number", "default_value": 1}, "[minimum, maximum, step]"),
        ({"input_type": "number", "values": [0, 9, 1], "default_value": 10}, "[minimum, maximum, step]"),
        ({"input_type": "number", "values": [0, 9, 0], "default_value": 1}, "[minimum, maximum, step]"),
        ({"input_type": "number", "values": [0, "x", 1], "default_value": 1}, "[minimum, maximum, step]"),
    ],
)
def test_an_attribute_must_fit_how_it_is_entered(values: dict[str, object], sentence: str) -> None:
    assert sentence in problem("labels.0.attributes", attribute(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"input_type": "select", "values": ["owl", "jay"], "default_value": "jay"},
        {"input_type": "radio", "values": [2024, 2025], "default_value": 2024},
        {"input_type": "checkbox", "default_value": "false"},
        {"input_type": "number", "values": [0, 9, 0.5], "default_value": 9},
        {},
    ],
)
def test_attributes_that_fit(values: dict[str, object]) -> None:
    Project.model_validate(with_value("labels.0.attributes", attribute(**values)))


@pytest.mark.parametrize("schedule", ["every day", "99 * * * *", "@sometimes", "* * * *", "0 0 0 * * *", ""])
def test_a_schedule_that_airflow_would_stumble_on_is_refused(schedule: str) -> None:
    assert "a cron expression of five fields" in problem("schedules.ingest", schedule)


@pytest.mark.parametrize("schedule", ["@daily", "30 6 * * 1-5", "*/5 * * * *", None])
def test_schedules(schedule: str | None) -> None:
    assert Project.model_validate(with_value("schedules.ingest", schedule)).schedules.ingest == schedule


@pytest.mark.parametrize(("path", "name"), [("release.remote", "remote"), ("ledger.store", "store")])
def test_our_own_files_are_kept_from_where_images_land(path: str, name: str) -> None:
    assert f"{name} must not be under images.uri" in problem(path, "s3://bucket/incoming/ours")
    assert f"{name} must not be under images.uri" in problem(path, "s3://bucket/incoming")
    Project.model_validate(with_value(path, "s3://bucket/incoming-too"))


def test_a_whole_bucket_can_be_where_images_land_if_nothing_else_is_in_it() -> None:
    content = with_value("images.uri", "s3://images/")
    assert Project.model_validate(content).images.uri == "s3://images/"
    content["ledger"]["store"] = "s3://images/ledger"
    with pytest.raises(ValidationError, match=r"store must not be under images\.uri"):
        Project.model_validate(content)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("annotators.0.settings", {"password": "hunter2"}),
        ("annotators.0.settings", {"server": [{"API-Key": "hunter2"}]}),
        ("annotators.0.settings", {"hf_token": "hunter2"}),
        ("annotators.0.settings", {"server": {"labels": {"token": "hunter2"}}}),
        ("annotators.0.settings", {"labels": {"sign": {"token": "hunter2"}}}),
        ("annotators.0.settings", {"token_env": "hunter2"}),
        ("annotators.0.settings", {"token_header": "Bearer hunter2"}),
        ("images.uri", "s3://key:hunter2@bucket/incoming/"),
        ("release.remote", "s3://key:hunter2@bucket/dvc"),
        ("ledger.store", "s3://key:hunter2@bucket/ledger"),
        ("cvat.password", "hunter2"),
        *(
            (f"{section}.connection", "postgresql://user:hunter2@host/ledger")
            for section in ("images", "cvat", "release", "ledger", "mlflow")
        ),
        ("cvat.storage_connection", "aws://key:hunter2@"),
    ],
)
def test_a_secret_has_no_place_in_a_project_and_is_not_repeated(path: str, value: object) -> None:
    assert "hunter2" not in problem(path, value)


def test_settings_that_only_sound_like_secrets_are_fine() -> None:
    settings = {"max_tokens": 5, "keyboard": "de", "token_env": "SEER_TOKEN", "token_header": "X-Api-Key"}
    assert Project.model_validate(with_value("annotators.0.settings", settings)).annotators[0].settings == settings


@pytest.mark.parametrize("setting", ["labels", "mapping"])
def test_a_class_may_be_called_like_a_secret(setting: str) -> None:
    settings = {setting: {"token": "a round piece of metal", "secret": "secret", "credential": "paper"}}
    assert Project.model_validate(with_value("annotators.0.settings", settings)).annotators[0].settings == settings


def sections(model: type[BaseModel]) -> set[type[BaseModel]]:
    inner = [part for field in model.model_fields.values() for part in (field.annotation, *args(field.annotation))]
    found = {part for part in inner if isinstance(part, type) and issubclass(part, BaseModel)}
    return {model}.union(*map(sections, found))


def args(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", ())


def test_every_field_is_described() -> None:
    assert len(sections(Project)) == 24
    bare = [
        f"{section.__name__}.{name}"
        for section in sections(Project)
        for name, field in section.model_fields.items()
        if not field.description
    ]
    assert bare == []


def test_the_schema_file_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(), "run python -m include.projects"


def check_by_schema(content: object) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(content)


@pytest.mark.parametrize("path", [PROJECTS / "example.yaml", PROJECTS.parent / "local/projects/street_signs.yaml"])
def test_editors_find_nothing_wrong_with_our_own_projects(path: Path) -> None:
    check_by_schema(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("path", "value"),
    [("name", "Birds"), ("images.uri", "s3://bucket/incoming"), ("release.splits", {"a b": 1}), ("release.tag", "v1")],
)
def test_editors_find_what_the_model_finds(path: str, value: object) -> None:
    check_by_schema(LEAST)
    with pytest.raises(jsonschema.ValidationError):
        check_by_schema(with_value(path, value))


def test_the_example_shows_every_key_with_its_default() -> None:
    content = yaml.safe_load((PROJECTS / "example.yaml").read_text(encoding="utf-8"))
    project = Project.model_validate(content)
    shown, least = project.model_dump(), Project.model_validate(LEAST | {"name": "example"}).model_dump()
    assert project.model_dump(exclude_unset=True) == shown  # nothing is left out
    for chosen in ("active", "labels"):
        del shown[chosen], least[chosen]
    assert shown == least
    assert not project.active


def test_blind_jobs_are_asked_for_by_share_and_size() -> None:
    wanted = {"ground_truth": {"batches": 0.1, "images": 4}, "replicas": {"batches": 1, "copies": 2, "seed": "7"}}
    evaluation = Project.model_validate(with_value("evaluation", wanted)).evaluation
    assert evaluation.ground_truth is not None
    assert evaluation.replicas is not None
    assert (evaluation.ground_truth.seed, evaluation.replicas.seed) == ("0", "7")
    least = Project.model_validate(LEAST).evaluation
    assert (least.ground_truth, least.replicas) == (None, None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("evaluation.ground_truth", {"batches": 0, "images": 4}),
        ("evaluation.ground_truth", {"batches": 0.5, "images": 0}),
        ("evaluation.replicas", {"batches": 0.5, "copies": 1}),
        ("evaluation.replicas", {"batches": 0.5, "copies": 12}),
    ],
)
def test_blind_jobs_that_cannot_be_made_are_told(path: str, value: dict[str, float]) -> None:
    assert problem(path, value).startswith(path)
