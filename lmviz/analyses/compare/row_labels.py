"""Rows answered by heads with labels: one for the text, or one for each word."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.compare.divergences import total_variation
from lmviz.analyses.compare.row_sides import ReadRow, both
from lmviz.analyses.predictions.classify import probabilities_of
from lmviz.analyses.predictions.labels import names_of_labels
from lmviz.analyses.predictions.tag_tokens import tagged
from lmviz.analyses.predictions.tags import Tag, word_tags
from lmviz.errors import InvalidParameter
from lmviz.results import LabelProbabilities, RowAnswer

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

Models = tuple["LoadedModel", "LoadedModel"]
_SHOWN = 40  # words whose tags are written


def check_same(a: "LoadedModel", b: "LoadedModel") -> None:
    """Refuse two heads whose labels are not the same.

    Raises:
        InvalidParameter: They are not.
    """
    left, right = names_of_labels(a), names_of_labels(b)
    if sorted(left) != sorted(right):
        raise InvalidParameter(
            f"{a.id} has the labels {', '.join(left[:8])} and {b.id} has {', '.join(right[:8])}. "
            "Choose two models with the same labels."
        )


def labels(models: Models, rows: Sequence[ReadRow]) -> list[RowAnswer]:
    """Compare the probabilities of the labels of each row; of heads that give values, the values."""
    a, b = both(models, rows, ask=_classified)
    return [_label(row, left, right) for row, left, right in zip(rows, a, b, strict=True)]


def _classified(model: "LoadedModel", encodings: Sequence["Encoding"]) -> list[LabelProbabilities]:
    from lmviz.capture.readings import label_logits

    pairs = zip(label_logits(model, encodings), encodings, strict=True)
    return [probabilities_of(model, logits, table=encoding.table) for logits, encoding in pairs]


def _label(row: ReadRow, a: LabelProbabilities, b: LabelProbabilities) -> RowAnswer:
    if a.kind != b.kind:
        return row.problem(f"One head gives {a.kind!r} and the other {b.kind!r}. Choose two of one kind.")
    if a.kind == "value":
        values = float(a.logits[0]), float(b.logits[0])
        said = [f"{value:.3f}" for value in values]
        return row.answer(said[0], said[1], values=values, disagreement=abs(values[1] - values[0]))
    p, q = (side.probabilities[np.argsort(np.asarray(side.labels), kind="stable")] for side in (a, b))
    apart = float(total_variation(p, q)) if a.kind == "one of" else float(np.abs(p - q).mean())
    best = int(a.probabilities.argmax()), int(b.probabilities.argmax())
    values = float(a.probabilities[best[0]]), float(b.probabilities[best[1]])
    return row.answer(a.labels[best[0]], b.labels[best[1]], values=values, disagreement=apart)


def tags(models: Models, rows: Sequence[ReadRow]) -> list[RowAnswer]:
    """Compare the tags of the words of each row, word by word."""
    a, b = both(models, rows, ask=_tagged)
    return [_tags(row, left, right) for row, left, right in zip(rows, a, b, strict=True)]


def _tagged(model: "LoadedModel", encodings: Sequence["Encoding"]) -> list[tuple[Tag, ...]]:
    from lmviz.capture.readings import label_logits

    pairs = zip(label_logits(model, encodings), encodings, strict=True)
    return [word_tags(tagged(model, logits, table=encoding.table)) for logits, encoding in pairs]


def _tags(row: ReadRow, a: tuple[Tag, ...], b: tuple[Tag, ...]) -> RowAnswer:
    """Compare word by word: of one text the words at the same place, of two texts the first with the first."""
    if not a or not b or (row.pair.text_b is not None and len(a) != len(b)):
        return row.problem(
            f"A has {len(a)} words with tags and B has {len(b)}; tags are compared word by word. "
            "Give both sides as many words."
        )
    is_one_text = row.pair.text_b is None
    left, right = ({tag.start if is_one_text else n: tag.label for n, tag in enumerate(side)} for side in (a, b))
    words = left.keys() | right.keys()
    n_other = sum(left.get(word) != right.get(word) for word in words)
    said = [" ".join(tag.label for tag in side[:_SHOWN]) + (" …" if len(side) > _SHOWN else "") for side in (a, b)]
    values = tuple(float(np.mean([tag.probability for tag in side])) for side in (a, b))
    return row.answer(said[0], said[1], values=(values[0], values[1]), disagreement=n_other / len(words))
