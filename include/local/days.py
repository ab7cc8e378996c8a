"""The days of the demo: what lands on each, and the person who reviews it."""

import json
from dataclasses import asdict
from pathlib import Path

from include.local.people import Reviewed, review_jobs
from include.local.photographs import BrokenFile, Photograph, day, load_truth, save_truth
from include.local.stack import Stack

SEED = 7


def last_day(folder: Path) -> int:
    """The number of the last day that landed; 0 before the first."""
    path = folder / "day"
    return int(path.read_text()) if path.exists() else 0


def land(stack: Stack, number: int) -> int:
    """Put a day's files into the bucket, and say how many. The truth of its photographs joins that of the days before;
    it is written first, so that nothing is in the bucket that the reviewer does not know."""
    landed = day(number, SEED)
    path = stack.folder / "truth.json"
    before = load_truth(path) if path.exists() else {}
    save_truth(path, before | {photograph.name: photograph.objects for photograph in landed.photographs})
    files: list[Photograph | BrokenFile] = [*landed.photographs, *landed.broken]
    stack.put("street-signs", {f"incoming/{file.name}": file.content for file in files})
    (stack.folder / "day").write_text(f"{number}\n")
    return len(files)


def review(stack: Stack) -> Reviewed:
    """Let the reviewer work on what waits for people, and note what was done."""
    truth = load_truth(stack.folder / "truth.json")
    reviewed = review_jobs(stack.cvat.url, stack.reviewer, truth, SEED)
    with (stack.folder / "reviews.jsonl").open("a") as file:
        file.write(json.dumps(asdict(reviewed)) + "\n")
    return reviewed
