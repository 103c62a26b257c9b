"""The page as a browser sees it: no request, no message, no overflow, nothing run."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.report.html import write_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.records import Record

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)
PHONE, DESK = 390, 1280


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the browser reported while a page was open."""

    messages: tuple[str, ...]
    requests: tuple[str, ...]


class Browser:
    """A headless Chromium, spoken to in the DevTools protocol over a pair of pipes."""

    def __init__(self, process: subprocess.Popen[bytes], ask: int, answer: int) -> None:
        self.process = process
        self._ask = ask
        self._answer = os.fdopen(answer, "rb")
        self._asked = 0
        self._events: list[dict[str, dict[str, dict[str, str]]]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    _session = ""

    def call(self, method: str, **parameters: object) -> dict[str, object]:
        """Return the browser's answer; events that come meanwhile are kept."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._asked:
                assert "error" not in heard, heard
                return dict(heard["result"])

    def _hear(self) -> dict[str, dict[str, dict[str, str]]]:
        letters = iter(lambda: self._answer.read(1), b"\0")
        heard = json.loads(b"".join(letters))
        if "method" in heard:
            self._events.append(heard)
        return dict(heard)

    def view(self, page: Path, *, width: int = DESK, scheme: str = "light") -> Seen:
        """Open the page at a width and colour scheme and return what was reported."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", media="screen", features=[feature])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < DESK,
        )
        self._events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(str(event["method"]) == "Page.loadEventFired" for event in self._events):
            self._hear()
        # Two frames later every message of the page has been sent.
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self._seen()

    def _seen(self) -> Seen:
        named = [(str(event["method"]), event["params"]) for event in self._events]
        return Seen(
            messages=tuple(
                json.dumps(found)
                for method, found in named
                if method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
            ),
            requests=tuple(
                found["request"]["url"]
                for method, found in named
                if method == "Network.requestWillBeSent"
            ),
        )

    def run(self, script: str) -> object:
        """Return what a script evaluates to in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def picture(self, target: Path) -> None:
        """Write the whole page as a PNG file."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(str(answer["data"])))


@contextmanager
def opened(profile: Path) -> Iterator[Browser]:
    """Give a browser with a new profile, and end its process afterwards."""
    assert CHROMIUM is not None
    from_us, ask = os.pipe()
    answer, to_us = os.pipe()
    # DevTools reads descriptor 3 and writes descriptor 4.
    shell = f'exec "$0" "$@" 3<&{from_us} 4>&{to_us}'
    flags = (*FLAGS, f"--user-data-dir={profile}")
    with subprocess.Popen(
        ["sh", "-c", shell, CHROMIUM, *flags],
        pass_fds=(from_us, to_us),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(from_us)
        os.close(to_us)
        browser = Browser(process, ask, answer)
        try:
            yield browser
        finally:
            browser._session = ""
            browser.call("Browser.close")
