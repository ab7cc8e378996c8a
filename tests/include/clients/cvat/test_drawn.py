"""Tags among shapes, by what a real CVAT answered: the session that the emulator is held to."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from include.clients.cvat import Annotations, Attribute, CvatShape, NewShape
from include.clients.cvat.drawn import as_tag

SESSION = Path(__file__).parents[2] / "emulator/replay/sessions/20-tags-tracks-skeletons.jsonl"


@pytest.fixture(scope="module")
def created() -> dict[str, Any]:
    """The exchange in which a tag, a box, a skeleton and a track were created."""
    exchanges = map(json.loads, SESSION.read_text().splitlines())
    return next(one for one in exchanges if one["path"].endswith("action=create"))


def test_a_tag_is_a_shape_that_is_nowhere_and_has_its_id_negative(created: dict[str, Any]) -> None:
    answer = msgspec.json.decode(json.dumps(created["response_body"]["json"]), type=Annotations)
    box, skeleton, tag = answer.objects
    assert (box.type, box.score, skeleton.type) == ("rectangle", 0.42, "skeleton")
    assert tag == CvatShape(-answer.tags[0].id, 0, tag.label_id, "tag", (), "auto")
    assert tag.id < 0 < box.id
    assert len(answer.tracks) == 2


def test_a_tag_is_sent_as_it_was_then(created: dict[str, Any]) -> None:
    (sent,) = created["request_body"]["json"]["tags"]
    tag = NewShape(0, sent["label_id"], "tag", (), "auto", 0.7)
    assert json.loads(msgspec.json.encode(as_tag(tag))) == sent


def test_one_that_is_there_is_sent_under_its_own_id() -> None:
    tag = CvatShape(-6, 3, 354, "tag", (), "auto", attributes=(Attribute(5, "a road"),))
    assert json.loads(msgspec.json.encode(as_tag(tag))) == {
        **{"id": 6, "frame": 3, "label_id": 354, "source": "auto"},
        "attributes": [{"spec_id": 5, "value": "a road"}],
    }
