"""Every page, good and bad input, through the app's own frame."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from lmviz.ui import memory

Open = Callable[..., AppTest]
LONG = "word " * 20_000
AWKWARD = "<b>bold</b> </script> $x$ [a](http://b.c) :material/home: ![i](http://b.c/i.png) 小猫 שלום 🐈 <|endoftext|>"


def header(test: AppTest, number: int) -> dict[str, Any]:
    """Read the header of a component's bytes: 0 the explorer, 1 the pipe."""
    data = components(test)[number]
    (length,) = struct.unpack_from("<I", data)
    found: dict[str, Any] = json.loads(data[4 : 4 + length])
    return found


def components(test: AppTest) -> list[bytes]:
    payloads = (element.proto.bytes for element in test.get("bidi_component"))
    return [data for data in payloads if data]


def pills(test: AppTest, key: str) -> Any:
    """Find the pills or segments of that key."""
    return next(group for group in test.get("button_group") if getattr(group, "key", None) == key)


def sentences(test: AppTest) -> str:
    """Give everything the page says in words."""
    found = [*test.error, *test.caption, *test.markdown, *test.info]
    return "\n".join(str(element.value) for element in found).replace("\\", "")


@pytest.mark.parametrize("page", ["home", "attention", "methods"])
def test_every_page_opens_without_fault(app: Open, page: str) -> None:
    test = app(page)
    assert not test.exception
    assert not test.error
    assert test.title


def test_home_says_what_this_is_and_shows_both_models(app: Open) -> None:
    test = app("home")
    assert "BERT- and GPT-style" in sentences(test)
    assert {"minilm", "smollm2-135m"} <= {word for line in sentences(test).splitlines() for word in line.split()}
    assert sum(str(button.key).startswith("open_") for button in test.button) == 6


def test_a_card_on_the_home_page_opens_its_sentence_with_its_view(app: Open) -> None:
    test = app("home")
    test.button(key="open_agreement_minilm").click().run()
    test.switch_page("pages/attention.py").run()  # the browser follows by itself
    assert str(test.text_area(key="text").value).startswith("The keys")
    assert header(test, 0)["layers"] == 6
    assert header(test, 1)["label"] == "L3H1"


def test_methods_lists_every_analysis_with_its_caution(app: Open) -> None:
    from lmviz import ANALYSES

    said = sentences(app("methods"))
    for analysis in ANALYSES.values():
        assert analysis.title in said
        assert analysis.caution in said
        for check in analysis.checks:
            assert (check.__doc__ or "").partition("\n")[0].rstrip(".") in said


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_the_attention_page_sends_all_heads_and_the_open_one(app: Open, family: str) -> None:
    test = app(family=family)
    assert not test.error
    explorer, pipe = header(test, 0), header(test, 1)
    assert (explorer["layers"], explorer["heads"]) == (2, 4)
    assert pipe["id"] == explorer["id"]
    assert pipe["label"] == "L0H0"
    assert len(explorer["statistics"]) == 9


def test_an_encoder_decoder_asks_for_the_part_and_its_own_text(app: Open) -> None:
    memory.MODELS.forget()  # the first visit: the sidebar is drawn before the model is known
    test = app(family="t5")
    assert header(test, 0)["part"] == "encoder"
    pills(test, "part").set_value("cross")
    test.text_area(key="target_text").set_value("the dog").run()
    assert not test.error
    assert header(test, 0)["part"] == "cross"
    assert header(test, 0)["key_tokens"]


def test_value_weighted_is_another_picture(app: Open) -> None:
    test = app()
    before = components(test)[0]
    pills(test, "what").set_value("value-weighted").run()
    assert header(test, 0)["what"] == "Value-weighted attention"
    assert components(test)[0] != before
    assert test.query_params["what"] == "value-weighted"


def test_changing_the_view_sends_the_same_overview(app: Open) -> None:
    test = app()
    before = components(test)[0]
    test.query_params["head"] = "L1H2"
    test.run()
    assert components(test)[0] == before
    assert header(test, 1)["label"] == "L1H2"
    assert header(test, 1)["revision"] > 0


@pytest.mark.parametrize(
    ("text", "said"), [("", "text"), (" \n\t ", "text"), (LONG, "Shorten it"), ("word " * 600, "Shorten it")]
)
def test_text_that_cannot_be_read_gives_one_sentence_and_stays(app: Open, text: str, said: str) -> None:
    test = app()
    test.text_area(key="text").set_value(text).run()
    assert len(test.error) == 1
    assert said in test.error[0].value
    assert not test.exception
    assert test.text_area(key="text").value == text


def test_tokens_the_model_does_not_know_are_counted(app: Open) -> None:
    test = app()
    test.text_area(key="text").set_value("the 龘 cat 龘").run()
    assert "2 of 6 tokens are unknown to this model" in sentences(test)
    test.text_area(key="text").set_value("the cat").run()
    assert "unknown to this model" not in sentences(test)


