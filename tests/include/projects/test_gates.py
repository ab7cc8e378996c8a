"""Gates and alarms in a project's file: one limit a gate, one place a channel, known labels, and a default."""

import pytest

from include.projects.gates import FigureGate
from include.projects.model import Project
from tests.include.projects.test_model import LEAST, problem, with_value


def test_by_default_no_label_may_drop_by_more_than_a_twentieth() -> None:
    evaluation = Project.model_validate(LEAST).evaluation
    assert evaluation.gates == (FigureGate(figure="f1", label="each", drop_at_most=0.05),)
    assert evaluation.min_support == 30


def test_a_gate_of_a_label_of_micro_and_of_macro() -> None:
    gates = [
        {"figure": "recall", "label": "bird", "at_least": 0.9},
        {"figure": "precision", "label": "micro", "at_least": 0.8},
        {"figure": "f1", "label": "macro", "drop_at_most": 0.1},
    ]
    found = Project.model_validate(with_value("evaluation.gates", gates)).evaluation.gates
    assert [gate.names_label for gate in found] == ["bird", None, None]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("evaluation.gates", [{"figure": "f1"}], "needs one of at_least and drop_at_most"),
        ("evaluation.gates", [{"figure": "f1", "at_least": 0.5, "drop_at_most": 0.1}], "needs one of at_least"),
        ("evaluation.gates", [{"figure": "ap", "at_least": 0.5}], "'precision', 'recall' or 'f1'"),
        ("evaluation.gates", [{"figure": "f1", "label": "brid", "at_least": 0.5}], "none of the labels: brid"),
        ("alarms.notify", [{}], "one of slack, webhook and email"),
        ("alarms.notify", [{"slack": "a", "email": ["b@example.com"]}], "one of slack, webhook and email"),
        (
            "alarms.notify",
            [{"slack": "https://hooks.slack.com/services/T/B/hunter2"}],
            "the id of an Airflow connection",
        ),
    ],
)
def test_what_is_wrong_is_said(path: str, value: object, words: str) -> None:
    assert words in problem(path, value)


def test_a_channel_has_a_name_for_the_ledger() -> None:
    notify = [{"slack": "ops"}, {"webhook": "pager"}, {"email": ["a@example.com", "b@example.com"]}]
    alarms = Project.model_validate(with_value("alarms.notify", notify)).alarms
    assert [channel.name for channel in alarms.notify] == [
        "slack ops",
        "webhook pager",
        "email a@example.com, b@example.com",
    ]
