"""Polygons, masks, points and tags, from the model to the release: each once, and nothing that people did is undone."""

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from include.clients.cvat import UnknownOutcomeError
from include.clients.ledger.batches import Applied, Job
from include.clients.tables import revision_from
from include.evaluation.evaluation import from_json
from include.evaluation.outcomes import OutcomeCounts
from include.lifecycle.batches import Stage
from include.lifecycle.reviews import Annotation
from include.projects.annotators import Annotator
from include.steps.collect import collect_revisions
from include.steps.evaluate import evaluate_annotators
from include.steps.predict import read_predictions
from include.steps.refresh import Refresher
from include.steps.release import build_release, pin_release
from tests.include.annotators import networks
from tests.include.annotators.asked import BLUE, RED, picture
from tests.include.annotators.chatting import chatting
from tests.include.steps.scenes import LABELS, MASK
from tests.include.steps.world import Killed, World, dying_before_write, killed

SCENES = "tests.include.steps.scenes:Scenes"
ANNOTATIONS = "/api/jobs/"


def scenes(version: int, **settings: object) -> dict[str, object]:
    return {"model": SCENES, "name": "scenes", "settings": {"version": str(version), **settings}}


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """Two jobs of two pictures each will come of what landed."""
    made = new_world(labels=LABELS, annotators=[scenes(1)])
    made.land(4)
    return made


def objects(world: World, job: Job) -> list[dict[str, Any]]:
    """Shapes and tags; a tag's type is `tag`, and its id is its negative."""
    tags = [{**tag, "type": "tag", "points": [], "id": -tag["id"]} for tag in world.tags(job)]
    return [*world.drawn(job), *tags]


def captions(world: World, job: Job) -> list[str]:
    return sorted(attribute["value"] for tag in world.tags(job) for attribute in tag["attributes"])


def is_once(world: World, job: Job, applied: Applied = Applied.APPLIED) -> bool:
    """Whether a job of two pictures has what the model sees in them, once, by the ids that the ledger has."""
    there = objects(world, job)
    recorded = world.ledger.refreshes.applied(job.batch_id, job.index)
    seen = Counter((one["frame"], one["type"]) for one in there)
    kinds = ("polygon", "mask", "points", "tag")
    return (
        seen == {(frame, kind): 1 for frame in range(job.start, job.stop) for kind in kinds}
        and sorted(recorded.values()) == sorted(one["id"] for one in there)
        and world.jobs()[job.index].applied is applied
    )


def test_what_the_model_sees_arrives_whole(world: World) -> None:
    world.carry()
    (first, second) = world.jobs()
    assert is_once(world, first)
    assert is_once(world, second)
    by_type = {one["type"]: one for one in objects(world, second) if one["frame"] == 2}
    assert by_type["polygon"]["points"] == [1.0, 1.0, 20.0, 1.0, 20.0, 18.25]
    assert (by_type["mask"]["points"], by_type["mask"]["score"]) == (list(MASK), 0.75)
    assert by_type["points"]["points"] == [5.0, 5.5, 40.0, 40.0]
    assert by_type["tag"]["source"] == "auto"
    assert captions(world, second) == ["picture 2, version 1", "picture 3, version 1"]
    types = {
        row["name"]: row["type"] for row in world.server.rows("/api/labels", project_id=world.tasks()[0]["project_id"])
    }
    assert types == {"outline": "polygon", "region": "mask", "joints": "points", "scene": "tag"}


# What is lost or killed


