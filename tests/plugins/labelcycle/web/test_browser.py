"""The quality pages in a real browser, from Airflow's server and the bucket."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.evaluation.snapshot import Snapshot
from include.local.browser import Browser, chromium, open_browser
from include.pages.report import report
from tests.include.clients.ledger.records import PROJECT
from tests.include.pages import scene
from tests.plugins.labelcycle.web.conftest import Airflow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Airflow's own are no business of these tests
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium here: apt-get install chromium"),
]

Measured = Callable[[Snapshot], Snapshot]
_KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), "Space": (" ", 32, " ")}
_TROUBLE = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Audits.issueAdded")
_READY = (
    "document.readyState === 'complete'"
    " && (!document.querySelector('[data-chart]') || !!document.documentElement.dataset.drawn)"
)

# Texts whose colour is too near to what is behind them, after WCAG 2.2 (1.4.3): below 4.5, or below 3 where large.
_PALE = """
(() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((value, i) => value * a + below[i] * (1 - a));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => (node ? over(channels(getComputedStyle(node).backgroundColor), behind(node.parentElement))
    : [255, 255, 255]);
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || node.closest("svg, script, .unseen, .skip")) continue;
    if (!node.getClientRects().length) continue;
    const [style, ground] = [getComputedStyle(node), behind(node)];
    const [a, b] = [light(over(channels(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const wanted = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if ((a + 0.05) / (b + 0.05) < wanted) pale.push(`${walker.currentNode.textContent.trim()} ${style.color}`);
  }
  return JSON.stringify(pale);
})()
"""
_FOCUSABLE = """
JSON.stringify([...document.querySelectorAll("a[href], summary, input, [tabindex='0']")]
  .filter((one) => one.checkVisibility()).length)
"""
_FOCUSED = """
(() => {
  const one = document.activeElement;
  if (one === document.body) return "null";
  const all = [...document.querySelectorAll("a[href], summary, input, [tabindex='0']")];
  const style = getComputedStyle(one);
  return JSON.stringify([all.indexOf(one), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0]);
})()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser(1280, 900) as opened:
        for domain in ("Network", "Runtime", "Log", "Audits"):
            opened.call(f"{domain}.enable")
        yield opened


class Visitor:
    """Somebody who is logged in and looks at pages."""

    def __init__(self, browser: Browser, airflow: Airflow) -> None:
        self._airflow, self.browser = airflow, browser
        browser.call("Network.clearBrowserCookies")
        browser.call("Network.setCookie", name="_token", value=airflow.token("vera"), url=airflow.url)

    def look(
        self, path: str, *, width: int = 1280, scheme: str = "light", url: str | None = None, ready: str = _READY
    ) -> None:
        """Go to a page and wait until it is drawn."""
        address = url or f"{self._airflow.url}/labelcycle{path}"
        self.browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.browser.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.browser.call("Page.navigate", url="about:blank")
        self.browser.events.clear()
        self.browser.call("Page.navigate", url=address)
        self.browser.wait_for(f"location.href !== 'about:blank' && {ready}")

    def find(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return json.loads(self.browser.evaluate(f"JSON.stringify({expression})"))

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        name, code, text = _KEYS[key]
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            event = {"type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code}
            self.browser.call("Input.dispatchKeyEvent", **event, **typed)

    def click(self, selector: str) -> None:
        """Click on the first of these."""
        click = f"document.querySelector({json.dumps(selector)}).click()"
        self.browser.call("Runtime.evaluate", expression=click, userGesture=True)

    @property
    def trouble(self) -> list[str]:
        """What the browser has complained of since the page was asked for."""
        self.find("1")  # what came in between is read with an answer
        return [json.dumps(one["params"])[:500] for one in self.browser.events if one.get("method") in _TROUBLE]


@pytest.fixture
def visitor(browser: Browser, airflow: Airflow) -> Visitor:
    return Visitor(browser, airflow)


@pytest.fixture
def snapshot(measured: Measured) -> Snapshot:
    return measured(scene.full(160))


PAGE = f"/quality/{PROJECT}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn_without_complaint(visitor: Visitor, snapshot: Snapshot, scheme: str, width: int) -> None:
    visitor.look(PAGE, width=width, scheme=scheme)
    charts = visitor.find(
        "[...document.querySelectorAll('[data-chart]')].map((one) => one.querySelectorAll('svg path').length)"
    )
    assert len(charts) > 10
    assert min(charts) > 3
    assert visitor.find("document.documentElement.scrollWidth") <= width
    assert visitor.find(f"JSON.parse({_PALE.strip()})") == []
    assert visitor.trouble == []


def test_charts_follow_the_scheme(visitor: Visitor, snapshot: Snapshot) -> None:
    drawn = "document.querySelector('[data-chart^=chart-errors] svg').outerHTML"
    visitor.look(PAGE, scheme="light")
    light = visitor.find(drawn)
    visitor.browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    visitor.browser.wait_for(f"{drawn} !== {json.dumps(light)}")
    assert visitor.trouble == []


def test_a_hundred_worst_images_come_from_the_bucket(visitor: Visitor, snapshot: Snapshot) -> None:
    visitor.look(PAGE)
    assert visitor.find("document.querySelectorAll('#worst .thumb').length") == 100
    visitor.browser.evaluate("document.querySelectorAll('#worst details').forEach((one) => { one.open = true; })")
    visitor.browser.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    visitor.browser.wait_for("[...document.images].every((one) => one.complete)")
    sizes = visitor.find("[...document.images].map((one) => [one.naturalWidth, one.naturalHeight])")
    worst = snapshot.annotators[0].evaluation.worst
    assert sizes == [list(image.size) for image in worst]  # as people see them, their orientation applied
    drawn = "[...document.querySelectorAll('.thumb svg')].map((one) => one.querySelectorAll(':not(.halo)').length)"
    outlines = visitor.find(drawn)
    assert outlines == [sum(mark.box is not None for mark in (*image.predicted, *image.final)) for image in worst]
    assert visitor.trouble == []


def test_from_an_alarm_to_the_image_in_cvat_are_two_clicks(visitor: Visitor, snapshot: Snapshot) -> None:
    visitor.look(PAGE)
    visitor.click("#alarms .alarms a")
    visitor.browser.wait_for("document.querySelector('.viewer img')?.complete === true")
    assert visitor.find("document.querySelector('.viewer img').naturalWidth") > 0
    link = visitor.find("document.querySelector('header a[href*=\"frame=\"]').href")
    worst = snapshot.links[snapshot.annotators[0].evaluation.worst[0].image_id]
    assert link == f"https://cvat.example.com/tasks/{worst.task}/jobs/{worst.job}?frame={worst.frame}"
    assert visitor.trouble == []


def test_outlines_can_be_hidden_by_keyboard(visitor: Visitor, snapshot: Snapshot) -> None:
    worst = snapshot.annotators[0].evaluation.worst[0].image_id
    visitor.look(f"{PAGE}/images/{worst}")
    drawn = "getComputedStyle(document.querySelector('.predicted-marks')).display !== 'none'"
    assert visitor.find(drawn)
    visitor.browser.evaluate("document.querySelector('#show-predicted').focus()")
    visitor.press("Space")
    visitor.browser.wait_for(f"!({drawn})")


@pytest.mark.parametrize("path", [PAGE, "/quality", f"{PAGE}?annotator=signs%401.4.0"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(visitor: Visitor, snapshot: Snapshot, path: str) -> None:
    visitor.look(path)
    wanted, reached = visitor.find(f"JSON.parse({_FOCUSABLE.strip()})"), []
    for _ in range(wanted):
        visitor.press("Tab")
        reached.append(visitor.find(f"JSON.parse({_FOCUSED.strip()})"))
    assert len({place for place, _ in reached}) == wanted
    assert [place for place, _ in reached] == sorted(place for place, _ in reached)
    assert all(is_shown for _, is_shown in reached)


def test_the_first_stop_of_the_keyboard_skips_to_the_content(visitor: Visitor, snapshot: Snapshot) -> None:
    visitor.look(PAGE)
    visitor.press("Tab")
    assert visitor.find("document.activeElement.getBoundingClientRect().left") >= 0
    visitor.press("Enter")
    visitor.browser.wait_for("document.activeElement.id === 'content'")


def test_tables_have_captions_and_landmarks_names(visitor: Visitor, snapshot: Snapshot) -> None:
    visitor.look(PAGE)
    assert (
        visitor.find("[...document.querySelectorAll('table')].filter((one) => !one.caption?.textContent.trim()).length")
        == 0
    )
    assert visitor.find("[...document.querySelectorAll('nav')].filter((one) => !one.ariaLabel).length") == 0
    assert visitor.find("document.querySelectorAll('main, header, footer').length") == 3
    assert visitor.find("[...document.querySelectorAll('img')].every((one) => one.hasAttribute('alt'))")


def test_without_scripts_the_tables_say_it(visitor: Visitor, snapshot: Snapshot) -> None:
    visitor.browser.call("Network.setBlockedURLs", urls=["*.js*"])
    try:
        visitor.look(PAGE, ready="document.readyState === 'complete'")
    finally:
        visitor.browser.call("Network.setBlockedURLs", urls=[])
    assert visitor.find("document.querySelectorAll('[data-chart] svg').length") == 0
    visitor.browser.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "signs@1.5.0" in visitor.find("document.querySelector('#time table').innerText")
    assert "0." in visitor.find("document.querySelector('#scores table').innerText")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "ünï😀" * 15])
def test_names_of_others_do_nothing(visitor: Visitor, measured: Measured, name: str) -> None:
    measured(scene.named(name, name))
    visitor.look(PAGE)
    assert visitor.trouble == []
    assert visitor.find("document.documentElement.scrollWidth") <= 1280


def test_a_project_on_its_first_day(visitor: Visitor, measured: Measured) -> None:
    measured(scene.empty())
    visitor.look(PAGE, scheme="dark")
    assert "No job has been finished yet" in visitor.find("document.body.innerText")
    assert visitor.find(f"JSON.parse({_PALE.strip()})") == []
    assert visitor.trouble == []


def test_the_report_opens_from_a_file(visitor: Visitor, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report(scene.full(30)))
    visitor.look("", url=file.as_uri())
    assert visitor.find("document.querySelectorAll('.paper svg').length") > 10
    assert visitor.find("document.documentElement.scrollWidth") <= 1280
    assert visitor.find(f"JSON.parse({_PALE.strip()})") == []
    assert visitor.trouble == []
