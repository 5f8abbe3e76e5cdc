"""A real server and a real browser; a request that leaves this computer or an error in the console fails the test."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "test-artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ELSEWHERE = re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/])")
# On a deep link the front end first asks for these below the page's own path, where they are not.
PROBE = re.compile(r"/[^/]+/_stcore/(health|host-config)$")
STARTED_WITHIN = 60.0  # seconds
expect.set_options(timeout=30_000)  # milliseconds: a busy machine is no fault of a page
FAILED = pytest.StashKey[bool]()
# An element whose code the browser has yet to fetch stands hidden, or as a grey bar, though the script has ended.
QUIET = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    const waits = document.querySelector('[data-testid="stSkeleton"], [style*="display: none !important"]') !== null;
    const still = app !== null && app.dataset.testScriptState === "notRunning" && !waits;
    window.stillSince = still ? (window.stillSince ?? performance.now()) : null;
    return still && performance.now() - window.stillSince > 150;
}"""


@dataclass(frozen=True)
class Server:
    """A running app and what it printed."""

    url: str
    log: Path


@dataclass(eq=False)
class Visit:
    """One visitor: a browser context of its own, and what went wrong in it.

    `page` is Playwright's page; its locators see through the shadow roots of components.
    """

    context: BrowserContext
    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> "Visit":
        """Go to a path of the app, or to a whole address, and wait until it is drawn."""
        self.page.goto(path if "://" in path else self.url + path)
        return self.settle()

    def settle(self, timeout: float = 60.0) -> "Visit":
        """Wait until the script has been still for a moment; an exception on the page fails the test."""
        self.page.wait_for_function(QUIET, timeout=timeout * 1000, polling=50)
        shown = self.page.get_by_test_id("stException")
        if shown.count():
            pytest.fail(f"The page shows an exception: {shown.first.inner_text()}")
        return self

    def watch(self) -> "Visit":
        """Note every error and every request to another computer, and let none of those out."""
        self.context.route(ELSEWHERE, self._refuse)
        self.page.on("websocket", lambda socket: self._outside(socket.url))
        self.page.on("request", self._requested)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught in the page: {error}"))
        return self

    def _refuse(self, route: Route) -> None:
        self._outside(route.request.url)
        route.abort()

    def _requested(self, request: Request) -> None:
        if not self.page.is_closed():
            self._outside(request.url)

    def _outside(self, url: str) -> None:
        if ELSEWHERE.match(url) and f"request to {url}" not in self.problems:
            self.problems.append(f"request to {url}")

    def _console(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        is_probe = message.text.startswith("Failed to load resource") and PROBE.search(where)
        if message.type == "error" and not is_probe:
            self.problems.append(f"console: {message.text} ({where})")


def find_chromium() -> str | None:
    """Find the browser: CHROMIUM, else the first one on the PATH."""
    candidates = (os.environ.get("CHROMIUM", ""), *NAMES)
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], server: Server) -> None:
    """Ask for the app's health until it answers; say what it printed when it does not."""
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"The app ended with status {process.returncode}:\n{server.log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=1):
            return
        time.sleep(0.05)
    pytest.fail(f"The app did not start within {STARTED_WITHIN:.0f} s:\n{server.log.read_text()}")


@contextlib.contextmanager
def running_app(log: Path, **environment: str) -> Iterator[Server]:
    """Run the app as `lmviz` does, on a free port, until the block ends."""
    with _running(["lmviz", "--port"], log, cwd=log.parent, HF_HUB_OFFLINE="1", **environment) as server:
        yield server


@contextlib.contextmanager
def running_harness(name: str, log: Path) -> Iterator[Server]:
    """Run a page of the harness folder instead of the app, on a free port, until the block ends."""
    page = Path(__file__).parent / "harness" / f"{name}.py"
    command = ["streamlit", "run", str(page), "--server.headless=true", "--server.port"]
    with _running(command, log, cwd=ROOT, PYTHONPATH=str(ROOT)) as server:
        yield server


@contextlib.contextmanager
def _running(command: list[str], log: Path, *, cwd: Path, **environment: str) -> Iterator[Server]:
    """Run a module of Python that serves on the port given as its last argument, until the block ends."""
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}", log)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, str(port)],
            cwd=cwd,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        _wait_until_up(process, server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One app for all browser tests."""
    with running_app(tmp_path_factory.mktemp("server") / "server.log") as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all browser tests; closed after them, because its event loop would stay in the way."""
    path = find_chromium()
    if path is None:
        pytest.fail(
            "No Chromium or Chrome: install one (on Debian: apt-get install chromium), or set CHROMIUM to its path.",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def visitor(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Give a function that makes a new visitor; its arguments are those of Playwright's `new_context`."""
    visits: list[Visit] = []

    def new(**options: Any) -> Visit:
        chosen = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
        context = browser.new_context(**chosen)
        visits.append(Visit(context, context.new_page(), server.url).watch())
        return visits[-1]

    yield new
    problems = [problem for visit in visits for problem in visit.problems]
    failed = bool(problems) or request.node.stash.get(FAILED, False)
    for number, visit in enumerate(visits):
        if failed:
            _keep_picture(visit.page, f"{request.node.name}-{number}")
        visit.context.close()
    if failed:
        request.node.add_report_section("teardown", "server", server.log.read_text(errors="replace")[-4000:])
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def page_at(visitor: Callable[..., Visit]) -> Callable[..., Visit]:
    """Give a function that opens a path of the app as a new visitor and waits until it is drawn."""

    def opened(path: str = "/", **options: Any) -> Visit:
        return visitor(**options).open(path)

    return opened


def _keep_picture(page: Page, name: str) -> None:
    """Keep what a failed test saw."""
    ARTIFACTS.mkdir(exist_ok=True)
    with contextlib.suppress(Exception):  # the failure itself is what has to be reported
        page.screenshot(path=ARTIFACTS / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.png", full_page=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, so that `-m "not browser"` leaves it out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the fixtures whether the test failed."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
