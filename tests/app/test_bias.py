"""The bias page: every benchmark on models that can have it, two models, own pairs, stopping, and what cannot be."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lmviz.analyses.bias.benchmarks import ANALYSES, BENCHMARKS, bias_run
from lmviz.results import PairScores
from lmviz.ui import bias_asked, bias_jobs, choices, memory
from lmviz.ui.bias_page import SECTIONS
from lmviz.ui.predicting import figure
from lmviz.ui.selection import Selection, from_url, to_url
from tests.app.test_compare import agreed, faultless
from tests.app.test_pages import AWKWARD, pills, sentences

Open = Callable[..., AppTest]
OWN = "the cat sat on the mat | the dog sat on the mat\nthe dog sat | the cat sat\nthe mat | a mat"


@pytest.fixture
def bias(app: Open, folder: Callable[[str], str]) -> Open:
    """Give a function that opens the page on one or two tiny models."""

    def opened(family: str = "gpt2", b: str = "", **link: str) -> AppTest:
        if b:
            link["model_b"] = folder(b)
        return agreed(app("bias", family=family, **link))

    return opened


def done(test: AppTest, *, rows: str = "") -> AppTest:
    """Press the button and wait until it is done."""
    test.button(key="bias_start").click().run()
    for _ in range(240):
        if any(caption.value.startswith(f"Done: {rows}") for caption in test.caption):
            return faultless(test)
        time.sleep(0.25)
        test.run()
    raise AssertionError([caption.value for caption in test.caption])


def preference(result: PairScores) -> str:
    return f"{100 * result.preference:.1f} %"


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_the_page_shows_what_the_analysis_says(bias: Open, folder: Callable[[str], str], family: str) -> None:
    test = done(bias(family, limit="20"), rows="20 of 20")
    model = memory.model(folder(family))
    run = bias_run("crows-pairs", model, limit=20)
    want = run.result([row for batch in run.batches() for row in batch])
    assert f"**{preference(want)}**" in sentences(test)
    assert "preference on this benchmark" in sentences(test)
    assert "Known criticism" in " ".join(warning.value for warning in test.warning)
    assert f"n = {want.n}" in sentences(test)


@pytest.mark.parametrize(("slug", "name"), [("stereoset", "icat"), ("bbq", "accuracy_ambig")])
def test_the_numbers_of_a_benchmark_are_said(bias: Open, folder: Callable[[str], str], slug: str, name: str) -> None:
    test = done(bias("gpt2", benchmark=slug, limit="12"))
    run = bias_run(slug, memory.model(folder("gpt2")), limit=12)
    want = run.result([row for batch in run.batches() for row in batch])
    written = {"icat": "ICAT", "accuracy_ambig": "accuracy where ambiguous"}[name]
    assert f"{written} **{figure(want.numbers[name])}" in sentences(test)
    table = next(frame.value for frame in test.dataframe if "category" in frame.value.columns)
    assert written in table.columns


def test_two_models_are_set_against_each_other(bias: Open) -> None:
    test = done(bias("gpt2", "llama", limit="12"), rows="24 of 24")
    assert "McNemar p" in sentences(test)
    assert "A:" in sentences(test)
    assert "B:" in sentences(test)


def test_every_way_of_scoring_is_set_beside_the_others(bias: Open, folder: Callable[[str], str]) -> None:
    test = faultless(bias("bert", lab="variants", limit="8"))
    test = done(test)
    names = bias_run("crows-pairs", memory.model(folder("bert"))).variants
    said = sentences(test)
    assert all(name in said for name in names)
    assert len(test.dataframe[-1].value) == len(names)


def test_pairs_are_behind_a_warning(bias: Open) -> None:
    test = done(bias("gpt2", limit="10"))
    assert not any("first text" in table.value.columns for table in test.dataframe)
    assert "Content warning" in " ".join(caption.value for caption in test.caption)
    test.button(key="bias_pairs_show").click().run()
    table = next(table.value for table in test.dataframe if "first text" in table.value.columns)
    assert len(table) == 10
    assert list(table["difference"]) == sorted(table["difference"], reverse=True)


def test_own_pairs_are_pasted(bias: Open) -> None:
    test = faultless(bias("gpt2", benchmark="minimal-pairs", source="pasted"))
    assert "one pair in each line" in " ".join(info.value for info in test.info)
    test.text_area(key="bias_pasted").set_value(OWN + "\nno second text").run()
    test = done(test, rows="4 of 4")
    assert "of 3 pairs" in sentences(test)
    reasons = [table.value for table in test.dataframe if "why" in table.value.columns]
    assert "Line 5" in reasons[0]["why"].iloc[0]
    assert test.text_area(key="bias_pasted").value.startswith("the cat sat")


def test_awkward_pairs_are_shown_as_typed(bias: Open) -> None:
    test = faultless(bias("gpt2", benchmark="minimal-pairs", source="pasted"))
    test.text_area(key="bias_pasted").set_value(f"{AWKWARD} cat | {AWKWARD} dog").run()
    test = done(test)
    test.button(key="bias_pairs_show").click().run()
    table = next(table.value for table in faultless(test).dataframe if "first text" in table.value.columns)
    assert table["first text"].iloc[0] == f"{AWKWARD} cat"


def test_a_file_without_its_columns_is_told_in_one_sentence(bias: Open, tmp_path: Path) -> None:
    test = faultless(bias("gpt2", benchmark="minimal-pairs", source="file"))
    path = tmp_path / "pairs.csv"
    path.write_text("one,two\na,b\n")
    test.file_uploader(key="bias_file").set_value([(path.name, path.read_bytes(), "text/csv")]).run()
    assert not test.exception
    assert len(test.error) == 1
    assert "two columns" in test.error[0].value
    test.button(key="bias_other").click().run()
    assert not test.error


def test_a_model_that_cannot_have_it_is_told_and_others_offered(bias: Open) -> None:
    test = bias("t5")
    assert not test.exception
    assert len(test.error) == 1
    assert {button.key for button in test.button} >= {"bias_on_minilm-mlm", "bias_on_smollm2-135m"}


def test_a_run_can_be_stopped_and_keeps_what_is_done(bias: Open) -> None:
    test = faultless(bias("gpt2", benchmark="minimal-pairs", source="pasted"))
    many = "\n".join(f"the cat sat on mat {n} | the dog sat on mat {n}" for n in range(1_500))
    test.text_area(key="bias_pasted").set_value(many).run()
    test.button(key="bias_start").click().run()
    for _ in range(200):
        if any("of 1,500 pairs" not in text.value and "preference on this" in text.value for text in test.markdown):
            break
        test.run()
    test.button(key="bias_stop").click().run()
    for _ in range(100):
        if "Stopped; what is done is kept" in sentences(test):
            break
        time.sleep(0.1)
        test.run()
    faultless(test)
    assert "Stopped; what is done is kept" in sentences(test)
    assert "a preference on this benchmark" in sentences(test)
    assert test.button(key="bias_start").label == "Go on"
    (of,) = test.session_state["_bias_done"]
    before = test.session_state["_bias_done"][of].items
    assert 0 < len(before) < 1_500
    test = done(test, rows="1,500 of 1,500")
    after = test.session_state["_bias_done"][of].items
    assert after[: len(before)] == before  # those of before are not asked about again
    assert len({row.item.line for _, row in after}) == 1_500


def test_going_back_shows_what_was_run_before(bias: Open) -> None:
    test = done(bias("gpt2", limit="10"))
    before = sentences(test)
    test.selectbox(key="variant").set_value("sum").run()
    assert "10 of 10" not in " ".join(caption.value for caption in test.caption)
    test.selectbox(key="variant").set_value("shared-tokens").run()
    assert "10 of 10" in " ".join(caption.value for caption in test.caption)
    headline = next(line for line in before.splitlines() if "of 10 pairs" in line)
    assert headline in sentences(test)


def test_categories_and_variants_of_the_link_are_kept() -> None:
    chosen = Selection(benchmark="stereoset", variant="repaired", categories="gender|race", limit=30, lab="variants")
    assert from_url(to_url(chosen), start=Selection()) == (chosen, ())


def test_a_variant_that_the_model_lacks_is_told(bias: Open) -> None:
    test = faultless(bias("gpt2", variant="nangia", limit="5"))
    assert "no variant" in " ".join(caption.value for caption in test.caption)


def test_every_benchmark_can_be_chosen_and_has_its_criticism() -> None:
    assert set(BENCHMARKS) == {*choices.BENCHMARKS, "blimp"}  # grammar is asked on the probing page
    assert tuple(SECTIONS) == choices.LABS
    assert all(len(ANALYSES[slug].caution) > 80 for slug in BENCHMARKS)


@pytest.mark.parametrize(
    "slug", [slug for slug in BENCHMARKS if slug not in ("honest", "sentiment-gap", "seat", "blimp")]
)
@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_every_benchmark_opens(bias: Open, slug: str, family: str) -> None:
    test = bias(family, benchmark=slug, limit="3")
    assert not test.exception
    assert test.selectbox(key="benchmark").value == slug
    if test.error:
        assert len(test.error) == 1  # a sentence, such as that only encoders can have it
    else:
        assert test.button(key="bias_start")


def test_honest_waits_for_a_lexicon(bias: Open) -> None:
    test = faultless(bias("gpt2", benchmark="honest"))
    assert "lexicon" in " ".join(info.value for info in test.info)
    test.file_uploader(key="bias_lexicon").set_value([("words.txt", b"cat\ndog\n", "text/plain")]).run()
    assert faultless(test).button(key="bias_start")


def test_pasted_lines_keep_their_numbers() -> None:
    assert bias_asked.pairs_csv("a | b\n\nc\td") == b"more,less\na,b\n\nc,d\n"
    assert bias_jobs.KEY == "bias"


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_heads_are_taken_out_of_pairs(bias: Open, family: str) -> None:
    test = done(faultless(bias(family, benchmark="minimal-pairs", lab="localisation", limit="6")))
    assert "told from chance" in sentences(test)
    assert "n = 6 rows" in sentences(test)
    assert test.button(key="bias_open_head")


def test_rows_that_the_model_cannot_use_are_named(bias: Open) -> None:
    test = faultless(bias("bert", lab="localisation", limit="3"))  # its vocabulary has hardly a word of these prompts
    pills(test, "bias_method").set_value("patching").run()
    test = done(test)
    assert any("left out" in expander.label for expander in test.expander)


@pytest.mark.parametrize(
    ("family", "row"),
    [
        ("gpt2", "the cat sat on | the dog sat on | the mat | a mat"),
        ("bert", "the cat sat on the [MASK] | the dog sat on the [MASK] | mat | dog"),
    ],
)
def test_rows_for_patching_are_typed(bias: Open, family: str, row: str) -> None:
    test = faultless(bias(family, lab="localisation"))
    pills(test, "bias_method").set_value("patching").run()
    test.text_area(key="bias_rows").set_value(f"{row}\n{row}").run()
    test = done(test, rows="2 of 2")
    assert "n = 2 rows; total effect" in sentences(test)
    test.text_area(key="bias_rows").set_value("only one").run()
    assert len(test.error) == 1
    assert not test.exception


WORDS = ("cat", "dog", "mat", "sat", "the", "and", "on", "was")


@pytest.mark.parametrize("method", ["leace", "steering", "head-ablation"])
def test_a_concept_is_taken_out(bias: Open, method: str) -> None:
    test = faultless(bias("gpt2", lab="removal", limit="6"))
    rows = "".join(f"the cat {word},the dog {word},{word}\n" for word in WORDS)
    test.file_uploader(key="bias_concept").set_value([("c.csv", b"more,less,cluster\n" + rows.encode(), "text/csv")])
    test.selectbox(key="bias_removal").set_value(method).run()
    test = done(test)
    assert "Random controls" in sentences(test)
    conditions = list(test.dataframe[0].value["condition"])
    assert conditions == ["before", "after", "random 1", "random 2", "random 3"]


def test_a_head_that_is_not_there_is_told_in_one_sentence(bias: Open) -> None:
    test = faultless(bias("gpt2", lab="removal", limit="6"))
    test.selectbox(key="bias_removal").set_value("head-ablation").run()
    test.text_input(key="bias_removed_heads").set_value("L99H99").run()
    assert not test.exception
    assert len(test.error) == 1
