"""Pictures of the running stack for the docs, taken by a browser without a screen: DAGs as graphs, the quality page."""

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from include.local.browser import Browser, NoPicture, open_browser
from include.local.rest import Airflow, AirflowApi
from include.local.running import EVALUATE, INGEST, RELEASE, running_stack
from include.local.stack import ROOT

IMAGES = ROOT / "docs" / "images"
_WIDTH, _HEIGHT = 2100, 480  # of the page, in pixels
_PANELS = "react-resizable-panels:graph-ltr"  # the UI's own key for how the page is divided
_DRAWN = "document.querySelector('.react-flow__edge') !== null"
_GRAPH = "JSON.stringify(document.querySelector('.react-flow').getBoundingClientRect())"
_SPAN = (  # of two elements on the page, with some room
    "JSON.stringify([document.querySelector({first}).getBoundingClientRect().top + scrollY - 16,"
    " document.querySelector({last}).getBoundingClientRect().bottom + scrollY + 16].map((y) => Math.max(0, y)))"
)
_BARE = "for (const one of document.querySelectorAll('.react-flow__panel')) one.remove()"  # controls and the small map


def take_screenshots(folder: Path) -> None:
    """Save the graph of the last run of each lifecycle DAG, and the quality page. Raises NotRunning, NoPicture."""
    _, airflow = running_stack(folder)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with AirflowApi(airflow) as api, open_browser(_WIDTH, _HEIGHT) as browser:
        token = api.token
        for dag_id in (INGEST, EVALUATE, RELEASE):
            _save(dag_id.partition("_")[0], _graph(browser, airflow, token, dag_id, _last_run(api, dag_id)))
        project = EVALUATE.partition("_")[2]
        for name, picture in quality_pictures(browser, f"{airflow.url}/labelcycle/quality/{project}"):
            _save(name, picture)


def _save(name: str, picture: bytes) -> None:
    path = IMAGES / f"{name}.png"
    with Image.open(io.BytesIO(picture)) as opened:
        opened.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def quality_pictures(browser: Browser, page: str) -> Iterator[tuple[str, bytes]]:
    """Parts of a project's quality page, and of its worst image's, in light and dark; their names and PNGs. Raises
    NoPicture."""
    browser.call("Network.enable")
    yield "quality-light", _part(browser, page, "light", "body", "#classes")
    yield "quality-dark", _part(browser, page, "dark", "#time", "#places")
    worst = browser.evaluate("document.querySelector('#worst .gallery a').href")
    yield "quality-image", _part(browser, worst, "light", "body", "main section")


def _part(browser: Browser, page: str, scheme: str, first: str, last: str) -> bytes:
    """A page from the top of one element to the bottom of another, as wide as a small screen."""
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Page.navigate", url=page)
    browser.wait_for(f"location.href === {json.dumps(page)} && document.readyState === 'complete'")
    browser.wait_for("!document.querySelector('[data-chart]') || document.documentElement.dataset.drawn === 'yes'")
    browser.wait_for(f"document.querySelector({json.dumps(last)}) !== null")
    top, bottom = json.loads(browser.evaluate(_SPAN.format(first=json.dumps(first), last=json.dumps(last))))
    clip = {"x": 0, "y": top, "width": 1280, "height": bottom - top, "scale": 1}
    shot = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    return base64.b64decode(shot["data"])


def _last_run(api: AirflowApi, dag_id: str) -> str:
    runs = api.get(f"/dags/{dag_id}/dagRuns", state="success", order_by="-start_date", limit="1")["dag_runs"]
    if not runs:
        raise NoPicture(f"{dag_id} has no successful run yet: make day, or trigger it")
    return str(runs[0]["dag_run_id"])


def _graph(browser: Browser, airflow: Airflow, token: str, dag_id: str, run_id: str) -> bytes:
    """A run's page with the graph in front and all groups open, as PNG."""
    browser.call("Network.setCookie", name="_token", value=token, url=airflow.url)
    panels = {"details-panel,main-panel": {"expandToSizes": {}, "layout": [94, 6]}}
    store = {"default_dag_view": "graph", f"{dag_id}/open-groups": ["carry"], _PANELS: panels}
    script = "".join(f"localStorage.setItem({json.dumps(k)}, {json.dumps(json.dumps(v))});" for k, v in store.items())
    browser.call("Page.addScriptToEvaluateOnNewDocument", source=script)
    browser.call("Page.navigate", url=f"{airflow.url}/dags/{dag_id}/runs/{run_id}")
    browser.wait_for(_DRAWN)
    time.sleep(3)  # the graph moves into view
    browser.evaluate(_BARE)
    place = json.loads(browser.evaluate(_GRAPH))
    clip = {name: place[name] for name in ("x", "y", "width", "height")}
    return base64.b64decode(browser.call("Page.captureScreenshot", format="png", clip={**clip, "scale": 1})["data"])
