"""A page without a server: any document opened at an address of its own, with everything it asks for written down."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Route

from lmviz.components.query_key import script, style
from lmviz.figures.query_key_payload import query_key_payload
from lmviz.results import QueryKeyProducts

ADDRESS = "http://127.0.0.1:9/figure"
THEMES = {
    "light": ("#ffffff", "#f5f6fa", "#1b1f2a", "#4338ca"),
    "dark": ("#0d0f14", "#1c1f2a", "#e8eaf1", "#6265f0"),
}


@contextmanager
def opened(browser: Browser, document: str, **options: Any) -> Iterator[Page]:
    """Open a document; a request, an error or a script that was typed fails the test when the block ends."""
    with opened_all(browser, {"it": document}, **options) as visits:
        yield next(visits)[1]


@contextmanager
def opened_all(browser: Browser, documents: Mapping[str, str], **options: Any) -> Iterator[Iterator[tuple[str, Page]]]:
    """Open documents one after the other in one window, on the same terms."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
    page = context.new_page()
    problems: list[str] = []
    addresses = {f"{ADDRESS}/{number}": name for number, name in enumerate(documents)}

    def answer(route: Route) -> None:
        if route.request.url in addresses and route.request.resource_type == "document":
            route.fulfill(body=documents[addresses[route.request.url]], content_type="text/html; charset=utf-8")
        else:
            problems.append(f"request to {route.request.url[:200]}")
            route.abort()

    def visits() -> Iterator[tuple[str, Page]]:
        for address, name in addresses.items():
            page.goto(address)
            yield name, page
            _check(page, name)

    def _check(page: Page, name: str) -> None:
        page.wait_for_timeout(50)
        if page.evaluate("() => 'injected' in window"):
            problems.append(f"what was typed ran: {name}")

    page.route("**/*", answer)
    page.on("pageerror", lambda error: problems.append(f"uncaught: {error}"))
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    try:
        yield visits()
        _check(page, "the last")
        assert problems == []
    finally:
        context.close()


def query_key_page(result: QueryKeyProducts, *, theme: str = "light") -> str:
    """Give a page that holds the query–key view alone."""
    names = ("background", "secondary-background", "text", "primary")
    colours = "".join(f"--st-{name}-color:{value};" for name, value in zip(names, THEMES[theme], strict=True))
    data = base64.b64encode(query_key_payload(result)).decode()
    return f"""<!doctype html><meta charset="utf-8"><title>query and key</title><link rel="icon" href="data:,">
<style>:root {{ {colours} }} body {{ margin: 16px; background: {THEMES[theme][0]} }} {style()}</style>
<body><div id="place"></div><script>{script()}
const packed = Uint8Array.from(atob("{data}"), (character) => character.charCodeAt(0));
window.view = mountQueryKey(document.getElementById("place"), packed);</script>"""
