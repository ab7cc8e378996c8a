"""The recorded calls of real sessions, made again to the emulator: status, media type and shape must be as recorded.

Values are compared by the other tests here, which make chosen calls to any server. This one is about the emulator:
each file of recordings is played on a new one, in order, after what it builds on.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.include.emulator.replay.player import Player, content_of, emulator
from tests.include.emulator.replay.replaying import FOLDER, rows

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.slow

FILES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
_MERGES = "The emulator merges no replicas."
_HONEYPOTS = "The emulator has no honeypots."
_REPORTS = "There reports were made before; here there are none yet."
_WEBHOOKS = "The emulator sends no webhooks."
_FORMAT = "The emulator does not write this format."
_ORGANIZATIONS = "The emulator has no organizations."

# What the emulator answers differently, by file and line. A line that has become as recorded has to go.
GRANTED: dict[str, dict[str, tuple[int, ...]]] = {
    "01-login": {"That server broke on its read-only token; elsewhere it is refused with 403, as here.": (11,)},
    "06-export": {_FORMAT: (15, 17, 19, 21, 23)},
    "08-webhooks": {
        "CVAT forgot when the task's assignment was undone; it is not known why.": (18,),
        _WEBHOOKS: (*range(1, 12), 28, 29, 30, 31, 33, 34, 35),
    },
    "09-cloud": {_WEBHOOKS: (1, 2, 3)},
    "10-consensus": {_MERGES: (9, 12, 13, 14, 15)},
    "10-honeypots": {_HONEYPOTS: (4, 5, 6, 7, 8)},
    "12-errors": {"There an image was cut off, and its export failed; here all are whole.": (79,)},
    "14-sdk280": {
        _WEBHOOKS: (37,),
        _REPORTS: (38,),
    },
    "15-misc": {
        "The emulator has no pages to browse.": (21,),
        _ORGANIZATIONS: (26, 27, 28, 30, 32),
        _HONEYPOTS: (39, 40),
    },
    "17-retry-edges": {
        _WEBHOOKS: (34,),
        "CVAT breaks on this filter where it has requests of quality or consensus.": (49,),
    },
}


@dataclass(frozen=True, slots=True)
class Task:
    """A task that is there before a file's first call: its recorded project, or a label `a` of its own; its files."""

    files: tuple[str, ...] = ()
    project: int | None = None
    segment_size: int = 0
    name: str = "made"


@dataclass(frozen=True, slots=True)
class Before:
    """What a file builds on: other files (and what they build on), tasks by their recorded ids, a second person."""

    files: tuple[str, ...] = ()
    tasks: dict[int, Task] = field(default_factory=dict)
    annotator: bool = False


_A = Task(("a.jpg",))
_TASK_3 = ("03-task-upload",)
_MANY = dict.fromkeys(range(1000, 1012), _A) | {
    1007: Task(("a.txt",))
}  # more than a page; the second one begins with a failed one
_IN_THE_PROJECT = Task(project=1)
BEFORE = {
    "03-task-upload": Before(("02-project",), {3: Task(project=1, segment_size=10)}),
    "04-annotations": Before(_TASK_3),
    "04-annotations-errors": Before(("04-annotations",)),
    "05-jobs-users": Before(("04-annotations",)),
    "06-export": Before(_TASK_3),
    "06-export-raw": Before(_TASK_3, annotator=True),
    "07-lambda": Before(_TASK_3, annotator=True),
    "08-webhooks": Before(("05-jobs-users",)),
    "09-cloud": Before(_TASK_3, dict.fromkeys((8, 9, 10), _IN_THE_PROJECT)),
    "09-cloud-manifest": Before(("09-cloud",), dict.fromkeys((16, 17, 20, 21), _IN_THE_PROJECT)),
    "11-backup": Before((*_TASK_3, "14-sdk280"), {50: _A}),
    "11-import-annotations": Before(tasks={50: Task(tuple(f"frame_{i:04d}.jpg" for i in range(3)))}),
    "12-errors": Before(
        _TASK_3,
        dict.fromkeys((34, 35, 39, 41, 43, 44, 49), Task())
        | {36: Task(("a.txt",)), 37: Task(("a.jpg", "b.txt")), 40: _A, 48: _A},
    ),
    "14-sdk280": Before(tasks=_MANY),
    "15-misc": Before(_TASK_3, _MANY | dict.fromkeys((2000, 2001, 2002), Task(("a.jpg",), name="hooked"))),
    "16-sdk-edges": Before(_TASK_3, _MANY | {58: Task(), 61: Task(("a.txt",)), 62: Task(("a.txt",)), 73: _A}),
    "17-retry-edges": Before(
        ("09-cloud-manifest",), dict.fromkeys((79, 80, 82), Task()) | dict.fromkeys((75, 78, 81, 87), _A)
    ),
    "19-find-by-name": Before(("18-issues-comments",)),
    "20-tags-tracks-skeletons": Before(("18-issues-comments",)),
    "21-meta-deleted-frames": Before(("20-tags-tracks-skeletons",)),
    "22-labels-change": Before(("20-tags-tracks-skeletons",)),
}


