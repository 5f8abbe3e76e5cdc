"""The app, driven without a browser, on tiny models in folders."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.tiny import tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Give a function that saves the tiny model of a family and returns its folder."""
    saved: dict[str, str] = {}

    def save(family: str) -> str:
        if family not in saved:
            path = tmp_path_factory.mktemp(family)
            model, tokenizer = tiny(family)
            model.save_pretrained(path)
            tokenizer.save_pretrained(path)
            saved[family] = str(path)
        return saved[family]

    return save


@pytest.fixture
def app(folder: Callable[[str], str]) -> Callable[..., AppTest]:
    """Give a function that opens a page of the app on a tiny model, as a visitor who picked it by hand would."""

    def open_page(page: str = "attention", *, family: str = "bert", model: str | None = None, **link: str) -> AppTest:
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        for name, value in link.items():
            test.query_params[name] = value
        test.run()
        test.text_input(key="own_model").set_value(model or folder(family)).run()
        if page != "home":
            test.switch_page(f"pages/{page}.py").run()
        return test

    return open_page
