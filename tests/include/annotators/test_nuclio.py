import re
from typing import Any

import pytest

from include.annotators.registry import AnnotatorUnavailable, UnknownAnnotator, load
from include.lifecycle.assignment import Version
from tests.include.annotators.asked import Context, picture

SETTINGS: dict[str, Any] = {"function": "pth-yolo", "mapping": {"car": "vehicle", "bus": "vehicle", "person": "person"}}


def test_plans_know_that_it_has_no_scores_and_is_asked_in_cvat() -> None:
    annotator = load("nuclio", SETTINGS, name="yolo")
    assert annotator.loaded == Version(annotator.id, scored=False, deferred=True)
    assert re.fullmatch("yolo@pth-yolo-1-[0-9a-f]{8}", annotator.id)
    assert [label.name for label in annotator.function.spec.labels] == ["person", "vehicle"]
    with pytest.raises(AnnotatorUnavailable, match="'pth-yolo' is asked by CVAT"):
        annotator.function.detect(Context(), picture((4, 4)))


def test_another_version_is_another_function_revision_mapping_or_threshold() -> None:
    others = [{"function": "other"}, {"revision": "2"}, {"mapping": {"car": "vehicle"}}, {"threshold": 0.5}]
    versions = {load("nuclio", {**SETTINGS, **other}).version for other in ({}, *others)}
    assert len(versions) == 5


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"mapping": {}}, "mapping: .*at least 1"),
        ({"threshold": 2}, "threshold: .*less than or equal to 1"),
        ({"cleanup": True}, "cleanup: there is no such setting"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(UnknownAnnotator, match=why):
        load("nuclio", {**SETTINGS, **settings})