def _export(name: str, save_images: bool = False) -> tuple[str, Any]:
    query = urlencode({"format": name, "save_images": str(save_images).lower()})
    return f"/api/tasks/3/dataset/export?{query}", {}


def _link(task: int, *files: str) -> tuple[str, Any]:
    return f"/api/tasks/{task}/data", {"image_quality": 70, "cloud_storage_id": 1, "server_files": files}


def _run(**values: Any) -> tuple[str, Any]:
    return "/api/lambda/requests", {"function": "stub-detector", "task": 3, **values}


# Requests whose making the recording left out, by the line that asks for them first.
LEFT_OUT = {
    ("06-export", 12): _export("Ultralytics YOLO Detection 1.0"),
    ("06-export", 14): _export("PASCAL VOC 1.1"),
    ("06-export", 16): _export("Datumaro 1.0"),
    ("06-export", 18): _export("Ultralytics YOLO Pose 1.0"),
    ("06-export", 20): _export("COCO Keypoints 1.0"),
    ("06-export", 22): _export("YOLO 1.1"),
    ("07-lambda", 4): _run(job=6),
    ("08-webhooks", 36): _run(mapping={"person": {"name": "no such label"}}),
    ("09-cloud", 22): _link(8, "batch1/nope.jpg"),
    ("09-cloud", 26): _link(10, "batch1/frame_000*.jpg"),
    ("09-cloud-manifest", 16): _link(16, "batch2/manifest.jsonl", "nope.jpg"),
    ("09-cloud-manifest", 18): _link(17, "broken.jsonl", "nope.jpg"),
    ("12-errors", 84): _export("COCO 1.0", save_images=True),
}


@pytest.fixture(scope="module")
def images(s3: "S3Client") -> None:
    """The bucket of the recordings."""
    s3.create_bucket(Bucket="cvat-bucket")
    lines: list[dict[str, Any]] = [{"version": "1.1"}, {"type": "images"}]
    lines += [{"name": f"frame_{i:04d}", "extension": ".jpg", "width": 64, "height": 48} for i in range(12)]
    manifest = "\n".join(json.dumps(line) for line in lines).encode()
    objects = {f"{folder}/frame_{i:04d}.jpg": content_of("x.jpg") for folder in ("batch1", "batch2") for i in range(12)}
    objects |= {"manifest.jsonl": manifest, "batch2/manifest.jsonl": manifest, "broken.jsonl": b"no manifest\n"}
    for key, content in objects.items():
        s3.put_object(Bucket="cvat-bucket", Key=key, Body=content)


@pytest.fixture
def player(tmp_path: Path, s3_endpoint: str, images: None) -> Iterator[Player]:
    with emulator(tmp_path) as url:
        player = Player(url, s3_endpoint)
        yield player
        player.close()


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """How many calls were made; told at the end."""
    counted: Counter[str] = Counter()
    yield counted
    told = ", ".join(f"{count} {name}" for name, count in counted.items())
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        sys.stdout.write(f"\nreplayed calls: {told}\n")


def prepare(player: Player, file: str) -> None:
    """Makes what a file builds on."""
    before = BEFORE.get(file, Before())
    for earlier in before.files:
        prepare(player, earlier)
        differing(player, earlier)
    for number, task in before.tasks.items():
        player.make(number, task.name, task.project, task.segment_size, task.files)
    if before.annotator:
        player.register(2)
    player.settle()


def differing(player: Player, file: str) -> dict[int, str]:
    """Makes a file's calls; what differs, by line."""
    found = {}
    for row in rows(file):
        if (file, row.number) in LEFT_OUT:
            player.ask(*LEFT_OUT[file, row.number])
        if told := player.play(row):
            found[row.number] = f"{row}: {'; '.join(told)}"
    return found


@pytest.mark.parametrize("file", FILES)
def test_the_emulator_answers_as_recorded(player: Player, tally: Counter[str], file: str) -> None:
    prepare(player, file)
    found = differing(player, file)
    granted = {line for lines in GRANTED.get(file, {}).values() for line in lines}
    tally.update({"in all": len(rows(file)), "as recorded": len(rows(file)) - len(found)})
    tally.update({"granted": len(granted & found.keys())})
    assert [told for line, told in found.items() if line not in granted] == []
    assert granted - found.keys() == set(), "these lines are as recorded: grant them no longer"
