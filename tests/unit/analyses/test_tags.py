"""Words and names from labels: worked out by hand."""

import numpy as np
import pytest

from lmviz.analyses.predictions.tags import Tag, entities, word_tags
from lmviz.errors import InvalidParameter
from lmviz.results import TokenDistributions, TokenTable

PIECES = ("[CLS]", "ann", " le", "##e", " flew", "[SEP]")
TABLE = TokenTable(
    text="Ann Lee flew", text_pair=None, ids=(0, 1, 2, 3, 4, 5), tokens=PIECES, raw=PIECES,
    spans=((0, 0), (0, 3), (3, 6), (6, 7), (7, 12), (0, 0)),
    words=(-1, 0, 1, 1, 2, -1), segments=(0,) * 6, special=(True, False, False, False, False, True),
)  # fmt: skip


def tagged(labels: list[str], table: TokenTable | None = TABLE) -> TokenDistributions:
    share = np.linspace(0.9, 0.6, len(labels), dtype=np.float32)[:, np.newaxis]
    return TokenDistributions(
        tokens=TABLE.tokens, positions=tuple(range(1, 1 + len(labels))), candidates=tuple((label,) for label in labels),
        candidate_ids=np.zeros((len(labels), 1), dtype=np.int64), probabilities=share,
        entropy=np.zeros(len(labels), dtype=np.float32), table=table,
    )  # fmt: skip


def names(*labels: str) -> list[tuple[int, int, str]]:
    """Give the names in a row of words of one character each."""
    found = entities([Tag(place, place + 1, label, 0.5) for place, label in enumerate(labels)])
    return [(tag.start, tag.end, tag.label) for tag in found]


def test_a_word_has_the_label_of_its_first_piece_and_no_blank_in_front() -> None:
    tags = word_tags(tagged(["B-PER", "I-PER", "O", "O"]))
    assert [(tag.start, tag.end, tag.label) for tag in tags] == [(0, 3, "B-PER"), (4, 7, "I-PER"), (8, 12, "O")]
    assert [tag.probability for tag in tags] == pytest.approx([0.9, 0.8, 0.6])
    (name,) = entities(tags)
    assert (TABLE.text[name.start : name.end], name.label) == ("Ann Lee", "PER")
    assert name.probability == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("labels", "want"),
    [
        ("B-A I-A O", [(0, 2, "A")]),
        ("B-A B-A", [(0, 1, "A"), (1, 2, "A")]),
        ("B-A I-B", [(0, 1, "A"), (1, 2, "B")]),
        ("O I-A I-A O I-A", [(1, 3, "A"), (4, 5, "A")]),
        ("B-A I-A E-A I-A S-A", [(0, 3, "A"), (3, 4, "A"), (4, 5, "A")]),
        ("B-A L-A U-A", [(0, 2, "A"), (2, 3, "A")]),
        ("B-A-C I-A-C", [(0, 2, "A-C")]),
        ("NOUN VERB PRP$ X-Y O", []),
        ("", []),
    ],
)
def test_names_begin_go_on_and_end_by_their_marks(labels: str, want: list[tuple[int, int, str]]) -> None:
    assert names(*labels.split()) == want


def test_labels_without_their_text_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="Take them from tag-tokens"):
        word_tags(tagged(["O"], table=None))
