"""Rows answered by language models: the expected token at one place, and how surprising the text is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.compare.alignment import align
from lmviz.analyses.compare.distributions import on_shared
from lmviz.analyses.compare.divergences import jensen_shannon
from lmviz.analyses.compare.places import Slot, slots
from lmviz.analyses.compare.row_sides import ReadRow, both
from lmviz.analyses.compare.sides import masks_of
from lmviz.analyses.predictions.scoring import ScoredText, score_encodings
from lmviz.analyses.predictions.token_distributions import log_softmax
from lmviz.errors import LmvizError, NotForThisModel
from lmviz.results import RowAnswer

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

Models = tuple["LoadedModel", "LoadedModel"]


def expected(models: Models, rows: Sequence[ReadRow]) -> list[RowAnswer]:
    """Compare what both models expect at one place of each row.

    The place is the first mask that both have, where one of them fills in masks, and the end of the text otherwise; a
    decoder is read just before an encoder's mask. Numbers are those of `compare` of token-distributions there.
    """
    places = [_place(models, row) for row in rows]
    asked = [(row, place) for row, place in zip(rows, places, strict=True) if isinstance(place, Slot)]
    answers = iter(_at_places(models, asked))
    return [
        next(answers) if isinstance(place, Slot) else row.problem(str(place))
        for row, place in zip(rows, places, strict=True)
    ]


def _place(models: Models, row: ReadRow) -> Slot | LmvizError:
    """Find the place that is compared; the reason where there is none."""
    readers = ((models[0], row.a.table), (models[1], row.b.table))
    alignment = align(row.a.table, row.b.table, masks=masks_of(*models))
    try:
        there = slots(*readers, alignment=alignment, asked=(None, None))
    except LmvizError as error:
        return error
    is_filling = any(model.kind == "encoder" for model in models)
    return there[0] if is_filling else there[-1]


def _at_places(models: Models, asked: Sequence[tuple[ReadRow, Slot]]) -> list[RowAnswer]:
    from lmviz.capture.readings import place_logits
    from lmviz.capture.vocabulary import shared_strings

    if not asked:
        return []
    left = place_logits(models[0], [row.a for row, _ in asked], places=[slot.a for _, slot in asked])
    is_one = models[0] is models[1] and all(row.a is row.b and slot.a == slot.b for row, slot in asked)
    right = left if is_one else place_logits(models[1], [row.b for row, _ in asked], places=[s.b for _, s in asked])
    shared = shared_strings(*models, sizes=(left.shape[1], right.shape[1]))
    if not shared.strings:
        raise NotForThisModel(
            f"{models[0].id} and {models[1].id} have no token in common. Compare their surprisal instead."
        )
    answers = []
    for (row, _), a, b in zip(asked, log_softmax(left), log_softmax(right), strict=True):
        p, q = (chances / chances.sum() for chances in on_shared(a, b, shared=shared))
        best = (_best(models[0], a), _best(models[1], b))
        divergence = float(jensen_shannon(p, q))
        answers.append(row.answer(best[0][0], best[1][0], values=(best[0][1], best[1][1]), disagreement=divergence))
    return answers


def _best(model: "LoadedModel", log_probabilities: np.ndarray) -> tuple[str, float]:
    from lmviz.capture.tokens import token_string

    place = int(log_probabilities.argmax())
    return token_string(model.tokenizer, place), float(np.exp(log_probabilities[place]))


def surprisals(models: Models, rows: Sequence[ReadRow]) -> list[RowAnswer]:
    """Compare how surprising each row is, in nats for each of its words; answers are the sums in nats."""
    a, b = both(models, rows, ask=_scored)
    return [_surprisal(row, left, right) for row, left, right in zip(rows, a, b, strict=True)]


def _scored(model: "LoadedModel", encodings: "Sequence[Encoding]") -> list[ScoredText]:
    found = dict(score_encodings(model, encodings))
    return [found[n] for n in range(len(encodings))]


def _surprisal(row: ReadRow, a: ScoredText, b: ScoredText) -> RowAnswer:
    if np.isnan(a.log_probabilities).all() or np.isnan(b.log_probabilities).all():
        return row.problem("None of its tokens can be scored. Write at least two words.")
    per_word = [-side.total / max(1, _n_words(side.table.text)) for side in (a, b)]
    said = [f"{-side.total:.3f} nats" for side in (a, b)]
    apart = abs(per_word[1] - per_word[0])
    return row.answer(said[0], said[1], values=(per_word[0], per_word[1]), disagreement=apart)


def _n_words(text: str) -> int:
    from lmviz.capture.words import word_numbers

    return max(word_numbers(text), default=-1) + 1
