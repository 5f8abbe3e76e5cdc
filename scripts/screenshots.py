"""Take the pictures of docs/screenshots: python scripts/screenshots.py [ADDRESS] [PAGE …].

Without an address the app is started for it; without pages all are taken.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "screenshots"
BROWSERS = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REPEATED = "Mr+Alder+met+Ms+Birch+in+Oslo.+Two+years+later,+Mr+Alder+met+Ms+Birch+in+Oslo."
NURSE, MECHANIC = "The+nurse+said+that+she+was+tired.", "The+mechanic+said+that+he+was+tired."
KEYS = "The+keys+to+the+cabinet+is+on+the+table."
PAGES = {
    "home": "/",
    "attention": "/attention?model=minilm&text=The+cat+sat+on+the+mat+because+it+was+tired.&head=L5H11&locked=q8",
    "attention-decoder": f"/attention?model=smollm2-135m&text={REPEATED}&head=L17H5&locked=q17&statistic=induction",
    "predictions": "/predictions?model=minilm-mlm&text=The+doctor+told+the+[MASK]+to+[MASK].",
    "tags": "/predictions?model=minilm-pos&text=The+old+man+saw+the+boats+in+Paris+yesterday.",
    "compare": "/compare?model=minilm-mlm&model_b=smollm2-135m&text=The+doctor+told+the+[MASK]+to+rest.",
    "compare-heads": f"/compare?model=minilm-mlm&text={NURSE}&text_b={MECHANIC}&compared=attention-pattern",
    "compare-surprisal": f"/compare?model=minilm-mlm&model_b=smollm2-135m&text={KEYS}&compared=surprisal",
    "attribution": "/attribution?model=minilm-sentiment&text=A+slow+start,+but+a+wonderful+film+in+the+end.",
    "attribution-layers": "/attribution?model=minilm-mlm&text=The+doctor+told+the+[MASK]+to+rest.&explained=layers",
    "attribution-written": "/attribution?model=smollm2-135m&text=The+capital+of+France+is&explained=written",
    "bias": "/bias?model=minilm-mlm",
    "bias-two": "/bias?model=smollm2-135m&model_b=minilm-mlm&benchmark=minimal-pairs&limit=30",
    "bias-heads": "/bias?model=minilm-mlm&lab=localisation&limit=30",
    "bias-removal": "/bias?model=minilm-mlm&lab=removal&limit=30",
    "bias-variants": "/bias?model=minilm-mlm&lab=variants&limit=30",
    "probing": "/probing?model=minilm&probed=number",
    "probing-syntax": "/probing?model=minilm&knows=syntax",
    "probing-grammar": "/probing?model=minilm-mlm&knows=grammar",
    "probing-similarity": "/probing?model=minilm&model_b=smollm2-135m&knows=similarity",
    "continuation": "/predictions?model=smollm2-135m&text=The+capital+of+France+is&task=next-token",
}
EXPLAINED = {  # what stands there when it is done
    "attribution": "The first words taken away",
    "attribution-layers": "of the difference over",
    "attribution-written": "rests most on",
    "probing": "most frequent label",
    "probing-syntax": "told from the best fixed distance",
    "probing-grammar": "Every paradigm",
    "probing-similarity": "Most alike",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1440, "height": 1000}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 1000}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 400, "height": 1000}, "color_scheme": "light"},
}
PATIENCE = 120.0  # seconds for the server, and for the models


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the app on a free port until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "lmviz", "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health"):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def take(browser: Browser, address: str, page_name: str, look: str) -> None:
    """Open a page in a look of its own and keep the picture when everything on it is there."""
    context = browser.new_context(reduced_motion="reduce", device_scale_factor=1, **LOOKS[look])
    page = context.new_page()
    page.goto(address + PAGES[page_name])
    if page_name == "home":
        main = page.get_by_test_id("stMain")
        main.get_by_text("What is here").wait_for(timeout=PATIENCE * 1000)
        main.get_by_text("Loading and checking").first.wait_for(state="hidden", timeout=PATIENCE * 1000)
    elif "/predictions" in PAGES[page_name] or "/compare" in PAGES[page_name]:
        page.locator(".lmviz-token-strip, .lmviz-panels").first.wait_for(timeout=PATIENCE * 1000)
        page.get_by_text("Method, reference, caution").wait_for(timeout=PATIENCE * 1000)
    elif page_name in EXPLAINED:
        done, button = page.get_by_text(EXPLAINED[page_name]).first, page.get_by_test_id("stBaseButton-primary")
        done.or_(button).first.wait_for(timeout=PATIENCE * 1000)
        page.wait_for_timeout(2000)  # what is quick comes by itself
        if not done.count():  # else it is remembered from another look
            button.last.click()
        done.wait_for(timeout=3 * PATIENCE * 1000)
        if look == "light":
            page.set_viewport_size({"width": 1440, "height": 1700})
    elif "/bias" in PAGES[page_name]:
        page.get_by_test_id("stBaseButton-primary").click(timeout=PATIENCE * 1000)
        page.get_by_text("Done: ").wait_for(timeout=3 * PATIENCE * 1000)
        page.get_by_text("Export", exact=True).wait_for(timeout=PATIENCE * 1000)
        if look == "light":  # as tall as it is: what was asked for stands below the controls
            page.set_viewport_size({"width": 1440, "height": 1700})
    else:
        page.locator('.lmviz-explorer[data-ready="true"][data-exact="true"]').wait_for(timeout=PATIENCE * 1000)
    page.wait_for_timeout(800)  # fonts, and the last frame
    OUT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=OUT / f"{page_name}-{look}.png")
    context.close()


def main() -> None:
    """Take every page in every look."""
    found = next((path for name in BROWSERS if name and (path := shutil.which(name))), None)
    if found is None:
        sys.exit(
            "No Chromium or Chrome: install one (on Debian: apt-get install chromium), or set CHROMIUM to its path."
        )
    address = next((word.rstrip("/") for word in sys.argv[1:] if word.startswith("http")), "")
    wanted = [word for word in sys.argv[1:] if word in PAGES] or list(PAGES)
    running = contextlib.nullcontext(address) if address else server()
    with running as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        for page_name in wanted:
            for look in LOOKS:
                take(browser, address, page_name, look)
                print(f"{page_name}-{look}.png")
        browser.close()


if __name__ == "__main__":
    main()
