"""The selection survives the link; what makes no sense falls back and is said."""

from dataclasses import replace

from lmviz.ui.selection import LONGEST_IN_LINK, Selection, changed, from_url, to_url
from lmviz.ui.view import View

AWKWARD = "a b+c&d=e?#%/ \n <b>小猫</b> </script> 🐈 שלום"


def test_a_selection_survives_the_link() -> None:
    selection = Selection(
        model="/a/folder", text=AWKWARD, text_pair="b", target_text="c", part="cross", what="value-weighted",
        dtype="float16", device="cpu", view=View(layer=5, head=1, locked=(("q", 3),)),
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
