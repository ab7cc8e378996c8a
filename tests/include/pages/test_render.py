"""Pages of snapshots: what they say, and that names in them do nothing."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from include.evaluation.drawing import Drawing
from include.evaluation.snapshot import Snapshot, from_json, to_json
from include.pages.addresses import Addresses
from include.pages.render import (
    ProjectRow,
    image_page,
    notice_page,
    overview_page,
    quality_page,
    unmeasured_page,
)
from include.pages.report import plots, report
from include.pages.view import View, path
from tests.include.pages import scene

ADDRESSES = Addresses("/labelcycle", "", "https://cvat.example.com", "https://mlflow.example.com")
NASTY = "<script>alert(1)</script>\"'&{{ 7 * 7 }}</svg>]]> $x_1$ 😀 " + "very long " * 20
_EMPTY_ELEMENTS = {"meta", "link", "img", "input", "br", "hr"}


class Outline(HTMLParser):
    """A page's elements, addresses and visible text; what is not closed in order is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if tag == "a" else []
        self.scripts += [found] if tag == "script" else []
        self.handlers += [name for name in found if name.startswith("on") or name == "style"]
        if tag not in _EMPTY_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY_ELEMENTS:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is closed out of turn at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return scene.full(30)


@pytest.fixture(scope="module")
def page(snapshot: Snapshot) -> Outline:
    return Outline(quality_page(View.of(snapshot), ADDRESSES))


def test_the_scene_is_a_snapshot_like_any_other(snapshot: Snapshot) -> None:
    assert from_json(to_json(snapshot)) == snapshot


def test_the_page_has_every_section_and_a_link_to_each(page: Outline) -> None:
    sections = [
        *("alarms", "funnel", "classes", "time", "errors", "places", "scores", "people", "truth", "lint", "worst"),
    ]
    assert [link[1:] for link in page.links if link.startswith("#") and link != "#content"][:11] == sections
    assert set(sections) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_documentation_explains_each_section(snapshot: Snapshot) -> None:
    document = (Path(__file__).parents[3] / "docs/quality.md").read_text()
    rows = re.findall(r"^\| ([A-Z][^|]+) \| [^|]+ \| [^|]+ \|$", document.partition("## Pictures")[0], re.M)
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", quality_page(View.of(snapshot), ADDRESSES))
    assert rows == titles


def test_the_page_says_what_the_snapshot_has(page: Outline, snapshot: Snapshot) -> None:
    figures = snapshot.annotators[0].evaluation.figures
    f1 = figures.micro.intervals.f1
    assert f1 is not None
    for words in (
        f"{figures.micro.rates.f1:.2f}",
        f"{f1.low:.2f}–{f1.high:.2f}",
        "30 of 160 finished images",
        "oldest: 5 hours",
        "3 in quarantine",
        "Krippendorff's alpha 0.81",
        "boris 11 36 32 min 3.2 h 9",
        "chen 12 33 – – 0",
        "CVAT counts from IoU 0.4 on",
        "fewer than 30 annotations",
        "took 24 min in the median, nine of ten at most 95 min: 23 of 37 are timed",
        "AP to be won",
        "v1.3.0",
        *snapshot.comparisons,
    ):
        assert words in page.text


def test_links_lead_to_cvat_at_the_frame_to_mlflow_and_to_runs(page: Outline, snapshot: Snapshot) -> None:
    run = snapshot.annotators[0].mlflow_run_id
    assert f"https://mlflow.example.com/#/runs/{run}" in page.links
    assert "/dags/evaluate_street_signs/runs" in page.links
    worst = snapshot.annotators[0].evaluation.worst[0].image_id
    own = f"/labelcycle/quality/street_signs/images/{worst}?annotator=signs%401.5.0"
    assert own in page.links
    link = snapshot.links[worst]
    large = Outline(image_page(View.of(snapshot), worst, ADDRESSES))
    assert f"https://cvat.example.com/tasks/{link.task}/jobs/{link.job}?frame={link.frame}" in large.links
    assert f"/labelcycle/quality/street_signs/images/{worst}/file" in large.links


def test_every_version_has_its_own_view_and_no_other_is_shown(snapshot: Snapshot) -> None:
    page = Outline(quality_page(View.of(snapshot, "signs@1.4.0"), ADDRESSES))
    assert "People have judged too few predictions of this version" in page.text
    assert "no figures on ground truth for this version" in page.text
    with pytest.raises(KeyError):
        View.of(snapshot, "signs@9")


