"""What models were seen to write, and what they might."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.annotators.vlm_answers import Boxes, Space, UnreadableAnswer, read_boxes, read_caption

THOUSAND, PICTURE = (1000.0, 1000.0), (200.0, 100.0)
CAR = ("car", (20.0, 10.0, 100.0, 50.0))  # 100, 100, 500, 500 in thousandths of the picture
LABELS = ("car", "traffic light")


def boxes(text: str) -> Boxes:
    return read_boxes(text, LABELS, THOUSAND, PICTURE)


@pytest.mark.parametrize(
    "text",
    [
        '{"objects": [{"label": "car", "x1": 100, "y1": 100, "x2": 500, "y2": 500}]}',
        '```json\n[{"bbox_2d": [100, 100, 500, 500], "label": "car"}]\n```',
        '```\n[{"bbox_2d": [100, 100, 500, 500], "label": "car"}]',
        'Here are the objects:\n[{"bbox": [100, 100, 500, 500], "name": "car"}]\nLet me know if you need more!',
        '<think>A [car]? {"objects": []} would be wrong.</think>{"label": "car", "box": [100, 100, 500, 500]}',
        '{"label": "car", "x1": 100, "y1": 100, "x2": 500, "y2": 500}',
        '{"label": "car", "parts": [], "bbox": {"left": 100, "top": 100, "right": 500, "bottom": 500}}',
        '{"notes": [], "found": [{"category": "Car", "xmin": "100", "ymin": " 100", "xmax": "500.0", "ymax": 5e2}]}',
        '[{"label": "CAR ", "box": [100, 100, 500, 500,],},]',
        '[{"label": "car", "box": [500, 500, 100, 100]}]',
        '[{"label": "car", "box_2d": [100, 100, 500, 500]}]',
        '[[{"label": "car", "bbox": [[100, 100, 500, 500]]}]]',
        '[{"label": "car", "note": "a\nline", "bbox": [100, 100, 500, 500]}]',
    ],
)
def test_a_box_is_read_in_every_form_that_models_write(text: str) -> None:
    assert boxes(text) == Boxes((CAR,))


def test_gemini_says_rows_first() -> None:
    assert boxes('[{"label": "car", "box_2d": [0, 100, 1000, 500]}]').found == (("car", (20.0, 0.0, 100.0, 100.0)),)


@pytest.mark.parametrize("end", [',{"label": "car", "x1": 1', ', {"label": "c', ",", "", ', {"label": "car", "x1": 1.'])
def test_of_an_answer_without_an_end_what_is_whole_is_read(end: str) -> None:
    text = '{"objects": [{"label": "car", "x1": 100, "y1": 100, "x2": 500, "y2": 500}' + end
    assert boxes(text) == Boxes((CAR,), whole=False)


def test_what_cannot_be_drawn_is_left_out_and_counted() -> None:
    said = [
        {"label": "car", "box": [100, 100, 500, 500]},
        {"label": "car", "box": [100, 100, 500, 500.001]},  # the same to two decimals of a pixel
        {"label": "lorry", "box": [1, 1, 5, 5]},
        {"label": "lorry", "box": [1, 1, 9, 9]},
        {"label": "car", "box": [100, 100, 100, 500]},
        {"label": "car", "box": [1100, 100, 1200, 500]},
        {"label": "car", "box": [100, 100, 500]},
        {"label": "car", "box": [100, 100, 500, "far"]},
        {"label": "car", "box": [100, 100, 500, True]},
        {"box": [100, 100, 500, 500]},
        {"label": "car"},
    ]
    assert boxes(json.dumps(said)) == Boxes(
        (CAR,),
        {
            "said twice": 1,
            "of the label 'lorry'": 2,
            "of the label ''": 1,
            "without area in the picture": 2,
            "without a box that can be read": 4,
        },
    )


def test_boxes_end_at_the_picture() -> None:
    text = '[{"label": "traffic light", "box": [-50, 900, 2000, 1001]}]'
    assert boxes(text).found == (("traffic light", (0.0, 90.0, 200.0, 100.0)),)


def test_labels_that_differ_in_case_alone_are_told_apart() -> None:
    said = [{"label": label, "box": [0, 0, 1, 1]} for label in ("us", "US", "Us")]
    found = read_boxes(json.dumps(said), ("US", "us"), (1.0, 1.0), (8.0, 8.0))
    assert [label for label, _ in found.found] == ["us", "US"]
    assert found.dropped == {"of the label 'Us'": 1}


@pytest.mark.parametrize("text", ['{"objects": []}', "[]", "There are none: ```json\n[]\n```"])
def test_no_objects_are_an_answer(text: str) -> None:
    assert boxes(text) == Boxes(())


LIGHT = ("traffic light", (20.0, 10.0, 40.0, 30.0))  # 100, 100, 200, 300
A_CAR, A_LIGHT = (
    '{"label": "car", "box": [100, 100, 500, 500]}',
    '{"label": "traffic light", "box": [100, 100, 200, 300]}',
)


@pytest.mark.parametrize(
    "text",
    [
        f"{A_CAR}\n{A_LIGHT}",  # JSON lines
        f"[{A_CAR}]\n[{A_LIGHT}]",
        f'{{"cars": [{A_CAR}], "none": [], "lights": [{A_LIGHT}]}}',
        f'{{"cars": [{A_CAR}]}} and {{"lights": [{A_LIGHT}]}}',
        f"[{A_CAR}] and besides: {A_LIGHT}",
        f'Note: [] means nothing. {{"objects": [{A_CAR}, {A_LIGHT}]}}',
    ],
)
def test_all_lists_of_an_answer_count(text: str) -> None:
    assert boxes(text) == Boxes((CAR, LIGHT))


def test_an_object_of_a_draft_is_there_once_as_it_was_said_last() -> None:
    """The draft's first car is three quarters of the answer's: an IoU of 0.75. Its second is another car."""
    draft = '{"label": "car", "box": [100, 100, 500, 400]}, {"label": "car", "box": [600, 100, 900, 400]}'
    found = boxes(f"First: [{draft}, {A_LIGHT}]. Looking again: [{A_CAR}, {A_LIGHT}]")
    assert found == Boxes((("car", (120.0, 10.0, 180.0, 40.0)), CAR, LIGHT), {"said twice": 2})


def test_objects_that_overlap_in_one_list_or_in_lines_are_as_many_as_were_said() -> None:
    lines = [
        A_CAR,
        '{"label": "car", "box": [100, 100, 500, 490]}',
        '{"label": "traffic light", "box": [1, 1, 500, 500]}',
    ]
    for text in ("\n".join(lines), f"[{', '.join(lines)}]"):
        assert len(boxes(text).found) == 3


def test_of_lines_without_an_end_what_is_whole_is_read() -> None:
    assert boxes(f'{A_CAR}\n{{"label": "car", "box": [1, 1') == Boxes((CAR,), whole=False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("I cannot see any car.", "no list of objects in it: 'I cannot see any car.'"),
        ('{"objects": [', "no list of objects"),
        ('<think>{"objects": []}', "no list of objects"),
        ('{"objects": null}', "no list of objects"),
        ("[1, 2, 3, 4]", "no list of objects"),
        ('[{"label": "car"}, {"label": "car", "box": "left"}]', "none of the 2 objects has a box"),
        ("[" * 100_000, "no list of objects"),
        ('[{"label": "car", "box": [1, 1, 5, ' + "9" * 10_000 + "]}]", "no list of objects"),
    ],
    ids=["prose", "no end", "thoughts only", "null", "bare numbers", "no boxes", "deep", "long number"],
)
def test_what_holds_no_answer_is_told(text: str, why: str) -> None:
    with pytest.raises(UnreadableAnswer, match=why):
        boxes(text)


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ('{"caption": "A dog."}', "A dog."),
        ('```json\n{"caption": "A dog."}\n```', "A dog."),
        ("A dog.\n", "A dog."),
        ('"A dog."', "A dog."),
        ("A sign that says [STOP] {here}", "A sign that says [STOP] {here}"),
        ('<think>What is it?</think>\n{"caption": "A\\ndog\\u0000 \\ud800runs."}', "A dog runs."),
        ('Sure: {"caption": 3}', 'Sure: {"caption": 3}'),
    ],
)
def test_a_caption_is_one_line_of_words(text: str, caption: str) -> None:
    assert read_caption(text) == caption


@pytest.mark.parametrize(
    "text", ["", " ```` ", '{"caption": "A do', '{"text": "A dog"}', '{"caption": ""}', "<think>A dog", "x" * 4097]
)
def test_what_is_no_caption_is_told(text: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_caption(text)


# Any text, and texts that are nearly right

SIGNS = ["{", "}", "[", "]", ",", ":", '"', "\\", "```", "</think>", " ", "\n", "\ud800"]
WORDS = ['"label"', '"box"', '"car"', '"objects"', '"caption"', "1", "-1e999", "NaN", "9" * 400, "true", "null"]
SCRAPS = st.sampled_from([*SIGNS, *WORDS, '{"label": "car", "box": [1, 2, 3, 4]}'])
TEXTS = st.text() | st.lists(SCRAPS, max_size=40).map("".join)


@given(TEXTS)
def test_any_text_is_read_or_told_to_be_unreadable(text: str) -> None:
    try:
        found = boxes(text).found
    except UnreadableAnswer:
        return
    for label, (left, top, right, bottom) in found:
        assert label in LABELS
        assert 0 <= left < right <= PICTURE[0]
        assert 0 <= top < bottom <= PICTURE[1]


@given(TEXTS)
def test_any_text_is_a_caption_that_can_be_stored_or_told_to_be_none(text: str) -> None:
    try:
        caption = read_caption(text)
    except UnreadableAnswer:
        return
    assert caption.encode()
    assert caption == " ".join(caption.split())


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["label", "box", "bbox", "x1", "objects"]), inner),
)


@given(VALUES)
def test_any_json_is_read_or_told_to_be_unreadable(value: Any) -> None:
    with suppress(UnreadableAnswer):
        boxes(json.dumps(value))


@st.composite
def pictures_with_boxes(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[str, tuple[float, ...]]]]:
    width, height = draw(st.integers(2, 5000)), draw(st.integers(2, 5000))

    def side(most: int) -> tuple[float, float]:
        low = draw(st.integers(0, most - 1))
        return float(low), float(draw(st.integers(low + 1, most)))

    found = []
    for _ in range(draw(st.integers(0, 5))):
        (left, right), (top, bottom) = side(width), side(height)
        found.append((draw(st.sampled_from(LABELS)), (left, top, right, bottom)))
    return (width, height), list(dict.fromkeys(found))


@given(pictures_with_boxes(), st.sampled_from(Space), st.integers(28, 2000), st.integers(28, 2000), st.booleans())
def test_well_formed_answers_come_back_in_every_coordinate_space(
    drawn: tuple[tuple[int, int], list[tuple[str, tuple[float, ...]]]],
    space: Space,
    sent_width: int,
    sent_height: int,
    as_list: bool,
) -> None:
    (width, height), objects = drawn
    across = {"pixels": (sent_width, sent_height), "0-1000": (1000, 1000), "0-1": (1, 1)}[space]
    factors = [across[0] / width, across[1] / height] * 2
    said = []
    for label, box in objects:
        corners = [value * factor for value, factor in zip(box, factors, strict=True)]
        named = {"box": corners} if as_list else dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True))
        said.append({"label": label, **named})
    extent = space.extent((sent_width, sent_height))
    assert read_boxes(json.dumps({"objects": said}), LABELS, extent, (width, height)) == Boxes(tuple(objects))
