"""The annotator against an endpoint of the tests' own, which sees a red square in the picture that it is sent."""

import logging
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from include.annotators.endpoint import Refused
from include.annotators.networks import ModelError
from include.annotators.registry import AnnotatorUnavailable, BatchedFunction, UnknownAnnotator, load
from include.annotators.vlm import Vlm
from include.annotators.vlm_answers import UnreadableAnswer
from include.annotators.vlm_chat import Pace
from tests.include.annotators.asked import RED, Context, picture, predictions
from tests.include.annotators.chatting import Chatting, chatting, completion, red_square, refusal, saying_where

PICTURE = picture((400, 300), (RED, (100, 60, 200, 240)))
BOX = (100, 60, 200, 240)
NONE = picture((400, 300))


def vlm(endpoint: Chatting, **settings: Any) -> Vlm:
    seer = {"url": endpoint.url, "model": "tests/seer-7B", "timeout_seconds": 5}
    return Vlm(**{**seer, "labels": ["square"], "coordinates": "pixels", "image_format": "png", **settings})


def caption(endpoint: Chatting, **settings: Any) -> Vlm:
    return vlm(endpoint, task="caption", labels=["picture"], coordinates=None, **settings)


@pytest.mark.parametrize(
    ("coordinates", "across", "told"),
    [
        ("pixels", None, "pixels of the picture, which is 400 wide and 300 high"),
        ("0-1000", 1000.0, "0 to 1000 over its width"),
        ("0-1", 1.0, "0 to 1 over its width"),
    ],
)
def test_boxes_are_in_the_pictures_pixels_whatever_the_model_counts(
    coordinates: str, across: float | None, told: str
) -> None:
    with chatting(saying_where(across)) as endpoint:
        function = vlm(endpoint, coordinates=coordinates)
        (found,) = predictions(function, PICTURE)
        assert predictions(function, NONE) == []
    assert (found.shape.label, found.shape.type, found.shape.points) == ("square", "rectangle", BOX)
    assert found.score == 1
    assert function.scored is False
    assert told in endpoint.questions[0]


def test_pixels_are_those_of_the_picture_as_it_was_sent() -> None:
    with chatting(saying_where()) as endpoint:
        (found,) = predictions(vlm(endpoint, max_side=200, side_multiple=28), PICTURE)
    (sent,) = endpoint.pictures
    assert sent.size == (196, 140)  # of 200 x 150: the nearest multiples that are not larger than max_side
    assert "196 wide and 140 high" in endpoint.questions[0]
    assert found.shape.points == pytest.approx(BOX, abs=400 / 196)


def test_a_small_picture_is_sent_as_it_is() -> None:
    with chatting(saying_where()) as endpoint:
        predictions(vlm(endpoint), PICTURE)
    (sent,) = endpoint.pictures
    assert (sent.format, sent.tobytes()) == ("PNG", PICTURE.tobytes())


def test_the_request_says_what_is_wanted_and_by_which_schema() -> None:
    with chatting(saying_where()) as endpoint:
        labels = {"square": "anything red with four corners", "other": ""}
        predictions(vlm(endpoint, labels=labels, image_format="jpeg", parameters={"max_tokens": 9}), PICTURE)
    (body,) = endpoint.bodies
    assert (body["model"], body["max_tokens"], "temperature" in body) == ("tests/seer-7B", 9, False)
    assert "- square: anything red with four corners\n- other\n" in endpoint.questions[0]
    schema = body["response_format"]["json_schema"]
    assert (body["response_format"]["type"], schema["strict"]) == ("json_schema", True)
    (objects,) = schema["schema"]["properties"].values()
    assert objects["items"]["properties"]["label"] == {"type": "string", "enum": ["square", "other"]}
    assert endpoint.pictures[0].format == "JPEG"


