"""The probing page: probes on tiny models, two of them, stopping, grammar, syntax, similarity, and what cannot be."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lmviz.analyses.probing.linear_probe import linear_probe
from lmviz.analyses.probing.probe_run import Params
from lmviz.ui import choices, memory, probing_asked
from lmviz.ui.probing_page import SECTIONS
from lmviz.ui.selection import Selection, from_url, to_url
from tests.app.test_compare import agreed, faultless
from tests.app.test_pages import sentences

Open = Callable[..., AppTest]


@pytest.fixture
def probing(app: Open, folder: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    """Give a function that opens the page on one or two tiny models, with activations kept for this test alone."""
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))

    def opened(family: str = "bert", b: str = "", **link: str) -> AppTest:
        if b:
            link["model_b"] = folder(b)
        return agreed(app("probing", family=family, **link))

    return opened


def done(test: AppTest, key: str, *, said: str) -> AppTest:
    """Press the button and wait until something is said."""
    test.button(key=key).click().run()
    for _ in range(400):
        if said in sentences(test):
            return faultless(test)
        time.sleep(0.25)
        test.run()
    raise AssertionError(sentences(test)[-2000:])


def test_the_page_shows_what_the_analysis_says(probing: Open, folder: Callable[[str], str]) -> None:
    test = done(probing(limit="44"), "probing_start", said="**selectivity ")
    found = linear_probe(memory.model(folder("bert")), Params(limit=44))
    row = int(found.series["accuracy"].argmax())
    assert f"**{100 * found.series['accuracy'][row]:.1f} %" in sentences(test)
    assert f"most frequent label {100 * found.baselines['majority']:.1f} %" in sentences(test)
    assert "Probe every layer" not in {button.label for button in test.button}


@pytest.mark.parametrize("view", ["calibration", "hardest", "vectors", "removed"])
def test_a_layer_is_shown_in_every_way(probing: Open, view: str) -> None:
    test = probing(limit="40")
    if any(button.key == "probing_start" for button in test.button):  # else another test of this process has asked
        done(test, "probing_start", said="**selectivity ")
    test.segmented_control(key="probing_view").set_value(view).run()
    faultless(test)
    if view == "removed":
        done(test, "probing_do", said="nats a token before")
        assert "a new one fitted on what is left" in sentences(test)


@pytest.mark.parametrize("probe", ["mlp", "mdl", "v-information", "edge", "structural"])
def test_every_probe_can_be_fitted(probing: Open, probe: str) -> None:
    said = {
        "mlp": "**selectivity ",
        "mdl": "bits a label",
        "v-information": "highest at layer",
        "edge": "micro F1 with all layers",
    }.get(probe, "edges found")
    faultless(done(probing(limit="30", probe=probe), "probing_start", said=said))


def test_two_models_are_on_one_axis_and_the_visit_is_remembered(probing: Open) -> None:
    test = done(probing(b="gpt2", limit="30"), "probing_start", said="Probed in this visit")
    assert sentences(test).count("**selectivity ") == 2
    assert "Probed in this visit" in sentences(test)


@pytest.mark.parametrize("task", choices.PROBED)
def test_every_task_opens_or_asks_for_a_file(probing: Open, task: str) -> None:
    test = faultless(probing(probed=task, limit="29"))
    sources = probing_asked.sources_of(task)
    assert "file" in sources
    if sources[0] == "shipped":
        assert any(button.key == "probing_start" for button in test.button)
    else:
        assert (
            "cannot be fetched" in sentences(test)
            or test.info
            or any(button.key == "probing_start" for button in test.button)
        )


def test_grammar_syntax_and_similarity_are_shown(probing: Open) -> None:
    test = done(probing(family="gpt2", knows="grammar", limit="20"), "bias_start", said="grammatical sentence wins in")
    assert "20 pairs" in sentences(test)
    done(probing(knows="syntax", limit="60"), "syntax_start", said="relations** have a head")
    done(probing(knows="similarity"), "similarity_start", said="the space changes most")
    done(probing(knows="similarity", shape="anisotropy"), "similarity_start", said="random halves")


def test_a_model_that_cannot_be_probed_says_so(probing: Open) -> None:
    test = probing(family="t5")
    assert "encoder or a decoder" in test.error[0].value
    assert not test.exception


def test_a_link_says_what_is_looked_at() -> None:
    chosen = Selection(knows="similarity", probed="depth", probe="mdl", shape="rsa")
    back, notes = from_url(to_url(chosen), start=Selection())
    assert (back.knows, back.probed, back.probe, back.shape) == ("similarity", "depth", "mdl", "rsa")
    assert not notes
    _, notes = from_url({"knows": "everything", "text": "a"}, start=Selection())
    assert "knows" in notes[0]
    assert set(SECTIONS) == set(choices.KNOWS)
    assert set(probing_asked.PROBES) == set(choices.PROBES)
