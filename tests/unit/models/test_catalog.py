"""The catalog: every entry can be fetched, is pinned, and is described."""

import json
import re

import pytest

from lmviz.assets import assets
from lmviz.models import cache
from lmviz.models.catalog import CATALOG, WELL_KNOWN, WHEELS, ModelEntry, suggestion


def test_entries_are_the_catalog_in_order() -> None:
    heads = ["minilm-mlm", "minilm-sentiment", "minilm-pos", "minilm-ner"]
    assert [entry.id for entry in CATALOG.values()] == list(CATALOG) == ["minilm", *heads, "smollm2-135m"]


@pytest.mark.parametrize("entry", CATALOG.values(), ids=lambda entry: entry.id)
def test_every_entry_is_pinned_and_described(entry: ModelEntry) -> None:
    if entry.source == "delta":
        delta = assets() / "models" / entry.location / "delta.safetensors"
        assert cache.sha256_of(delta) == entry.revision
        assert CATALOG[entry.base].source == "wheel"
    else:
        wheel = WHEELS[entry.location]
        assert wheel.files[0].sha256 == entry.revision
        assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in wheel.files)
        assert re.fullmatch(r"[\w]+==[\d.]+", wheel.requirement)
    assert all((entry.title, entry.family, entry.size, entry.licence, entry.note))


def test_no_pinned_file_is_a_pickle_or_leaves_its_folder() -> None:
    names = [file.name for wheel in WHEELS.values() for file in wheel.files]
    assert all(name.endswith((".safetensors", ".json", ".gguf")) for name in names)
    assert not any("/" in name or name.startswith(".") for name in names)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("bert-base-uncase", "bert-base-uncased"), ("minilmm", "minilm"), ("smollm-135m", "smollm2-135m")],
)
def test_a_slip_of_the_finger_is_recognised(typed: str, meant: str) -> None:
    assert suggestion(typed) == f" Did you mean '{meant}'?"


def test_without_a_close_name_it_says_what_there_is() -> None:
    assert "minilm or smollm2-135m" in suggestion("zzzzzzzz")
    assert len(WELL_KNOWN) == len(set(WELL_KNOWN))


def test_what_is_shipped_is_small_and_has_its_card() -> None:
    files = sorted((assets() / "models").rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in files) <= 40e6
    for entry in CATALOG.values():
        if entry.source == "delta":
            folder = assets() / "models" / entry.location
            assert (folder / "card.md").read_text(encoding="utf-8").startswith(f"# {entry.id}:")
            assert json.loads((folder / "measured.json").read_text(encoding="utf-8"))["sha256"] == entry.revision