def test_a_mean_average_precision_says_which_classes_it_is_without(snapshot: Snapshot) -> None:
    state = snapshot.annotators[0]
    assert state.evaluation.precision
    precision = replace(state.evaluation.precision, unordered=("word",))
    found = replace(state, evaluation=replace(state.evaluation, precision=precision))
    page = Outline(quality_page(View.of(replace(snapshot, annotators=(found, *snapshot.annotators[1:]))), ADDRESSES))
    assert "; without word: all scores are equal" in page.text
    assert "without" not in Outline(quality_page(View.of(snapshot), ADDRESSES)).text.partition("AP75")[2][:40]


def test_an_alarm_leads_to_its_images_as_its_version_has_them_whichever_is_looked_at() -> None:
    snapshot = scene.full()
    images = [one.image_id for one in snapshot.annotators[0].evaluation.worst[:3]]
    page = Outline(quality_page(View.of(snapshot, "signs@1.4.0"), ADDRESSES))
    own = [f"/labelcycle/quality/street_signs/images/{image}?annotator=signs%401.5.0" for image in images]
    assert len(snapshot.alarms) == 1
    assert [link for link in page.links if link.endswith("signs%401.5.0") and "/images/" in link] == own


def test_an_image_that_only_an_alarm_names_has_its_outlines_and_errors() -> None:
    """A gate looks at new images, of which none need be among the worst of all."""
    snapshot = scene.full()
    new, old = snapshot.annotators
    image = new.evaluation.worst[0]
    without = replace(new, evaluation=replace(new.evaluation, worst=new.evaluation.worst[3:]))
    html = image_page(View.of(replace(snapshot, annotators=(without, old))), image.image_id, ADDRESSES)
    page = Outline(html)
    assert f"{image.wrong} wrong, {image.not_found} not found, by signs@1.5.0" in page.text
    assert "Errors on this image" in page.text
    assert 'class="predicted-marks"' in html
    other = image_page(View.of(replace(snapshot, annotators=(without, old)), "signs@1.4.0"), image.image_id, ADDRESSES)
    assert f"{image.wrong} wrong, {image.not_found} not found, by signs@1.5.0" not in Outline(other).text


def test_the_page_says_what_gates_look_at_and_why_they_say_nothing(snapshot: Snapshot) -> None:
    def text(**changes: object) -> str:
        state = replace(snapshot.annotators[0], **changes)  # type: ignore[arg-type]
        shown = replace(snapshot, annotators=(state,), alarms=())
        return Outline(quality_page(View.of(shown), ADDRESSES)).text

    looks = "look only at images that it was not measured on"
    assert looks in text()
    assert looks not in text(verdicts=tuple(one for one in snapshot.annotators[0].verdicts if one.gate.at_least))
    assert "Gates of signs@1.5.0 There is no baseline." in text(verdicts=(), unjudged="There is no baseline.")
    assert "Gates of signs@1.5.0 No gate has looked at it." in text(verdicts=())


def test_what_says_nothing_is_not_shown() -> None:
    """Tags have no place; and where no image has an error, drawing images again does not say how sure that is."""
    found = scene.tags()
    assert found.annotators[0].evaluation.figures.micro.intervals.f1
    html = quality_page(View.of(found), ADDRESSES)
    text = Outline(html).text
    assert "has a place in the image" in text
    assert "up to" not in text
    assert "1.00–1.00" not in html


