"""What a person waits for on the attention page, measured in headless Chromium against plain passes and BertViz.

    python benchmarks/page.py [--repeats 5]

The model is random and of bert-base's size, with the embedded encoder's tokenizer. "Drawn" is when the picture shows
exact numbers and a frame has been painted. All of it runs on this machine, in one run; compare ratios, not seconds.
The browser is CHROMIUM, else the first Chromium or Chrome on the PATH. The status is 1 when a figure misses its limit.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import torch
from limits import Limits
from playwright.sync_api import Page, sync_playwright
from transformers import BertConfig, BertModel

import lmviz
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Limits: see README.md beside this file.
BEYOND_TWO_PASSES, ANOTHER_HEAD = 300.0, 150.0  # milliseconds
LONG_SECONDS, LONG_MEGABYTES = 3.0, 2.0  # 512 tokens, after the model has run
TIMES_FASTER, TIMES_FEWER_BYTES = 20.0, 15.0  # than BertViz's model view
FIND = """const find = (node) => {
    if (node.matches && node.matches('.lmviz-explorer')) return node;
    for (const child of [...(node.shadowRoot ? node.shadowRoot.children : []), ...node.children]) {
        const found = find(child);
        if (found) return found;
    }
    return null;
};"""
EXACT = """([field, old]) => new Promise((done) => {
    FIND
    const look = () => {
        const explorer = find(document.body);
        const panel = explorer && explorer.querySelector('.head-panel');
        const label = panel ? panel.dataset.label : '';
        const seen = explorer ? {id: explorer.dataset.id, label} : {};
        const is_new = explorer && explorer.dataset.exact === 'true' && label && seen[field] !== old;
        if (is_new) requestAnimationFrame(() => done({at: Date.now(), ...seen}));
        else requestAnimationFrame(look);
    };
    look();
})""".replace("FIND", FIND)
# Notes the first frame after a new picture is there; BertViz draws in one go, so its first lines mean it is done.
WATCH = """(kind) => {
    window.drawnAt = 0;
    FIND
    const shown = find(document.body);
    const before = {id: shown ? shown.dataset.id : '',
        inside: (document.querySelector('iframe') || {}).contentDocument};
    const is_there = () => {
        if (kind === 'ours') {
            const explorer = find(document.body);
            return explorer && explorer.dataset.id !== before.id && explorer.dataset.exact === 'true';
        }
        const frame = document.querySelector('iframe');
        const inside = frame && frame.contentDocument;
        return inside && inside !== before.inside && inside.querySelectorAll('svg line, svg path').length > 1000;
    };
    const look = () => requestAnimationFrame(() => { if (is_there()) window.drawnAt = Date.now(); else look(); });
    look();
}""".replace("FIND", FIND)
GEOMETRY = """grid => { const box = grid.getBoundingClientRect(), d = grid.dataset;
    return {x: box.left + +d.left - grid.scrollLeft, y: box.top + +d.top - grid.scrollTop,
        dx: +d.stepX, dy: +d.stepY} }"""
WORDS = ("warm", "cold", "long", "short", "dark", "light", "dry", "wet", "late", "early", "calm")
SENTENCE = (
    "the small cat that the old woman had found in the garden last year sat on the warm mat because it was "
    "very tired that {} evening"
)


def find_chromium() -> str | None:
    """Find the browser: CHROMIUM, else the first one on the PATH."""
    candidates = (os.environ.get("CHROMIUM", ""), *NAMES)
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


def free_port() -> int:
    """Ask the system for a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(app: Path) -> Iterator[str]:
    """Run a Streamlit app on a free port until the block ends."""
    port = free_port()
    settings = ["--server.headless=true", f"--server.port={port}", "--server.fileWatcherType=none"]
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.address=127.0.0.1", *settings]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


class Counter:
    """Counts the bytes that a page receives."""

    def __init__(self, page: Page) -> None:
        self.received = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._add))

    def _add(self, payload: str | bytes) -> None:
        self.received += len(payload)


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    """Time a function after one warm-up; give the median in seconds."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def make_model(folder: Path) -> None:
    """Write a random model of bert-base's size, with a real tokenizer."""
    torch.manual_seed(0)
    tokenizer = lmviz.load("minilm").tokenizer
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def plain_seconds(model: Any, text: str, repeats: int) -> tuple[float, float]:
    """Time a plain pass and a trace of all patterns on a text."""
    encoding = encode(model, text)
    with torch.no_grad():
        plain = median_seconds(lambda: model.hf_model(**encoding.inputs()), repeats)
    return plain, median_seconds(lambda: trace(model, encoding, ("pattern",)), repeats)


def type_and_wait(page: Page, text: str, mark: str) -> tuple[float, str]:
    """Type a text, press Ctrl+Enter, wait until it is drawn; give the seconds."""
    box = page.get_by_role("textbox", name="Text", exact=True)
    box.fill(text)
    start = time.time()
    box.press("Control+Enter")
    drawn = page.evaluate(EXACT, ["id", mark])
    return drawn["at"] / 1000 - start, str(drawn["id"])


