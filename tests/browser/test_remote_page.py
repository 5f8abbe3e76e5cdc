"""The predictions page with a real server behind it: what it offers and says, light and dark, wide and narrow."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, Visit, running_app
from tests.llama_server import KEY

PATIENCE = 120_000
TEXT = "The capital of France is"


@pytest.fixture(scope="module")
def app(locked_llama: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app with the server 'lab' in its secrets file, and one that is down."""
    folder = tmp_path_factory.mktemp("configured")
    secrets = folder / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text(
        f'[remote.lab]\nurl = "{locked_llama}"\nkey = "{KEY}"\ntimeout = 300\n'
        '[remote.down]\nurl = "http://127.0.0.1:1/v1"\n'
    )
    with running_app(folder / "server.log") as running:
        yield running


@pytest.fixture
def lab(app: Server, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Give a function that opens the predictions page as a visitor who picked the server by hand."""
    visits: list[Visit] = []

    def opened(task: str, *, name: str = "lab", **look: object) -> Visit:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **look}
        )
        visit = Visit(context, context.new_page(), app.url).watch()
        visits.append(visit)
        visit.open(f"/predictions?model=remote:{name}&text={quote(TEXT)}&task={task}")
        visit.page.get_by_role("button", name="Send it").click()
        return visit.settle(PATIENCE / 1000)

    yield opened
    for visit in visits:
        visit.context.close()
    assert [problem for visit in visits for problem in visit.problems] == []
    assert KEY not in app.log.read_text(errors="replace")


def main_text(page: Page) -> object:
    return page.get_by_test_id("stMain")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_next_token_is_shown_with_where_the_text_goes(lab: Callable[..., Visit], look: str, width: int) -> None:
    visit = lab("next-token", color_scheme=look, viewport={"width": width, "height": 900})
    page = visit.page
    expect(main_text(page)).to_contain_text("Your text is sent to 127.0.0.1", timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("After the text: ·Paris, 0.77")
    expect(main_text(page)).to_contain_text("entropy at least")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert KEY not in page.content()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_writes_token_by_token(lab: Callable[..., Visit], look: str) -> None:
    visit = lab("generate", color_scheme=look)
    page = visit.page
    page.get_by_label("New tokens").fill("5")
    page.get_by_label("New tokens").press("Enter")
    visit.settle()
    page.get_by_role("button", name="Write", exact=True).click()
    expect(main_text(page)).to_contain_text("5 tokens", timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("The capital of France is Paris")
    visit.settle()
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(main_text(page)).to_contain_text("10 tokens", timeout=PATIENCE)


def test_a_server_that_is_down_is_one_sentence(lab: Callable[..., Visit]) -> None:
    page = lab("next-token", name="down").page
    expect(main_text(page)).to_contain_text("127.0.0.1:1 cannot be reached. Start the server", timeout=PATIENCE)