def test_a_server_that_takes_no_schemas_is_asked_without_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    with chatting(saying_where(), takes_schemas=False) as endpoint:
        function = vlm(endpoint)
        for _ in range(2):
            assert len(predictions(function, PICTURE)) == 1
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, False]
    assert caplog.text.count("does not take: ") == 1


def test_a_caption_is_a_tag_with_a_text() -> None:
    with chatting(lambda _: '{"caption": "A red square."}') as endpoint:
        (found,) = predictions(caption(endpoint, attribute="says"), PICTURE)
    assert (found.shape.label, found.shape.type, found.shape.points) == ("picture", "tag", ())
    assert (found.shape.attributes, found.score) == ((("says", "A red square."),), 1)
    assert list(endpoint.bodies[0]["response_format"]["json_schema"]["schema"]["properties"]) == ["caption"]


def test_a_caption_that_was_cut_off_is_none() -> None:
    with (
        chatting(lambda _: "A red squ", finish_reason="length") as endpoint,
        pytest.raises(UnreadableAnswer, match="was cut off: allow the model more"),
    ):
        predictions(caption(endpoint), PICTURE)


def test_what_is_left_out_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    says = '[{"label": "square", "box": [1, 1, 9, 9]}, {"label": "circle", "box": [1, 1, 9, 9]}, {"label": "sq'
    with chatting(lambda _: says) as endpoint:
        assert len(predictions(vlm(endpoint), PICTURE)) == 1
    assert "left out of an answer: 1 of the label 'circle'; it has no end" in caplog.text


# What goes wrong


@pytest.mark.parametrize("content", ["I see nothing.", "", None, [{"type": "text", "text": "Sorry"}], '{"objects": 3}'])
def test_an_answer_that_cannot_be_read_costs_its_picture(content: Any) -> None:
    with chatting(saying_where(), first=deque([completion(content)])) as endpoint:
        function = vlm(endpoint)
        with pytest.raises(UnreadableAnswer):
            predictions(function, PICTURE)
        assert len(predictions(function, PICTURE)) == 1


def test_words_in_parts_are_read() -> None:
    parts = [{"type": "text", "text": '{"objects": '}, {"type": "text", "text": "[]}"}]
    with chatting(saying_where(), first=deque([completion(parts)])) as endpoint:
        assert predictions(vlm(endpoint), PICTURE) == []


def test_a_picture_that_is_refused_where_others_are_not_is_at_fault_itself() -> None:
    with (
        chatting(saying_where(), refuses=lambda sent: red_square(sent) is not None) as endpoint,
        pytest.raises(Refused, match=r"400 Bad Request: .*not to my taste"),
    ):
        predictions(vlm(endpoint), PICTURE)


@pytest.mark.parametrize(
    ("behaviour", "settings", "why"),
    [
        ({"refuses": lambda _: True}, {}, r"not to my taste.* \(about a blank picture, too\)"),
        ({"token": "of-tests"}, {}, "answers 401: give the variable that token_env names a valid token"),
        ({"first": deque([(200, {}, b"<html>")] * 2)}, {}, "does not answer as the protocol says"),
        ({"first": deque([(200, {}, b'{"choices": 3}')] * 2)}, {}, "does not answer as the protocol says"),
        ({"first": deque([refusal(503, "busy")] * 99)}, {"timeout_seconds": 0.1}, "did not answer within 0.1 s; .*503"),
    ],
    ids=["refuses all", "no token", "no API", "another API", "busy"],
)
def test_an_endpoint_that_answers_about_no_picture_is_no_pictures_fault(
    behaviour: dict[str, Any], settings: dict[str, Any], why: str
) -> None:
    with chatting(saying_where(), **behaviour) as endpoint, pytest.raises(AnnotatorUnavailable, match=why):
        predictions(vlm(endpoint, **settings), PICTURE)


