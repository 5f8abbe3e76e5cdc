"""CoNLL-U files: words, trees and where words stand in the text; broken sentences are told and the rest goes on."""

from pathlib import Path

import pytest

from lmviz.analyses.probing.trees import checked_heads
from lmviz.datasets.conllu import TaggedSentence, open_conllu, read_conllu
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter
from tests.shared_data import published


def row(number: int | str, form: str, head: int | str = 0, *, space: str = "_", features: str = "_") -> str:
    return "\t".join([str(number), form, form.lower(), "NOUN", "NN", features, str(head), "dep", "_", space])


def read(text: str) -> list[TaggedSentence | BrokenRow]:
    return list(read_conllu(text.encode().splitlines(keepends=True)))


def one(text: str) -> TaggedSentence:
    (found,) = read(text)
    assert isinstance(found, TaggedSentence), found
    return found


def test_words_tags_and_places_are_read() -> None:
    lines = ["# sent_id = s1", "# text = She didn't go.", row(1, "She", 3), row("2-3", "didn't")]
    lines += [
        row(2, "did", 4),
        row(3, "n't", 4),
        row(4, "go", 0, space="SpaceAfter=No", features="Tense=Past|Voice=Act"),
    ]
    found = one("\n".join([*lines, row(5, ".", 4), row("5.1", "ghost", "_")]))
    assert (found.line, found.name, found.text) == (1, "s1", "She didn't go.")
    assert [word.form for word in found.words] == ["She", "did", "n't", "go", "."]
    assert [found.text[slice(*word.span)] for word in found.words] == ["She", "did", "n't", "go", "."]
    assert [word.head for word in found.words] == [2, 3, 3, -1, 3]
    assert dict(found.words[3].features) == {"Tense": "Past", "Voice": "Act"}
    assert found.words[0].lemma == "she"


def test_words_written_as_one_share_their_place_where_they_are_not_its_parts() -> None:
    lines = ["# text = vámonos al mar", row("1-2", "vámonos"), row(1, "vamos"), row(2, "nos", 1), row("3-4", "al")]
    found = one("\n".join([*lines, row(3, "a", 5), row(4, "el", 5), row(5, "mar", 1)]))
    assert [found.text[slice(*word.span)] for word in found.words] == ["vámonos", "vámonos", "al", "al", "mar"]


def test_without_its_text_a_sentence_is_put_together() -> None:
    found = one("\n".join([row(1, "Go", 0, space="SpaceAfter=No"), row(2, "!", 1)]))
    assert found.text == "Go!"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("1\tword\n", 1, "2 fields"),
        ("# text = a\n" + row(1, "b"), 1, "does not stand in the text"),
        (row(2, "a"), 1, "numbered 2"),
        (row(1, "a", 7), 1, "no word of the sentence"),
        (row(1, "a", "x"), 1, "no word of the sentence"),
        ("# only a comment\n", 1, "no words"),
        (row("x", "a"), 1, "no words"),
        (row(1, "a") + "\n" + row("x", "b", 1), 2, "no number of a word"),
        (row("3-2", "a") + "\n" + row(1, "a"), 1, "backwards"),
        (row("1-4", "a") + "\n" + row(1, "a"), 1, "past the last word|overlap|stand"),
    ],
)
def test_a_broken_sentence_is_told_by_its_line_and_the_rest_goes_on(text: str, line: int, why: str) -> None:
    found = read(f"{text}\n\n{row(1, 'fine')}\n")
    broken = found[0]
    if isinstance(broken, BrokenRow):
        assert broken.line == line
        assert any(part in broken.reason for part in why.split("|"))
    else:
        assert "1-4" in text
    assert isinstance(found[-1], TaggedSentence)


def test_other_encodings_and_line_endings() -> None:
    bad = row(1, "caf").encode() + b"\xe9\n\n"
    good = ("\ufeff" + row(1, "café") + "\r\n\r\n").encode()
    found = list(read_conllu([good, b"\r\n", *bad.splitlines(keepends=True)]))
    assert isinstance(found[-1], BrokenRow) and "UTF-8" in found[-1].reason
    assert len(list(read_conllu((row(1, "café") + "\r\n\r\n").encode().splitlines(keepends=True)))) == 1
    assert read("") == [] and read("\n\n\n") == []


def test_a_file_that_is_not_there_or_no_gzip_gets_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="Give the path"):
        list(open_conllu(tmp_path / "none.conllu"))
    (tmp_path / "x.conllu.gz").write_bytes(b"no gzip")
    with pytest.raises(InvalidParameter, match="Give the path"):
        list(open_conllu(tmp_path / "x.conllu.gz"))


@pytest.mark.parametrize(
    ("name", "n_sentences"), [("train.conllu.gz", 12_544), ("dev.conllu", 2001), ("test.conllu", 2077)]
)
def test_the_published_treebank_is_read_whole(name: str, n_sentences: int) -> None:
    found = list(open_conllu(published("ud_english_ewt") / f"en_ewt-ud-{name}"))
    assert [one for one in found if isinstance(one, BrokenRow)] == []
    assert len(found) == n_sentences
    for sentence in found:
        assert isinstance(sentence, TaggedSentence)
        checked_heads([word.head for word in sentence.words])
        ends = [0, *(word.span[1] for word in sentence.words)]
        assert ends == sorted(ends)
