"""An annotator at a running CVAT emulator, over HTTP: a job of three photographs, with known faults, is reviewed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cvat_sdk import Client, models
from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction
from cvat_sdk.core.proxies.jobs import Job
from cvat_sdk.core.proxies.tasks import ResourceType
from PIL import Image

from include.local.cvat import Cvat, serve_cvat
from include.local.people import Account, Reviewed, register, review_jobs
from include.local.signs import TrueObject
from include.local.state import State

ANNA = Account("annotator-one", "a-long-password")
SEED = 3  # a seed with which the person makes no slip on these three frames

# What is true, by file name, and what the model drew: label, text, box, score.
EXIT = TrueObject("word", "EXIT", (20, 20, 120, 60))
FIFTY = TrueObject("number", "50", (200, 20, 260, 60))
TRUTH = {"one.jpg": (EXIT, FIFTY), "two.jpg": (FIFTY,), "three.jpg": ()}
FRAMES = ["one.jpg", "two.jpg", "000002_three.jpg"]  # the last as a copy is named
DRAWN = [
    (0, "word", "EXIT", [20.0, 20.0, 121.0, 60.0], 0.99),  # right
    (0, "word", "SO", [201.0, 20.0, 260.0, 60.0], 0.61),  # a number, taken for a word
    (1, "number", "58", [200.0, 20.0, 260.0, 60.0], 0.93),  # misread
    (1, "word", "O", [400.0, 200.0, 440.0, 240.0], 0.52),  # nothing there
]


@pytest.fixture(scope="module")
def cvat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cvat]:
    with serve_cvat(State(tmp_path_factory.mktemp("state"))) as running:
        yield running


@pytest.fixture(scope="module")
def admin(cvat: Cvat) -> Iterator[Client]:
    with Client(cvat.url, check_server_version=False) as client:
        client.login((cvat.username, cvat.password))
        yield client


@pytest.fixture
def job(admin: Client, cvat: Cvat, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job of three frames, pre-annotated by a model and assigned to the annotator."""
    files = tmp_path_factory.mktemp("frames")
    for number, name in enumerate(FRAMES):
        Image.new("RGB", (480, 360), (number, 0, 0)).save(files / name)
    label = {
        "type": "rectangle",
        "attributes": [{"name": "text", "mutable": False, "input_type": "text", "values": []}],
    }
    labels = [{"name": name, **label} for name in ("word", "number")]
    task = admin.tasks.create_from_data(
        spec=models.TaskWriteRequest(name="signs", labels=labels),
        resource_type=ResourceType.LOCAL,
        resources=[files / name for name in FRAMES],
        data_params={"image_quality": 70, "sorting_method": "predefined"},
        status_check_period=0.1,
    )
    (made,) = task.get_jobs()
    made.update_annotations(_predictions(made), action=AnnotationUpdateAction.CREATE)
    made.update({"assignee": register(cvat.url, ANNA)})
    return made


def _predictions(job: Job) -> models.PatchedLabeledDataRequest:
    labels = {label.name: label for label in job.get_labels()}
    shapes = [
        models.LabeledShapeRequest(
            type="rectangle",
            frame=frame,
            label_id=labels[name].id,
            points=points,
            source="auto",
            score=score,
            attributes=[{"spec_id": labels[name].attributes[0].id, "value": text}],
        )
        for frame, name, text, points, score in DRAWN
    ]
    return models.PatchedLabeledDataRequest(shapes=shapes, tags=[], tracks=[])


def _rows(job: Job) -> list[tuple[int, str, str, list[float], str, float]]:
    """The job's rectangles as (frame, label, text, points, source, score)."""
    labels = {label.id: label.name for label in job.get_labels()}
    return [
        (s.frame, labels[s.label_id], s.attributes[0].value, list(s.points), s.source, s.score)
        for s in sorted(job.get_annotations().shapes, key=lambda s: (s.frame, s.points))
    ]