def test_an_endpoint_that_is_elsewhere_is_unavailable() -> None:
    with chatting(saying_where()) as endpoint:
        function = Vlm(url=endpoint.url + "/elsewhere", model="m", labels=["square"], coordinates="0-1")
        with pytest.raises(AnnotatorUnavailable, match=r"404 Not Found: .*no such path"):
            predictions(function, PICTURE)


def test_a_picture_that_is_never_answered_is_at_fault_where_a_blank_one_is_answered() -> None:
    busy = refusal(503, "busy", **{"Retry-After": "60"})
    with (
        chatting(saying_where(), first=deque([busy, completion('{"objects": []}'), busy])) as endpoint,
        pytest.raises(ModelError, match="answers about a blank picture, and not about this one"),
    ):
        predictions(vlm(endpoint), PICTURE)
    assert [red_square(sent) is None for sent in endpoint.pictures] == [False, True, False]


@pytest.mark.parametrize(
    "answer",
    [
        refusal(429, "slowly", **{"Retry-After": "0"}),
        refusal(500, "oops", **{"Retry-After": format_datetime(datetime.now(UTC) - timedelta(seconds=9), usegmt=True)}),
        refusal(503, "busy", **{"Retry-After": "soon"}),
    ],
    ids=["seconds", "date", "nonsense"],
)
def test_a_busy_endpoint_is_asked_again(answer: Any) -> None:
    with chatting(saying_where(), first=deque([answer])) as endpoint:
        assert len(predictions(vlm(endpoint), PICTURE)) == 1
    assert len(endpoint.bodies) == 2


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    first = deque([refusal(429, "slowly", **{"Retry-After": later})] * 2)
    with (
        chatting(saying_where(), first=first) as endpoint,
        pytest.raises(AnnotatorUnavailable, match="at last: 429 Too Many Requests"),
    ):
        predictions(vlm(endpoint), PICTURE)
    assert len(endpoint.bodies) == 2  # the picture, and a blank one


# What it costs


def test_pictures_of_a_batch_are_asked_about_once_though_one_fails() -> None:
    small = picture((40, 30), (RED, (8, 8, 16, 16)))
    with chatting(saying_where(), refuses=lambda sent: sent.size == (40, 30)) as endpoint:
        function = vlm(endpoint, concurrency=3)
        assert isinstance(function, BatchedFunction)
        assert function.batch_size == 3
        images = [PICTURE, small, NONE]
        with pytest.raises(Refused):
            function.detect_batch(images)
        asked = len(endpoint.bodies)
        assert [len(function.detect(Context(), image)) for image in (PICTURE, NONE)] == [1, 0]
        with pytest.raises(Refused):
            function.detect(Context(), small)
        assert len(endpoint.bodies) == asked
        assert len(function.detect(Context(), PICTURE)) == 1
        assert len(endpoint.bodies) == asked + 1


def test_a_batch_is_answered_in_its_order() -> None:
    images = [picture((64, 64), (RED, (left, 8, left + 8, 16))) for left in range(0, 48, 8)]
    with chatting(saying_where()) as endpoint:
        found = vlm(endpoint).detect_batch(images)
    assert [shape.points[0] for (shape,) in found] == list(range(0, 48, 8))


def test_turns_are_spaced_evenly_and_idle_time_is_not_saved_up() -> None:
    slept: list[float] = []
    times = iter([0.0, 1.0, 1.0, 100.0, 100.0])
    pace = Pace(30, clock=lambda: next(times), sleep=slept.append)
    for _ in range(5):
        pace.wait_for_turn()
    assert slept == [1.0, 3.0, 2.0]  # turns at 0, 2, 4, 100 and 102 s


def test_without_a_limit_nobody_waits() -> None:
    pace = Pace(None, clock=lambda: 5.0, sleep=lambda _: pytest.fail("it waits"))
    for _ in range(3):
        pace.wait_for_turn()


# Versions, prompts, settings


