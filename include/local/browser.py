"""A browser without a screen: Chromium over its DevTools protocol.

Chromium is no dependency of the project: `apt-get install chromium`, or Google's Chrome, where pages are looked at.
"""

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

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 60.0  # for the browser to start, and for a page to be drawn


class NoPicture(Exception):
    """There is no browser, no run to be seen, or a page was not drawn in time."""


class Browser:
    """A page of a running Chromium. https://chromedevtools.github.io/devtools-protocol/ has the methods."""

    def __init__(self, page: ClientConnection) -> None:
        self._page = page
        self._numbers = itertools.count()
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: object) -> Any:
        """Call a method and return its result; events that come in between are kept. Raises NoPicture where the browser
        refuses."""
        number = next(self._numbers)
        self._page.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._page.recv(_SECONDS))).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise NoPicture(f"the browser refuses {method}: {answer['error']['message']}")
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


def chromium() -> str | None:
    """Where Chromium is on this machine, if it is."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


@contextmanager
def open_browser(width: int, height: int) -> Iterator[Browser]:
    """A browser with an empty page of this many pixels. Raises NoPicture where there is no Chromium."""
    command = chromium()
    if command is None:
        raise NoPicture("there is no Chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        arguments = [
            "--headless=new",
            "--no-sandbox",
            f"--window-size={width},{height}",
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