@pytest.mark.parametrize("fault", [{"status": 504}, {"drop": True}], ids=["504", "drop"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_one_set(world: World, fault: dict[str, object], when: str) -> None:
    world.carry(Stage.CHECKED)
    world.server.fault("PATCH", ANNOTATIONS, when=when, **fault)
    with pytest.raises(UnknownOutcomeError):
        world.annotate()
    assert world.annotate() == 1
    assert all(is_once(world, job) for job in world.jobs())


def test_a_kill_after_the_write_and_its_repetition_leave_one_set(world: World) -> None:
    world.carry(Stage.CHECKED)
    with killed(world.ledger, "INSERT INTO applied_shapes"):
        world.annotate()
    (first, _) = world.jobs()
    again, tags = (
        [{key: value for key, value in one.items() if key != "id"} for one in there]
        for there in (world.drawn(first), world.tags(first))
    )
    world.change_shapes(first, "create", again, tags=tags)
    world.annotate()
    assert all(is_once(world, job) for job in world.jobs())


def test_a_tag_that_a_person_wrote_anew_after_a_loss_is_asked_about(world: World) -> None:
    world.carry(Stage.CHECKED)
    world.server.fault("PATCH", ANNOTATIONS, status=504, when="after")
    with pytest.raises(UnknownOutcomeError):
        world.annotate()
    (first, _) = world.jobs()
    write_anew(world, first, "by hand")
    assert world.annotate() == 1
    assert [job.applied for job in world.jobs()] == [Applied.ATTENTION, Applied.APPLIED]
    assert captions(world, first) == ["by hand", "picture 1, version 1"]


def write_anew(world: World, job: Job, caption: str) -> None:
    """A person changes the caption of a job's first tag."""
    tag = world.tags(job)[0]
    anew = {**tag, "source": "semi-auto", "attributes": [{**tag["attributes"][0], "value": caption}]}
    world.change_shapes(job, "update", tags=[anew])


# Newer versions


def release(world: World, version: int, **settings: object) -> None:
    """From now on the project has this version."""
    annotator = Annotator.model_validate(scenes(version, **settings))
    world.project = world.project.model_copy(update={"annotators": (annotator,)})


def refresh(world: World) -> int:
    refresher = Refresher(world.project, world.annotators, world.cvat, world.bucket, world.store, world.ledger)
    return refresher.refresh(world.ids(), wanted=True)


def test_a_newer_version_takes_the_place_of_what_nobody_touched(world: World) -> None:
    world.carry()
    world.server.advance(60)
    (first, second) = world.jobs()
    write_anew(world, first, "by hand")
    world.change_shapes(second, "delete", tags=world.tags(second)[:1])
    before = {one["id"] for job in (first, second) for one in objects(world, job)}
    release(world, 2, shift=1)
    assert refresh(world) == 2
    assert captions(world, first) == ["by hand", "picture 1, version 2"]
    assert captions(world, second) == ["picture 3, version 2"]  # what was deleted stays deleted
    kept = {one["id"] for job in (first, second) for one in objects(world, job)} & before
    assert len(kept) == 1  # the caption by hand: masks, outlines and joints have moved
    assert {shape["points"][0] for shape in world.drawn(first) if shape["type"] == "points"} == {6.0}
    assert refresh(world) == 0


def test_what_the_newer_version_says_alike_stays(world: World) -> None:
    world.carry()
    world.server.advance(60)
    before = {one["id"]: one["type"] for job in world.jobs() for one in objects(world, job)}
    release(world, 2)
    assert refresh(world) == 2
    after = {one["id"]: one["type"] for job in world.jobs() for one in objects(world, job)}
    assert {type_ for id_, type_ in before.items() if id_ not in after} == {"tag"}  # whose words are other ones
    assert len(after) == len(before)


@pytest.mark.slow
def test_killed_before_any_write_to_the_ledger_and_run_again_leaves_one_set(new_world: Callable[..., World]) -> None:
    world = new_world(labels=LABELS, annotators=[scenes(1)])
    world.land(2)
    world.carry()
    world.server.advance(60)
    (job,) = world.jobs()
    for nth in count(1):
        release(world, nth + 1, shift=float(nth % 2))
        try:
            with dying_before_write(world.ledger, nth):
                refresh(world)
            break
        except Killed:
            refresh(world)
        assert is_once(world, job), nth
        assert captions(world, job) == [f"picture {n}, version {nth + 1}" for n in (0, 1)]
    assert nth > 6


# People, and what is released


def drawn_by_hand(world: World, job: Job) -> dict[str, Any]:
    """A mask of all of the pixels (30, 30) to (33, 31)."""
    region = next(shape for shape in world.drawn(job) if shape["type"] == "mask")
    shape = {**region, "points": [0, 8, 30, 30, 33, 31], "source": "manual", "frame": 1}
    return {key: value for key, value in shape.items() if key not in ("id", "score")}


def collected(world: World) -> list[Annotation]:
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    records = world.ledger.reviews.current(world.project.name)
    return [one for record in records for one in revision_from(world.store.read(record.uri)).annotations]


@pytest.mark.parametrize("points", [[8, 30, 30, 33, 31], [0, 7, 30, 30, 33, 31]], ids=["empty", "too short"])
def test_a_mask_that_is_none_costs_its_job_alone(world: World, points: list[float]) -> None:
    """CVAT takes both without a word."""
    world.carry()
    (first, _) = world.jobs()
    world.change_shapes(first, "create", [{**drawn_by_hand(world, first), "points": points}])
    assert len({one.image_id for one in collected(world)}) == 2
    assert "is a mask without a pixel, or its run lengths do not fill its box: delete it" in (
        world.jobs()[0].note or ""
    )


def built(world: World, folder: Path) -> COCO:
    """All splits' images and objects of the version that is made now."""
    tag = pin_release(world.project, world.store, world.ledger, datetime.now(UTC))
    assert tag
    build_release(world.project, tag, folder, world.store, world.ledger)
    (path,) = (folder / "annotations").glob("*.json")
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


ALL = {"splits": {"train": 1.0}}


def test_what_people_made_of_it_is_released(new_world: Callable[..., World], bucket: str, tmp_path: Path) -> None:
    release = {"remote": f"s3://{bucket}/dvc", **ALL}
    world = new_world(labels=LABELS, annotators=[scenes(1)], release=release)
    world.land(2)
    world.carry()
    (job,) = world.jobs()
    outline = next(s for s in world.drawn(job) if s["type"] == "polygon" and s["frame"] == 0)
    world.change_shapes(job, "update", [{**outline, "points": [1, 1, 11, 1, 11, 11, 1, 11], "source": "semi-auto"}])
    world.change_shapes(job, "create", [drawn_by_hand(world, job)])
    write_anew(world, job, "A road.")
    world.change_shapes(job, "delete", tags=world.tags(job)[1:])
    ids = {one["id"] for one in objects(world, job)}
    found = collected(world)
    assert {one.shape_id for one in found} == ids
    assert Counter((one.shape.type.value, one.source) for one in found) == {
        ("polygon", "auto"): 1, ("polygon", "semi-auto"): 1, ("mask", "auto"): 2, ("mask", "manual"): 1,
        ("points", "auto"): 2, ("tag", "semi-auto"): 1,
    }  # fmt: skip
    coco = built(world, tmp_path / "v")
    assert [image.get("tags") for image in coco.imgs.values()] == [
        [{"category_id": 4, "attributes": {"caption": "A road."}, "accepted": "person"}],
        None,
    ]
    regions = [a for a in coco.anns.values() if a["category_id"] == 2]
    assert [coco_mask.area(coco.annToRLE(a)) for a in regions] == [a["area"] for a in regions] == [2, 2, 8]
    assert [a["bbox"] for a in regions] == [[11, 20, 2, 1], [11, 20, 2, 1], [30, 30, 4, 2]]
    outlines = [(a["bbox"], a["area"]) for a in coco.anns.values() if a["category_id"] == 1]
    assert outlines == [([1, 1, 10, 10], 100), ([1, 1, 19, 17.25], 163.875)]
    joints = [a["keypoints"] for a in coco.anns.values() if a["category_id"] == 3]
    assert joints == [[5, 5.5, 2, 40, 40, 2]] * 2


def test_what_people_made_of_it_is_measured(world: World) -> None:
    """One caption is written anew and one tag deleted; all else is left."""
    world.carry()
    (first, second) = world.jobs()
    write_anew(world, first, "A road.")
    world.change_shapes(second, "delete", tags=world.tags(second)[:1])
    collected(world)
    (id_,) = evaluate_annotators(world.project, world.store, world.ledger, datetime.now(UTC))
    record = world.ledger.reviews.evaluation(id_)
    assert record
    outcomes = from_json(world.store.read_text(record.uri)).outcomes
    assert outcomes
    assert outcomes.total == OutcomeCounts(kept=14, edited=1, deleted=1)
    assert outcomes.by_class["scene"] == OutcomeCounts(kept=2, edited=1, deleted=1)


# The bundled models


def png(*squares: Any) -> bytes:
    target = io.BytesIO()
    picture((32, 32), *squares).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(("drawn", "type_"), [("polygons", "polygon"), ("masks", "mask")])
def test_a_real_segmenter_goes_through(
    new_world: Callable[..., World], bucket: str, tmp_path: Path, drawn: str, type_: str
) -> None:
    """The network sees a red and a blue square of 8 x 12 and 16 x 8 pixels."""
    names = {"names": "['nothing', 'red', 'green', 'blue']"}
    path = networks.save(tmp_path / "model.onnx", networks.segments, metadata=names)
    settings = {"weights": str(path), "background": "nothing", "min_area": 4, "drawn": drawn}
    world = new_world(
        labels=[{"name": name, "type": type_} for name in ("red", "green", "blue")],
        annotators=[{"model": "onnx_segmenter", "settings": settings}],
        release={"remote": f"s3://{bucket}/dvc", **ALL, "formats": ["coco", "yolo"]},
    )
    world.put("in/0.png", png((RED, (4, 8, 12, 20)), (BLUE, (16, 0, 32, 8))))
    world.put("in/1.png", png())
    world.carry()
    assert {shape["type"] for job in world.jobs() for shape in world.drawn(job)} == {type_}
    assert len(collected(world)) == 2
    coco = built(world, tmp_path / "v")
    found = {coco.cats[a["category_id"]]["name"]: (a["bbox"], a["area"]) for a in coco.anns.values()}
    assert found == {"red": ([4, 8, 8, 12], 96), "blue": ([16, 0, 16, 8], 128)}
    red = np.zeros((32, 32), np.uint8)
    red[8:20, 4:12] = 1
    assert coco.annToRLE(next(a for a in coco.anns.values() if a["category_id"] == 1)) == coco_mask.encode(
        np.asfortranarray(red)
    )


def test_captions_go_through(new_world: Callable[..., World], bucket: str, tmp_path: Path) -> None:
    with chatting(lambda seen: json.dumps({"caption": f"A picture,\n {seen.width} wide."})) as endpoint:
        settings = {"url": endpoint.url, "model": "seer", "task": "caption", "labels": ["scene"], "timeout_seconds": 5}
        world = new_world(
            labels=LABELS[3:],
            annotators=[{"model": "vlm", "settings": settings}],
            release={"remote": f"s3://{bucket}/dvc", **ALL},
        )
        world.land(2)
        world.carry()
        (job,) = world.jobs()
        assert captions(world, job) == ["A picture, 64 wide."] * 2
        write_anew(world, job, "A gray wall.")
        found = collected(world)
    assert sorted(dict(one.shape.attributes)["caption"] for one in found) == ["A gray wall.", "A picture, 64 wide."]
    images = [image["tags"] for image in built(world, tmp_path / "v").imgs.values()]
    assert [tag["attributes"]["caption"] for (tag,) in images] == ["A gray wall.", "A picture, 64 wide."]


def test_predictions_are_kept_as_the_model_gave_them(world: World) -> None:
    """Tags with the score that CVAT does not keep, points as they were."""
    world.plan()
    (image, *_) = world.ledger.images.of_batch(world.batch().id)
    (kept,) = read_predictions(world.project, "scenes@1", [image.id], world.store, world.ledger).values()
    assert {(one.shape.label, one.score): one.shape.points for one in kept.objects} == {
        ("joints", 0.25): (5.0, 5.5, 40.0, 40.0),
        ("outline", 0.5): (1.0, 1.0, 20.0, 1.0, 20.0, 18.25),
        ("region", 0.75): MASK,
        ("scene", 0.875): (),
    }
