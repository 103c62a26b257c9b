"""A headless Chromium that tells which requests and messages a page causes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

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
MESSAGES = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
PHONE, DESK = 390, 1280


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the browser reported while a page was open."""

    messages: tuple[str, ...]
    requests: tuple[str, ...]


class Browser:
    """A headless Chromium, spoken to in the DevTools protocol over a pair of pipes."""

    def __init__(self, asks: IO[bytes], answers: IO[bytes]) -> None:
        self._asks = asks
        self._answers = answers
        self._asked = 0
        self._events: list[dict[str, Any]] = []
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
        self._asks.write(json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._asked:
                assert "error" not in heard, heard
                return dict(heard["result"])

    def _hear(self) -> dict[str, Any]:
        letters = bytearray()
        while (letter := self._answers.read(1)) != b"\0":
            assert letter, "Chromium ended before it answered"
            letters += letter
        heard: dict[str, Any] = json.loads(letters)
        if "method" in heard:
            self._events.append(heard)
        return heard

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
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._hear()
        # Two frames later every message of the page has been sent.
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self._seen()

    def _seen(self) -> Seen:
        named = [(event["method"], event["params"]) for event in self._events]
        return Seen(
            messages=tuple(json.dumps(found) for method, found in named if method in MESSAGES),
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


# DevTools reads descriptor 3 and writes descriptor 4.
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextmanager
def opened(profile: Path) -> Iterator[Browser]:
    """Give a browser with a new profile, and end its process afterwards."""
    assert CHROMIUM is not None
    from_us, ask = os.pipe()
    answer, to_us = os.pipe()
    launch = [sys.executable, "-c", LAUNCH, str(from_us), str(to_us)]
    process = subprocess.Popen(
        [*launch, CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(from_us, to_us),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(from_us)
    os.close(to_us)
    with process, os.fdopen(ask, "wb", buffering=0) as asks, os.fdopen(answer, "rb") as answers:
        try:
            yield Browser(asks, answers)
        finally:
            process.terminate()
