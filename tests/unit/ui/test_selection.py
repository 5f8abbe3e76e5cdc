"""The selection survives the link; what makes no sense falls back and is said."""

from dataclasses import replace

from lmviz.ui.selection import LONGEST_IN_LINK, Selection, changed, from_url, to_url
from lmviz.ui.view import View

AWKWARD = "a b+c&d=e?#%/ \n <b>小猫</b> </script> 🐈 שלום"


def test_a_selection_survives_the_link() -> None:
    selection = Selection(
        model="/a/folder", text=AWKWARD, text_pair="b", target_text="c", part="cross", what="value-weighted",
        dtype="float16", device="cpu", view=View(layer=5, head=1, locked=(("q", 3),)), model_b="minilm",
        text_b=AWKWARD[::-1], compared="surprisal", head_pair="L5H1:mean", unit=7,
    )  # fmt: skip
    assert from_url(to_url(selection), start=Selection()) == (selection, ())


def test_an_empty_text_is_a_text() -> None:
    assert from_url(to_url(Selection(text="")), start=Selection())[0].text == ""


def test_a_long_text_stays_out_of_the_link_and_in_the_session() -> None:
    here = Selection(text="x" * (LONGEST_IN_LINK + 1))
    words = to_url(here)
    assert "text" not in words
    assert not here.fits_link
    assert from_url(words, start=here)[0].text == here.text
    assert Selection(text="x" * LONGEST_IN_LINK).fits_link


def test_strange_words_fall_back_and_are_said() -> None:
    selection, notes = from_url({"model": "minilm", "part": "tail", "what": "magic", "head": "?"}, start=Selection())
    assert selection == Selection()
    assert len(notes) == 3
    assert all("default" in note for note in notes)


def test_the_same_setting_back_to_default_is_adopted() -> None:
    before = Selection(part="cross", view=View(layer=3))
    assert from_url({"model": "minilm", "text": "a"}, start=before)[0] == Selection(text="a")


def test_another_text_keeps_the_chosen_heads_and_frees_the_locks() -> None:
    view = View(layer=1, chosen=((0, 1),), locked=(("q", 3),), filter="ab", mode="arcs")
    before = Selection(text="a", text_pair="b", view=view)
    assert changed(before, before).view == view
    assert changed(before, replace(before, text="c")).view == replace(view, locked=())
    alone = changed(before, replace(before, text_pair=" "))
    assert alone.view == replace(view, locked=(), filter="all")


def test_another_model_or_part_frees_the_chosen_heads_too() -> None:
    before = Selection(view=View(chosen=((0, 1),), locked=(("q", 3),)))
    for after in (replace(before, model="other"), replace(before, part="cross")):
        assert changed(before, after).view == View()


def test_a_link_whose_text_was_too_long_leaves_no_locks_with_its_receiver() -> None:
    sender = Selection(text="x" * (LONGEST_IN_LINK + 1), view=View(layer=2, locked=(("q", 3),)))
    received, notes = from_url(to_url(sender), start=Selection())
    assert received.view == View(layer=2)
    assert received.text == Selection.text
    assert len(notes) == 1
    assert "2,001 characters" in notes[0]
    again, notes = from_url(to_url(sender), start=sender)  # back and forward, where the text is still there
    assert (again, notes) == (sender, ())


def test_what_is_compared_makes_sense_or_falls_back() -> None:
    words = {"model": "a", "compared": "taste", "head_pair": "L1:<b>", "unit": "-3"}
    selection, notes = from_url(words, start=Selection(model_b="old"))
    assert selection == Selection(model="a")
    assert len(notes) == 3


def test_a_word_is_free_when_a_side_changes_and_a_pair_of_heads_when_a_model_does() -> None:
    before = Selection(text="a", model_b="b", unit=3, head_pair="L1H1:L2H2")
    assert changed(before, replace(before, compared="cka")) == replace(before, compared="cka")
    assert changed(before, replace(before, text_b="c")) == replace(before, text_b="c", unit=-1)
    assert changed(before, replace(before, model_b="")) == replace(before, model_b="", unit=-1, head_pair="")