def test_a_person_corrects_and_completes_the_job(cvat: Cvat, job: Job) -> None:
    assert review_jobs(cvat.url, ANNA, TRUTH, SEED) == Reviewed(
        jobs=1, kept=1, edited=1, relabelled=1, deleted=1, added=0
    )
    assert _rows(job) == [
        (0, "word", "EXIT", [20.0, 20.0, 121.0, 60.0], "auto", 0.99),
        (0, "number", "50", [201.0, 20.0, 260.0, 60.0], "semi-auto", 0.61),
        (1, "number", "50", [200.0, 20.0, 260.0, 60.0], "auto", 0.93),  # an attribute's edit leaves the source
    ]
    job.fetch()
    assert (job.stage, job.state) == ("annotation", "completed")


def test_a_missing_object_is_drawn_by_hand_and_a_bad_box_becomes_semi_auto(cvat: Cvat, job: Job) -> None:
    truth = {**TRUTH, "two.jpg": (replace(FIFTY, box=(200, 20, 300, 60)),), "three.jpg": (EXIT,)}
    review_jobs(cvat.url, ANNA, truth, SEED)
    assert _rows(job)[2:] == [
        (1, "number", "50", [200.0, 20.0, 300.0, 60.0], "semi-auto", 0.93),
        (2, "word", "EXIT", [20.0, 20.0, 120.0, 60.0], "manual", 1.0),
    ]


def test_the_ids_of_kept_and_corrected_shapes_stay(cvat: Cvat, job: Job) -> None:
    before = {shape.id for shape in job.get_annotations().shapes}
    review_jobs(cvat.url, ANNA, TRUTH, SEED)
    assert {shape.id for shape in job.get_annotations().shapes} < before


def test_completed_jobs_and_those_of_others_are_left_alone(cvat: Cvat, job: Job) -> None:
    job.update({"state": "completed"})
    assert review_jobs(cvat.url, ANNA, TRUTH, SEED).jobs == 0
    job.update({"state": "new", "assignee": register(cvat.url, Account("annotator-two", "another-password"))})
    assert review_jobs(cvat.url, ANNA, TRUTH, SEED).jobs == 0
    assert len(_rows(job)) == len(DRAWN)


def test_a_frame_without_known_truth_is_an_error_and_nothing_is_saved(cvat: Cvat, job: Job) -> None:
    with pytest.raises(KeyError, match=r"three\.jpg"):
        review_jobs(cvat.url, ANNA, {name: TRUTH[name] for name in ("one.jpg", "two.jpg")}, SEED)
    assert [row[4] for row in _rows(job)] == ["auto"] * len(DRAWN)


def test_registering_twice_gives_the_same_user(cvat: Cvat) -> None:
    assert register(cvat.url, ANNA) == register(cvat.url, ANNA)


def test_a_taken_name_is_refused_in_cvats_words_and_an_unknown_one_may_not_review(cvat: Cvat) -> None:
    register(cvat.url, ANNA)
    with pytest.raises(PermissionError, match="already exists"):
        register(cvat.url, replace(ANNA, password="not-the-password"))
    with pytest.raises(PermissionError, match="register the account first"):
        review_jobs(cvat.url, Account("nobody-at-all", "some-password"), TRUTH, SEED)


def test_in_a_ground_truth_everything_is_drawn_on_its_own_frames(admin: Client, cvat: Cvat, job: Job) -> None:
    for mine in admin.jobs.list():  # those of the other tests too
        mine.update({"state": "completed"})
    request = models.JobWriteRequest(
        type="ground_truth", task_id=job.task_id, frame_selection_method="manual", frames=[2], assignee=job.assignee.id
    )
    made, _ = admin.api_client.jobs_api.create(request)
    reviewed = review_jobs(cvat.url, ANNA, {"three.jpg": (EXIT,)}, SEED)
    assert reviewed == Reviewed(0, 0, 0, 0, 0, 0, ground_truths=1, drawn=1)
    drawn, _ = admin.api_client.jobs_api.retrieve_annotations(made.id)
    assert [(shape.frame, str(shape.source)) for shape in drawn.shapes] == [(2, "manual")]
