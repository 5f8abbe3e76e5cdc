"""The controls of questions about heads: what a word hangs on is drawn for its form, whatever the sentence says."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from lmviz.analyses.probing.controls import number_of
from lmviz.analyses.probing.material import Material
from lmviz.analyses.probing.tasks import HEAD
from lmviz.analyses.probing.trees import ROOT
from lmviz.analyses.probing.vectors import Pieces, Runs

RULES = ("self", "first", "last")
TREE_RULES = ("before", "first", "last")  # a tree has no word that hangs on itself


def rule_of(form: str, *, seed: int) -> int:
    """Give the place in `RULES` that a form has drawn: each as often, the same wherever the form stands."""
    return min(int(number_of(form, seed) * len(RULES)), len(RULES) - 1)


def attached(material: Material, found: Pieces, *, seed: int) -> Pieces:
    """Give each pair another second word, so that only a probe's memory can tell which pairs belong together.

    Every form draws a rule (Hewitt & Liang, 2019): it hangs on itself, on the first word of its sentence, or on the
    last, of the words that are in a pair and have tokens. The second word of a pair that is labelled `HEAD` is the one
    that its first word's rule names; of any other pair it is one of the other two. The labels stay as they are.

    Args:
        material: Pairs of words.
        found: Their tokens.
        seed: Of the draw.
    """
    n = len(material.label)
    starts = material.spans[:, :, 0].T.reshape(-1)  # of the first words, then of the second
    names = _candidates(material, found, starts)
    spans = material.spans[:, 0].tolist()
    places = [(material.texts[text], *span) for text, span in zip(material.text_of.tolist(), spans, strict=True)]
    forms = [text[start:end] for text, start, end in places]
    rules = {form: rule_of(form, seed=seed) for form in set(forms)}
    drawn = np.array([rules[form] for form in forms], dtype=np.int64)
    named = names[drawn, np.arange(n)]
    others = np.stack([(drawn + step) % len(RULES) for step in (1, 2)])
    is_other = starts[names[others, np.arange(n)]] != starts[named]
    coins = [number_of(f"{text}\n{start}", seed) < 0.5 for text, start, _ in places]
    taken = np.where(is_other.all(axis=0), np.array(coins), is_other[1]).astype(np.int64)
    wrong = names[others[taken, np.arange(n)], np.arange(n)]
    is_head = material.label == material.labels.index(HEAD) if HEAD in material.labels else np.zeros(n, dtype=bool)
    words = Runs(*(np.concatenate([getattr(run, name) for run in found.runs]) for name in ("tokens", "counts")))
    return Pieces((found.runs[0], words.of(np.where(is_head, named, wrong))), found.is_there)


def _candidates(material: Material, found: Pieces, starts: np.ndarray) -> Int64[np.ndarray, "rule pair"]:
    """Give the word that each rule names for each pair, as a place among all first words and then all second ones."""
    n = len(material.label)
    names = np.tile(np.arange(n), (len(RULES), 1))
    words = np.flatnonzero(np.tile(found.is_there, 2))
    texts = np.tile(material.text_of, 2)[words]
    order = words[np.lexsort((starts[words], texts))]
    at = material.text_of[order % n]
    ends = np.searchsorted(at, material.text_of), np.searchsorted(at, material.text_of, side="right") - 1
    for rule, end in zip((1, 2), ends, strict=True):
        names[rule, found.is_there] = order[end[found.is_there]]
    return names


def control_heads(forms: Sequence[str], kept: Sequence[int], *, seed: int) -> tuple[int, ...]:
    """Give a sentence a tree that its word forms have drawn.

    The first word is the root and the last hangs on it. Any other hangs on the word before it, the first or the last,
    as its form has drawn from `TREE_RULES`.

    Args:
        forms: The words.
        kept: Those that count, in order; the others hang on the first of these.
        seed: Of the draw.

    Returns:
        The head of each word, and `ROOT` for the first.
    """
    ends = (kept[0], kept[-1]) if kept else (0, len(forms) - 1)
    before = dict(zip(kept[1:], kept, strict=False))
    found = [ends[0]] * len(forms)
    for place in kept[1:-1]:
        rule = rule_of(forms[place], seed=seed)
        found[place] = (before[place], *ends)[rule]
    found[ends[0]] = ROOT
    return tuple(found)