def test_charts_have_their_numbers_beside_them(snapshot: Snapshot) -> None:
    html = quality_page(View.of(snapshot), ADDRESSES)
    charts = re.findall(r'data-chart="([^"]+)"', html)
    data = dict(re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', html, re.S))
    assert charts == list(data)
    first = json.loads(data["chart-timeline-0"])
    assert [one["name"] for one in first["series"]] == ["signs@1.4.0", "signs@1.5.0"]
    assert first["series"][1]["points"][0]["x"] == "2026-03-05"


@pytest.mark.parametrize("standalone", [False, True])
def test_names_do_nothing(standalone: bool) -> None:
    snapshot = scene.named(NASTY, NASTY)
    html = report(snapshot) if standalone else quality_page(View.of(snapshot), ADDRESSES)
    page = Outline(html)
    assert "alert(1)" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert page.handlers == [] or standalone  # matplotlib's SVG has styles, which the report's policy allows
    assert not [name for name in page.handlers if name.startswith("on")]
    kinds = [(one.get("type"), one.get("src", "").split("?")[0]) for one in page.scripts]  # type: ignore[union-attr]
    own = [(None, f"/labelcycle/static/{name}") for name in ("echarts/echarts.common.min.js", "quality.js")]
    assert [kind for kind in kinds if kind != ("application/json", "")] == ([] if standalone else own)
    assert not [link for link in page.links if link.startswith("javascript:")]


@pytest.mark.parametrize("name", ["i0", "i1"])
def test_names_do_nothing_on_an_image_either(name: str) -> None:
    page = Outline(image_page(View.of(scene.named(NASTY)), name, ADDRESSES))
    assert page.scripts == page.handlers == []


def test_an_image_that_lint_names_has_a_page_without_outlines(snapshot: Snapshot) -> None:
    empty = next(one for one in snapshot.lint.findings if one.slip == "empty").image_id
    assert "nothing is drawn on it" in Outline(image_page(View.of(snapshot), empty, ADDRESSES)).text
    with pytest.raises(KeyError):
        image_page(View.of(snapshot), "stranger", ADDRESSES)


def test_a_project_on_its_first_day_is_told_what_to_do() -> None:
    text = Outline(quality_page(View.of(scene.empty()), ADDRESSES)).text
    for words in (
        "No image has been found yet: put some",
        "No job has been finished yet",
        "None is open",
        "Nobody has",
    ):
        assert words in text
    assert "Turn that DAG on, or trigger it" in Outline(unmeasured_page("birds", ADDRESSES)).text
    assert "no active project" in Outline(overview_page([], ADDRESSES)).text


def test_the_overview_has_a_line_a_project(snapshot: Snapshot) -> None:
    rows = [
        ProjectRow("street_signs", View.of(snapshot)),
        ProjectRow("new", None),
        ProjectRow("first", View.of(scene.empty())),
        ProjectRow("away", None, "S3 does not answer"),
    ]
    page = Outline(overview_page(rows, ADDRESSES))
    assert [link for link in page.links if link != "#content"] == [f"/labelcycle/quality/{row.name}" for row in rows]
    for words in ("12 72 160 1,240", "nothing has been measured yet", "no job has been finished", "S3 does not answer"):
        assert words in page.text


def test_a_notice_is_a_sentence() -> None:
    assert "<b>" not in notice_page("Not found", "there is no <b>", ADDRESSES)


@pytest.fixture(scope="module")
def standalone(snapshot: Snapshot) -> str:
    return report(snapshot, addresses=Addresses(cvat="https://cvat.example.com"))


def test_the_report_needs_nothing_else(standalone: str, snapshot: Snapshot) -> None:
    page = Outline(standalone)
    assert page.scripts == []
    assert not re.findall(r'\bsrc="|<link', standalone)
    assert not re.findall(r"url\((?!#)", standalone)
    assert standalone.count('<div class="paper"><svg') == len(View.of(snapshot).charts) > 10
    assert len(page.ids) == len(set(page.ids))


def test_the_report_links_where_something_is_known_to_be(standalone: str) -> None:
    links = Outline(standalone).links
    assert any(re.fullmatch(r"https://cvat\.example\.com/tasks/\d+/jobs/\d+\?frame=\d+", link) for link in links)
    assert {link.split("/")[2] for link in links if not link.startswith("#")} == {"cvat.example.com"}


def test_the_report_is_the_same_for_the_same_snapshot() -> None:
    snapshot = scene.named("word")
    assert report(snapshot) == report(from_json(to_json(snapshot)))


def test_plots_are_svg_by_name() -> None:
    found = plots(scene.named("word"))
    assert set(found) == {"timeline-0", "timeline-1", "timeline-2", "errors", "outcomes-class", "outcomes-person"}
    assert all(text.startswith("<svg") and text.rstrip().endswith("</svg>") for text in found.values())


def test_rings_are_closed_and_points_are_dots() -> None:
    drawing = Drawing(rings=((0, 0, 10, 0, 10, 5.5), (2, 2, 3, 2, 3, 3)), points=(1, 2.04))
    assert path(drawing) == "M0 0 10 0 10 5.5ZM2 2 3 2 3 3ZM1 2h0"
