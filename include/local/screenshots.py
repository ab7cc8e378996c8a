"""Pictures of the running stack's graphs for the docs, taken by a browser without a screen."""

import base64
import json
import time
from pathlib import Path

from include.local.browser import Browser, NoPicture, open_browser
from include.local.rest import Airflow, AirflowApi
from include.local.running import EVALUATE, INGEST, RELEASE, running_stack
from include.local.stack import ROOT

IMAGES = ROOT / "docs" / "images"
_WIDTH, _HEIGHT = 2100, 480  # of the page, in pixels
_PANELS = "react-resizable-panels:graph-ltr"  # the UI's own key for how the page is divided
_DRAWN = "document.querySelector('.react-flow__edge') !== null"
_GRAPH = "JSON.stringify(document.querySelector('.react-flow').getBoundingClientRect())"
_BARE = "for (const one of document.querySelectorAll('.react-flow__panel')) one.remove()"  # controls and the small map


def take_screenshots(folder: Path) -> None:
    """Save the graph of the last run of each lifecycle DAG. Raises NotRunning, NoPicture."""
    _, airflow = running_stack(folder)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with AirflowApi(airflow) as api, open_browser(_WIDTH, _HEIGHT) as browser:
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
