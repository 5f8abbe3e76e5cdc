"""Models come and go: so many at most are kept, a dropped one is freed, and the home page never waits for ever."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmviz.ui import home, memory, warm

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forget all models before and after."""
    memory.MODELS.forget()
    yield
    memory.MODELS.forget()


def said(test: AppTest) -> str:
    return "\n".join(str(item.value) for item in [*test.caption, *test.markdown]).replace("\\", "")


def settled(name: str) -> None:
    """Wait until a model is ready or has failed."""
    deadline = time.monotonic() + 60
    while warm.is_under_way(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not warm.is_under_way(name)


def test_a_dropped_model_is_freed_before_the_next_one_comes(
    fresh: None, folder: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.MODELS, "most", 2)
    kept = [weakref.ref(memory.model(folder(family)).hf_model) for family in ("bert", "gpt2")]
    for reference in kept:
        hf_model = reference()
        assert hf_model is not None
        vars(hf_model)["circle"] = hf_model  # as some architectures have: only the collector can free these
        del hf_model
    memory.model(folder("llama"))
    assert kept[0]() is None
    assert kept[1]() is not None
    assert len(memory.MODELS) == 2


def test_large_models_are_bounded_in_bytes(
    fresh: None, folder: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory.MODELS, "limit", 1.0)
    memory.model(folder("bert"))
    memory.model(folder("gpt2"))
    assert len(memory.MODELS) == 1
    assert memory.loaded(folder("gpt2")) is not None


def test_checks_are_known_after_the_model_has_gone(fresh: None, folder: Callable[[str], str]) -> None:
    name = folder("bert")
    warm.make_ready(name)
    memory.MODELS.forget()
    assert warm.checks(name)
    assert not warm.is_under_way(name)


def test_a_model_that_cannot_be_made_ready_says_so_and_can_be_tried_again(tmp_path: Path) -> None:
    name = str(tmp_path / "later")
    warm.fetch(name)
    settled(name)
    assert "no folder" in str(warm.failure(name))
    (tmp_path / "later").mkdir()
    warm.fetch(name)
    settled(name)
    assert "no folder" not in str(warm.failure(name))
    assert warm.failure(name)


def test_a_fault_of_our_own_is_a_sentence_too(caplog: pytest.LogCaptureFixture) -> None:
    name: Any = ("no", "name")  # refused by the cache, with an error that is none of ours
    warm.make_ready(name)
    assert "Try again" in str(warm.failure(name))
    assert "not ready" in caplog.text


def test_a_model_that_is_not_here_is_fetched_only_when_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(warm, "_CHECKED", {})
    monkeypatch.setattr(memory, "BACKGROUND", type(memory.BACKGROUND)())
    memory.MODELS.forget()
    before = threading.active_count()
    warm.load(home.EMBEDDED)
    assert threading.active_count() == before
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not test.exception
    assert "Loading and checking" not in said(test)
    assert [button.label for button in test.button if str(button.key).startswith("fetch_")] == ["Fetch it"] * 2
    assert not list(tmp_path.iterdir())
