"""Gauges: Prometheus's own parser reads them, and they say what the snapshot says."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from include.evaluation.gauges import GAUGES, Sample, exposition, samples
from include.evaluation.snapshot import OpenAlarm, Snapshot
from include.lifecycle.alarms import Severity
from tests.include.pages import scene

Read = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Read:
    """What Prometheus makes of it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    alarms = [
        OpenAlarm(n, f"{n}", "what", severity, scene.NOW) for n, severity in enumerate(("critical",) * 2 + ("warning",))
    ]
    return replace(scene.full(60), alarms=tuple(alarms))


@pytest.fixture(scope="module")
def found(snapshot: Snapshot) -> Read:
    return read(exposition(samples(snapshot)))


def value(found: Read, name: str, **labels: str) -> float:
    return found[name, frozenset({"project": scene.PROJECT, **labels}.items())]


def test_the_figures_by_version_and_label_have_their_intervals(found: Read, snapshot: Snapshot) -> None:
    evaluation = snapshot.annotators[0].evaluation
    scores = evaluation.figures.by_class["word"]
    where = {"annotator": evaluation.annotator, "label": "word", "figure": "f1"}
    assert scores.intervals.f1
    assert value(found, "labelcycle_figure", **where) == scores.rates.f1
    assert value(found, "labelcycle_figure_low", **where) == scores.intervals.f1.low
    assert value(found, "labelcycle_figure_high", **where) == scores.intervals.f1.high
    assert value(found, "labelcycle_support", annotator=evaluation.annotator, label="word") == scores.support
    micro = {"annotator": evaluation.annotator, "label": "micro", "figure": "recall"}
    assert value(found, "labelcycle_figure", **micro) == evaluation.figures.micro.rates.recall


def test_images_alarms_and_moments(found: Read, snapshot: Snapshot) -> None:
    for count in snapshot.funnel:
        assert value(found, "labelcycle_images", stage=count.stage.value) == count.images
    made = value(found, "labelcycle_snapshot_timestamp_seconds")
    assert datetime.fromtimestamp(made, UTC) == snapshot.made_at
    told = {severity: value(found, "labelcycle_open_alarms", severity=severity) for severity in Severity}
    assert told == {Severity.CRITICAL: 2, Severity.WARNING: 1}


def test_a_project_on_its_first_day() -> None:
    found = read(exposition(samples(scene.empty())))
    assert {name for name, _ in found} == {"labelcycle_snapshot_timestamp_seconds", "labelcycle_open_alarms"}


def test_every_gauge_that_there_is_was_shown(found: Read) -> None:
    up = read(exposition([Sample("labelcycle_up", (("project", "p"),), 1)]))
    assert {name for name, _ in [*found, *up]} == set(GAUGES)


def test_a_gauge_is_in_one_block_with_its_help() -> None:
    text = exposition(Sample("labelcycle_up", (("project", name),), 1) for name in ("a", "b"))
    assert text == (
        "# HELP labelcycle_up Whether what is known of the project can be read.\n"
        "# TYPE labelcycle_up gauge\n"
        'labelcycle_up{project="a"} 1.0\n'
        'labelcycle_up{project="b"} 1.0\n'
    )
    assert exposition([]) == ""


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False))
def test_any_name_and_number_come_back(name: str, number: float) -> None:
    text = exposition([Sample("labelcycle_up", (("project", name),), number)])
    assert read(text) == {("labelcycle_up", frozenset({("project", name)})): number}
