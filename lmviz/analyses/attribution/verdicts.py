"""From tests to words: can this explanation be relied on, and why not?

The limits are conventions, written here once. A failed test says that the explanation is not shown to be right, not
that it is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial, isfinite

from lmviz.results.faithfulness import DO_NOT_RELY, HOLDS, WITH_CARE

ALPHA = 0.05  # of the one-sided tests against random orders
SMALL, LARGE = 0.01, 0.1  # of the difference to the baseline: what may be left, and what is too much
CHANGE = 0.1  # of the largest score, when the steps double
SAME_ORDER = 0.5  # rank correlation between two baselines
_FEW_ORDERS = 20  # with no more orders than these, none can be told from random ones


@dataclass(frozen=True)
class Evidence:
    """What was found out about one attribution; NaN where a test does not apply.

    `others` are the titles of other attributions that pass their own tests, with the number of first words, out of
    `n_top`, that are not shared with each: to disagree with one that fails says nothing.
    """

    n_players: int
    residue: float
    difference: float
    doubling: float
    other_baseline: float
    p_deletion: float
    p_insertion: float
    randomised: float
    chance: float
    n_top: int
    others: tuple[tuple[str, int], ...] = ()


def verdict(evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    """Give the verdict on one attribution and its reasons: what speaks against it first, then what is in its favour."""
    found = [(weight, sentence) for test in _TESTS for weight, sentence in test(evidence)]
    worst = max((weight for weight, _ in found), default=0)
    reasons = [sentence for weight, sentence in sorted(found, key=lambda one: -one[0]) if weight or not worst]
    return (HOLDS, WITH_CARE, DO_NOT_RELY)[worst], tuple(reasons)


Found = Iterator[tuple[int, str]]  # 0: good, 1: with care, 2: do not rely on it


def _curves(known: Evidence) -> Found:
    if known.n_players < 1 or factorial(min(known.n_players, 10)) < _FEW_ORDERS:
        yield 1, f"With {known.n_players} words no order can be told from a random one."
        return
    failed = {"deletion": known.p_deletion > ALPHA, "insertion": known.p_insertion > ALPHA}
    p = {"deletion": known.p_deletion, "insertion": known.p_insertion}
    for curve, is_bad in failed.items():
        if is_bad:
            weight = 2 if all(failed.values()) else 1
            yield weight, f"Its {curve} curve is no better than random orders (p = {p[curve]:.2g})."
    if not any(failed.values()):
        worst = max(p.values())
        yield 0, f"Its deletion and insertion curves are better than random orders (p ≤ {worst:.2g})."


def _residue(known: Evidence) -> Found:
    if not isfinite(known.residue):
        return
    share = abs(known.residue) / abs(known.difference) if known.difference else float("inf")
    said = f"{100 * share:.2g} % of the difference to the baseline" if isfinite(share) else "all that there is"
    if share > LARGE:
        yield 2, f"It leaves {said} unexplained."
    elif share > SMALL:
        yield 1, f"It leaves {said} unexplained."
    else:
        yield 0, f"Its scores add up: {said} is left over."


def _doubling(known: Evidence) -> Found:
    if isfinite(known.doubling) and known.doubling > CHANGE:
        change = 100 * known.doubling
        yield 2, f"With twice as many steps a score moves by {change:.2g} % of the largest: it has not settled."


def _baseline(known: Evidence) -> Found:
    if isfinite(known.other_baseline) and known.other_baseline < SAME_ORDER:
        yield 1, f"Another baseline puts the words in another order (rank correlation {known.other_baseline:.2f})."


def _randomised(known: Evidence) -> Found:
    if isfinite(known.randomised) and isfinite(known.chance) and known.randomised > known.chance:
        said = f"rank correlation {known.randomised:.2f}, chance stays under {known.chance:.2f}"
        yield 2, f"It says much the same of a model with shuffled weights ({said}): it does not explain this model."


def _agreement(known: Evidence) -> Found:
    apart = [(title, n_other) for title, n_other in known.others if 2 * n_other > known.n_top]
    for title, n_other in apart:
        noun = "word" if known.n_top == 1 else "words"
        yield 1, f"It and {title} disagree on {n_other} of {known.n_top} top {noun}."


_TESTS = (_curves, _residue, _doubling, _baseline, _randomised, _agreement)
