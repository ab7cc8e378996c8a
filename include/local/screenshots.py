"""Pictures of the running stack's graphs for the docs, taken by Chromium without a screen over its DevTools protocol.

Chromium is no dependency of the project: `apt-get install chromium`, or Google's Chrome, when the pictures are made.
"""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from include.local.rest import Airflow, AirflowApi
from include.local.running import EVALUATE, INGEST, RELEASE, running_stack
from include.local.stack import ROOT

IMAGES = ROOT / "docs" / "images"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 60.0  # for the browser to start, and for a page to be drawn
_WIDTH, _HEIGHT = 2100, 480  # of the page, in pixels
_PANELS = "react-resizable-panels:graph-ltr"  # the UI's own key for how the page is divided
_DRAWN = "document.querySelector('.react-flow__edge') !== null"
_GRAPH = "JSON.stringify(document.querySelector('.react-flow').getBoundingClientRect())"
_BARE = "for (const one of document.querySelectorAll('.react-flow__panel')) one.remove()"  # controls and the small map


class NoPicture(Exception):
    """There is no browser, no run to be seen, or a page was not drawn in time."""


class Browser:
    """A page of a running Chromium. https://chromedevtools.github.io/devtools-protocol/ has the methods."""

    def __init__(self, page: ClientConnection) -> None:
        self._page = page
        self._numbers = itertools.count()

    def call(self, method: str, **parameters: object) -> Any:
        """Call a method and return its result; events that come in between are passed over."""
        number = next(self._numbers)
        self._page.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._page.recv(_SECONDS))).get("id") != number:
            continue
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=expression)["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true. Raises NoPicture where that takes too long."""
        deadline = time.monotonic() + _SECONDS
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                raise NoPicture(f"the page was not drawn within {_SECONDS:g} s: {condition} is not true")
            time.sleep(0.2)


def take_screenshots(folder: Path) -> None:
    """Save the graph of the last run of each lifecycle DAG. Raises NotRunning, NoPicture."""
    _, airflow = running_stack(folder)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with AirflowApi(airflow) as api, _browser() as browser:
        token = api.token
        for dag_id in (INGEST, EVALUATE, RELEASE):
            path = IMAGES / f"{dag_id.partition('_')[0]}.png"
            path.write_bytes(_graph(browser, airflow, token, dag_id, _last_run(api, dag_id)))
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


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


@contextmanager
def _browser() -> Iterator[Browser]:
    command = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if command is None:
        raise NoPicture("there is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        arguments = [
            "--headless=new",
            "--no-sandbox",
            f"--window-size={_WIDTH},{_HEIGHT}",
            "--remote-debugging-port=0",
            "about:blank",
        ]
        process = subprocess.Popen([command, f"--user-data-dir={profile}", *arguments], stderr=subprocess.DEVNULL)
        try:
            with connect(_page(Path(profile) / "DevToolsActivePort"), max_size=None) as page:
                browser = Browser(page)
                browser.call("Page.enable")
                yield browser
        finally:
            process.terminate()
            process.wait(_SECONDS)


def _page(port_file: Path) -> str:
    """The WebSocket address of the browser's only page."""
    deadline = time.monotonic() + _SECONDS
    while not (port_file.exists() and port_file.read_text()):
        if time.monotonic() > deadline:
            raise NoPicture(f"Chromium did not start within {_SECONDS:g} s")
        time.sleep(0.1)
    port = port_file.read_text().splitlines()[0]
    pages = httpx.get(f"http://127.0.0.1:{port}/json/list").json()
    return str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))