def attention_page(browser: Any, url: str, *, folder: Path, repeats: int, limits: Limits) -> None:
    """Measure new texts of 29 and 512 tokens and the switch of heads."""
    model = lmviz.load(str(folder))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    counter = Counter(page)
    page.goto(f"{url}/attention?" + urlencode({"model": str(folder), "text": "the cat sat"}))
    page.get_by_role("button", name="Load it").click(timeout=60_000)  # a link does not load a folder by itself
    mark = str(page.evaluate(EXACT, ["id", ""])["id"])
    short = SENTENCE.format(WORDS[0])
    plain, _ = plain_seconds(model, short, repeats)
    took = []
    for word in WORDS[: repeats + 1]:
        seconds, mark = type_and_wait(page, SENTENCE.format(word), mark)
        took.append(seconds)
    total = statistics.median(took[1:])
    n_tokens = len(encode(model, short).table)
    print(
        f"{n_tokens} tokens, Enter to drawn: {total * 1e3:.0f} ms; plain pass {plain * 1e3:.0f} ms; "
        f"beyond two passes: {(total - 2 * plain) * 1e3:.0f} ms"
    )
    limits.at_most("beyond two passes", (total - 2 * plain) * 1e3, limit=BEYOND_TWO_PASSES, unit="ms")
    limits.at_most("another head, worst", switch_heads(page, repeats) * 1e3, limit=ANOTHER_HEAD, unit="ms")
    long_texts(page, model, mark=mark, counter=counter, limits=limits)
    page.close()


def long_texts(page: Page, model: Any, *, mark: str, counter: Counter, limits: Limits) -> None:
    """Measure two texts of 512 tokens: seconds and bytes after the model has run."""
    for turn in range(2):
        long = " ".join(WORDS[(turn + i * i) % len(WORDS)] for i in range(510))
        _, tracing = plain_seconds(model, long, 1)
        before = counter.received
        seconds, mark = type_and_wait(page, long, mark)
        received = (counter.received - before) / 1e6
        print(
            f"512 tokens: {seconds:.2f} s, of which the model {tracing:.2f} s; "
            f"after it: {seconds - tracing:.2f} s, {received:.2f} MB"
        )
        limits.at_most("512 tokens, after the model", seconds - tracing, limit=LONG_SECONDS, unit="s")
        limits.at_most("512 tokens, received", received, limit=LONG_MEGABYTES, unit="MB")


def switch_heads(page: Page, repeats: int) -> float:
    """Open other heads by clicking on their tiles, each once so that nothing comes from a cache; give the worst."""
    grid = page.locator(".overview-grid")
    grid.scroll_into_view_if_needed()
    at: dict[str, float] = grid.evaluate(GEOMETRY)
    times: list[float] = []
    label = str(page.evaluate(EXACT, ["label", ""])["label"])
    for turn in range(2 * repeats):
        layer, head = 1 + turn % 9, (turn * 5) % 12
        start = time.time()
        page.mouse.click(at["x"] + (head + 0.4) * at["dx"], at["y"] + (layer + 0.4) * at["dy"])
        drawn = page.evaluate(EXACT, ["label", label])
        times.append(drawn["at"] / 1000 - start)
        label = str(drawn["label"])
        time.sleep(0.3)
    times.sort()
    middle = statistics.median(times)
    print(f"another head, click to exact: median {middle * 1e3:.0f} ms, worst {times[-1] * 1e3:.0f} ms")
    return times[-1]


def against_bertviz(browser: Any, url: str, *, n_tokens: int, repeats: int, limits: Limits) -> None:
    """Draw the same kind of data with the explorer and with BertViz's model view."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    counter = Counter(page)
    page.goto(f"{url}/?tokens={n_tokens}")
    found: dict[str, list[tuple[float, int]]] = {"ours": [], "bertviz": []}
    for kind, button in (("ours", "Ours"), ("bertviz", "BertViz")):
        for _ in range(repeats + 1):
            before = counter.received
            page.evaluate(WATCH, kind)
            page.get_by_role("button", name=button, exact=True).click()
            page.wait_for_function("window.drawnAt", timeout=180_000)
            at = float(page.evaluate("window.drawnAt"))
            page.wait_for_timeout(1000)
            started = float(page.locator(f'#started[data-kind="{kind}"]').get_attribute("data-at") or 0)
            found[kind].append(((at - started) / 1e3, counter.received - before))
    first = found["ours"][0][0]
    (a, a_bytes), (b, b_bytes) = (
        (statistics.median(x for x, _ in runs[1:]), statistics.median(y for _, y in runs[1:]))
        for runs in found.values()
    )
    print(
        f"{n_tokens} tokens × 144 heads: explorer {a:.2f} s (its first time {first:.2f} s), "
        f"{a_bytes / 1e6:.2f} MB; BertViz model view {b:.2f} s, {b_bytes / 1e6:.2f} MB: "
        f"{b / a:.0f} × faster, {b_bytes / a_bytes:.0f} × fewer bytes"
    )
    limits.at_least("faster than BertViz", b / a, limit=TIMES_FASTER, unit="×")
    limits.at_least("fewer bytes than BertViz", b_bytes / a_bytes, limit=TIMES_FEWER_BYTES, unit="×")
    page.close()


def main() -> int:
    """Measure everything, print a line for each figure and limit, and give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=["page", "bertviz"], default=["page", "bertviz"])
    asked = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        parser.error("no Chromium or Chrome: install one, or set CHROMIUM to its path")
    repeats, limits = asked.repeats, Limits()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        make_model(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGUMENTS)
        if "page" in asked.only:
            with served(ROOT / "app.py") as url:
                attention_page(browser, url, folder=Path(folder), repeats=repeats, limits=limits)
        if "bertviz" in asked.only:
            with served(ROOT / "benchmarks" / "pictures.py") as url:
                against_bertviz(browser, url, n_tokens=64, repeats=min(repeats, 3), limits=limits)
        browser.close()
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