@pytest.mark.parametrize("text", [AWKWARD, "x" * 40, "the the the the the", "."])
def test_awkward_text_is_read(app: Open, text: str) -> None:
    test = app()
    test.text_area(key="text").set_value(text).run()
    assert not test.error
    assert not test.exception
    assert header(test, 0)["size"] > 0


def test_an_unknown_model_gives_one_sentence_and_the_next_one_works(app: Open, folder: Callable[[str], str]) -> None:
    test = app(model="bert-base-uncase")
    assert len(test.error) == 1
    assert "bert-base-uncase" in test.error[0].value.replace("\\", "")
    test.text_input(key="own_model").set_value(folder("gpt2")).run()
    assert not test.error
    assert header(test, 0)["part"] == "decoder"


def test_a_broken_folder_gives_one_sentence(app: Open, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    test = app(model=str(tmp_path))
    assert len(test.error) == 1
    assert not test.exception


def test_a_folder_with_pickled_weights_only_is_refused(app: Open, tmp_path: Path, folder: Callable[[str], str]) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((Path(folder("bert")) / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    test = app(model=str(tmp_path))
    assert len(test.error) == 1
    assert "safetensors" in test.error[0].value


def test_a_link_restores_the_view(app: Open) -> None:
    test = app(text="a cat", head="L1H3", locked="q1", mode="arcs", threshold="0.25")
    view = header(test, 1)["view"]
    assert (view["layer"], view["head"], view["mode"], view["threshold"]) == (1, 3, "arcs", 0.25)


def test_an_aggregate_that_cannot_be_had_is_said_and_the_head_is_shown(app: Open) -> None:
    test = app(family="t5")
    pills(test, "part").set_value("cross").run()
    test.query_params["shown"] = "rollout"
    test.run()
    assert len(test.error) == 1
    assert "cross" in test.error[0].value
    assert header(test, 1)["label"] == "L0H0"
    assert header(test, 1)["view"]["shown"] == "head"


def test_a_link_without_its_long_text_says_so_and_locks_nothing(app: Open) -> None:
    test = app()
    del test.query_params["text"]
    test.query_params["characters"], test.query_params["locked"], test.query_params["head"] = "2400", "q1", "L1H1"
    test.run()
    assert header(test, 1)["label"] == "L1H1"
    assert "does not carry its text of 2,400 characters" in sentences(test)
    assert header(test, 1)["view"]["locked"] == []
    assert "characters" not in test.query_params


def test_a_fault_in_the_sidebar_is_told_in_short() -> None:
    test = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "app.py"), default_timeout=120)
    test.session_state["_selection"] = "no selection"
    test.run()
    assert not test.exception
    assert all("fault of its own" in error.value for error in test.error)
    assert test.error


def test_expert_settings_list_what_there_is(app: Open) -> None:
    test = app()
    wanted = ["auto", "cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
    assert test.selectbox(key="device").options == wanted
    assert test.selectbox(key="dtype").options == ["float32", "bfloat16", "float16"]


def test_another_text_keeps_the_chosen_heads(app: Open) -> None:
    test = app()
    test.query_params["shown"], test.query_params["heads"], test.query_params["locked"] = "mean", "L0H1.L1H3", "q1"
    test.run()
    test.text_area(key="text").set_value("a dog").run()
    view = header(test, 1)["view"]
    assert (view["chosen"], view["locked"]) == ([[0, 1], [1, 3]], [])
    assert test.query_params["heads"] == "L0H1.L1H3"


@pytest.mark.parametrize("shown", ["rollout", "flow"])
def test_what_follows_shares_is_not_offered_for_lengths(app: Open, shown: str) -> None:
    test = app()
    assert shown in header(test, 0)["offers"]
    test.query_params["shown"] = shown
    test.run()
    assert not test.error
    pills(test, "what").set_value("value-weighted").run()
    assert len(test.error) == 1
    assert "value-weighted" in test.error[0].value.replace("\\", "")
    assert header(test, 0)["offers"] == ["head", "mean", "max"]
    assert header(test, 1)["label"] == "L0H0"
    assert header(test, 1)["view"]["shown"] == "head"


@pytest.mark.parametrize("shown", ["mean", "max"])
def test_lengths_have_a_mean_and_a_maximum(app: Open, shown: str) -> None:
    test = app(what="value-weighted")
    test.query_params["shown"] = shown
    test.run()
    assert not test.error
    assert "all heads" in header(test, 1)["label"]


@pytest.mark.parametrize(("shown", "said"), [("rollout", "rows sum to 1"), ("flow", "flow and cut agree")])
def test_the_aggregate_that_is_seen_is_checked(app: Open, shown: str, said: str) -> None:
    test = app()
    assert f"{shown} check" not in sentences(test)
    before = badges(test).count(said)
    test.query_params["shown"] = shown
    test.run()
    assert f"{shown} check" in sentences(test)
    assert badges(test).count(said) == before + 1


@pytest.mark.parametrize("shown", ["mean", "max", "rollout", "flow"])
def test_aggregates_of_chosen_heads_are_sent(app: Open, shown: str) -> None:
    test = app()
    test.query_params["shown"], test.query_params["heads"] = shown, "L0H1.L1H3"
    test.run()
    assert not test.error
    assert "2 heads" in header(test, 1)["label"]


def test_a_link_that_makes_no_sense_is_answered_politely(app: Open) -> None:
    test = app()
    test.query_params["head"] = "L77H1"
    test.query_params["mode"] = "<script>"
    test.run()
    assert not test.exception
    assert "There is no L77H1" in sentences(test)
    assert "mode = '<script>'" in sentences(test)
    assert header(test, 1)["label"] == "L0H0"


def test_a_link_to_a_model_that_is_not_here_asks_first(folder: Callable[[str], str], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in Path(folder("bert")).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    test = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "app.py"), default_timeout=120)
    test.query_params["model"] = str(copy)
    test.run()
    test.switch_page("pages/attention.py").run()
    assert not components(test)
    next(button for button in test.button if button.label == "Load it").click().run()
    assert header(test, 0)["layers"] == 2


def test_a_long_text_stays_out_of_the_link_and_the_page_says_so(app: Open) -> None:
    test = app(family="t5")
    test.text_area(key="text").set_value("a cat " * 400).run()
    assert "text" not in test.query_params
    assert "does not carry" in sentences(test)
    assert test.text_area(key="text").value == "a cat " * 400


def test_examples_are_one_click(app: Open) -> None:
    test = app()
    pills(test, "example").set_value("pair").run()
    assert str(test.text_area(key="text_pair").value).startswith("Someone")
    assert {token["segment"] for token in header(test, 0)["tokens"]} == {0, 1}
    test.text_area(key="text").set_value("something else").run()
    assert pills(test, "example").value is None


def test_two_visitors_do_not_see_each_other(app: Open) -> None:
    one, two = app(), app()
    one.text_area(key="text").set_value("one cat").run()
    two.text_area(key="text").set_value("two dogs").run()
    one.query_params["head"] = "L1H1"
    one.run()
    two.run()
    assert header(one, 1)["label"] == "L1H1"
    assert header(two, 1)["label"] == "L0H0"
    assert [token["text"] for token in header(one, 0)["tokens"]] != [
        token["text"] for token in header(two, 0)["tokens"]
    ]
    assert two.query_params["text"] == "two dogs"


FOLDS: dict[str, Callable[[AppTest], bool]] = {
    "fold_query": lambda test: len(components(test)) == 3 and "softmax" in badges(test),
    "fold_strongest": lambda test: len(test.dataframe) == 1,
    "fold_export": lambda test: len(test.get("download_button")) == 5,
    "fold_classic": lambda test: len(test.get("iframe")) == 1,
    "fold_how": lambda test: "Each small square is one head" in sentences(test),
    "fold_method": lambda test: "Caution:" in sentences(test),
}


def badges(test: AppTest) -> str:
    """Give what badges say on hover."""
    return "\n".join(str(element.proto.help) for element in test.markdown)


@pytest.mark.parametrize("fold", FOLDS)
def test_what_is_folded_opens_and_shows_its_content(app: Open, fold: str) -> None:
    test = app()
    assert not FOLDS[fold](test)
    test.session_state[fold] = True
    test.run()
    assert not test.exception
    assert not test.error
    assert FOLDS[fold](test)


def test_the_query_of_the_query_key_view_is_locked_and_travels_in_the_link(app: Open) -> None:
    test = app()
    test.session_state["fold_query"] = True
    test.run()
    box = next(box for box in test.selectbox if str(box.key).startswith("query_"))
    box.set_value(2).run()
    assert test.query_params["locked"] == "q2"
    assert header(test, 1)["view"]["locked"] == [["q", 2]]
    assert next(box for box in test.selectbox if str(box.key).startswith("query_")).value == 2


def test_another_head_is_shown_without_the_model(app: Open) -> None:
    test = app(text="a cat sat")
    chosen = test.session_state["_selection"]

    def only_the_picture() -> None:
        from lmviz.ui import attention_page

        attention_page._explore()

    memory.MODELS.forget()
    alone = AppTest.from_function(only_the_picture, default_timeout=60)
    alone.session_state["_selection"] = replace(chosen, view=replace(chosen.view, layer=1, head=2))
    alone.run()
    assert not alone.exception
    assert header(alone, 1)["label"] == "L1H2"
    assert len(memory.MODELS) == 0


def test_the_table_holds_the_numbers_of_the_open_head(app: Open) -> None:
    test = app()
    test.session_state["fold_strongest"] = True
    test.run()
    table = test.dataframe[0].value
    assert list(table.columns) == ["from", "to", "value", "from position", "to position"]
    assert table["value"].is_monotonic_decreasing
    assert 0 < table["value"].iloc[0] <= 1