def test_the_token_goes_along_and_is_in_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEER_TOKEN", "of-tests")
    with chatting(saying_where(), token="of-tests") as endpoint:
        function = vlm(endpoint, token_env="SEER_TOKEN")
        assert len(predictions(function, PICTURE)) == 1
    assert function.version == vlm(endpoint).version


def test_the_version_changes_with_what_changes_answers_and_with_nothing_else(tmp_path: Path) -> None:
    own = tmp_path / "prompt.txt"
    own.write_text("Squares, please: $labels, in $coordinates")
    endpoint = Chatting(saying_where(), url="http://127.0.0.1:1/v1")
    version = vlm(endpoint).version
    assert re.fullmatch(r"tests-seer-7B-2-[0-9a-f]{8}-[0-9a-f]{8}", version)
    same = [{"timeout_seconds": 9}, {"concurrency": 1}, {"images_a_minute": 3}, {"url": "http://127.0.0.1:2/v1"}]
    for settings in same:
        assert vlm(endpoint, **settings).version == version
    others = [{"coordinates": "0-1"}, {"labels": ["a"]}, {"labels": {"square": "red"}}, {"max_side": 99}]
    more = [{"parameters": {}}, {"prompt": own}, {"model": "tests-seer-7B"}]
    versions = {vlm(endpoint, **settings).version for settings in (*others, *more)}
    assert len(versions | {version}) == 8
    own.write_text("Squares, quickly: $labels")
    assert vlm(endpoint, prompt=own).version not in versions


def test_a_prompt_of_ones_own_is_filled_in(tmp_path: Path) -> None:
    own = tmp_path / "prompt.txt"
    own.write_text("Find for 5 $$:\n$labels\nin ${coordinates}.")
    with chatting(saying_where()) as endpoint:
        predictions(vlm(endpoint, prompt=str(own)), PICTURE)
    assert endpoint.questions == ["Find for 5 $:\n- square\nin pixels of the picture, which is 400 wide and 300 high."]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"coordinates": None}, "coordinates must say what this model's count: pixels, 0-1000, 0-1"),
        ({"coordinates": "percent"}, "coordinates: .*'pixels', '0-1000' or '0-1'"),
        ({"task": "caption", "labels": ["a", "b"]}, "a caption needs one label"),
        ({"labels": []}, "labels: .*at least 1"),
        ({"side_multiple": 2000}, "side_multiple must not be more than max_side"),
        (
            {"url": "https://me:secret@models.example.com/v1"},
            "its settings: url: must look like http.* or #$",
        ),
        ({"temperature": 1}, "temperature: there is no such setting"),
        ({"parameters": {"messages": []}}, "parameters: messages would replace what is asked: remove it"),
        ({"parameters": {"model": "other", "seed": 1}}, "parameters: model would replace what is asked"),
        ({"token_env": "NO_SUCH_VARIABLE"}, "the environment has no variable NO_SUCH_VARIABLE"),
        ({"prompt": "no/such/prompt.txt"}, "prompt no/such/prompt.txt cannot be read"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, Any], why: str) -> None:
    whole = {"url": "http://127.0.0.1:1/v1", "model": "m", "labels": ["a"], "coordinates": "0-1", **settings}
    with pytest.raises(UnknownAnnotator, match=why):
        load("vlm", whole)


@pytest.mark.parametrize(
    ("text", "why"), [("$labels at $place", "nothing is known to fill in for \\$place"), ("5 $", "a \\$ stands alone")]
)
def test_a_prompt_that_cannot_be_filled_in_is_told(text: str, why: str, tmp_path: Path) -> None:
    own = tmp_path / "prompt.txt"
    own.write_text(text)
    with pytest.raises(UnknownAnnotator, match=why):
        load("vlm", {"url": "http://a/v1", "model": "m", "labels": ["a"], "coordinates": "0-1", "prompt": str(own)})


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def test_the_blank_picture_has_no_square() -> None:
    assert red_square(PIL.Image.new("RGB", (64, 64), "gray")) is None
