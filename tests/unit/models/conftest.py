"""Model folders to load from and to break, and a cache of one's own for every test."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmviz.models.quiet import quiet
from tests.tiny import tiny


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    """Write a tiny model of a family and its tokenizer into a folder, as save_pretrained does."""

    def save(folder: Path, family: str, **options: Any) -> Path:
        hf_model, tokenizer = tiny(family)
        with quiet():
            hf_model.save_pretrained(folder, **options)
        tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def saved_bert(tmp_path_factory: pytest.TempPathFactory, save: Callable[..., Path]) -> Path:
    """A tiny BERT that must not be changed."""
    return save(tmp_path_factory.mktemp("saved") / "tiny-bert", "bert")


@pytest.fixture
def bert_folder(saved_bert: Path, tmp_path: Path) -> Path:
    """A tiny BERT to break."""
    return Path(shutil.copytree(saved_bert, tmp_path / "tiny-bert"))


@pytest.fixture
def sharded_folder(tmp_path: Path, save: Callable[..., Path]) -> Path:
    """A tiny BERT whose weights lie in several files."""
    return save(tmp_path / "sharded", "bert", max_shard_size="20KB")
