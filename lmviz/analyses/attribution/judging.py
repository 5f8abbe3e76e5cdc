"""The numbers of all tests in one result, with what they mean for each attribution."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from lmviz.analyses.attribution import agreement, curves
from lmviz.analyses.attribution.baselines import baseline_note
from lmviz.analyses.attribution.coalitions import Game
from lmviz.analyses.attribution.curves import Curves
from lmviz.analyses.attribution.methods import UNSIGNED, method
from lmviz.analyses.attribution.targets import Explained
from lmviz.analyses.attribution.trials import Trials
from lmviz.analyses.attribution.verdicts import Evidence, verdict
from lmviz.results import TokenScores
from lmviz.results.faithfulness import DO_NOT_RELY, Faithfulness

_ABSENT = "NaN: a test that the attribution has no use for, or that this text is too short for."


@dataclass(frozen=True, eq=False)
class Tested:
    """What the tests of some attributions gave; `more` is residue, change and rank correlation with a baseline."""

    results: tuple[TokenScores, ...]
    scores: Float64[np.ndarray, "method player"]
    curves: Curves
    more: Float64[np.ndarray, "method number"]
    randomised: Float64[np.ndarray, "method shuffle"]

    @property
    def n(self) -> int:
        """Count the attributions."""
        return len(self.scores)

    def p(self, curve: str) -> Float64[np.ndarray, " method"]:
        """Say for each attribution how often a random order does as well."""
        areas = getattr(self.curves, f"{curve}_area")
        is_low_good = curve == "deletion"
        return np.array([curves.exceedance(own, areas[self.n :], is_low_good=is_low_good) for own in areas[: self.n]])


def judged(trials: Trials, target: Explained, *, tested: Tested) -> Faithfulness:
    """Put everything together, and say what it means.

    Args:
        trials: What was asked.
        target: What was explained.
        tested: What came of it.
    """
    slugs, params = trials.params.methods, trials.params
    titles = tuple(method(slug).title for slug in slugs)
    alike = _each(tested, slugs, measure=agreement.compared)
    shared = _each(tested, slugs, measure=agreement.shared_top).astype(np.int64)
    chance = agreement.chance(tested.scores.shape[1], tested.randomised.shape[1], seed=params.seed)
    found = _verdicts(tested, titles, apart=_n_top(tested) - shared, chance=chance)
    own = tested.curves
    return Faithfulness(
        methods=slugs,
        titles=titles,
        players=_names(trials.game, target),
        orders=(*titles, *(f"random {draw + 1}" for draw in range(params.n_random))),
        target=target.name,
        unit=tested.results[0].unit,
        value=own.value,
        baseline_value=own.empty,
        scores=_single(tested.scores),
        fractions=_single(own.fractions),
        deletion=_single(own.deletion),
        insertion=_single(own.insertion),
        deletion_area=_single(own.deletion_area),
        insertion_area=_single(own.insertion_area),
        comprehensiveness=_single(own.comprehensiveness),
        sufficiency=_single(own.sufficiency),
        p_deletion=_single(tested.p("deletion")),
        p_insertion=_single(tested.p("insertion")),
        agreement=_single(alike),
        shared_top=shared,
        n_top=_n_top(tested),
        residues=_single(tested.more[:, 0]),
        doubling=_single(tested.more[:, 1]),
        other_baseline=_single(tested.more[:, 2]),
        randomised=_single(tested.randomised),
        chance=chance,
        verdicts=tuple(said for said, _ in found),
        reasons=tuple(why for _, why in found),
        table=target.encoding.table,
        note=" ".join((baseline_note(trials.model, params.baseline), *trials.notes, _ABSENT)),
    )


def _each(tested: Tested, slugs: tuple[str, ...], *, measure: Callable[..., float]) -> np.ndarray:
    """Compare every attribution with every one."""
    signed = [slug not in UNSIGNED for slug in slugs]
    rows = range(tested.n)
    return np.array([[measure(*tested.scores[[a, b]], is_signed=signed[a] and signed[b]) for b in rows] for a in rows])


def _verdicts(
    tested: Tested, titles: tuple[str, ...], *, apart: np.ndarray, chance: float
) -> list[tuple[str, tuple[str, ...]]]:
    """Judge each attribution by its own tests, and then by whether it differs from one that passes its own."""
    alone = [_evidence(tested, row, chance=chance) for row in range(tested.n)]
    passes = [at for at, evidence in enumerate(alone) if verdict(evidence)[0] != DO_NOT_RELY]
    others = [tuple((titles[at], int(apart[row, at])) for at in passes) for row in range(tested.n)]
    return [verdict(replace(evidence, others=own)) for evidence, own in zip(alone, others, strict=True)]


def _n_top(tested: Tested) -> int:
    return agreement.n_top(tested.scores.shape[1])


def _evidence(tested: Tested, row: int, *, chance: float) -> Evidence:
    """Put together what is known of one attribution, the others aside."""
    n_players = tested.scores.shape[1]
    residue, doubling, other_baseline = tested.more[row].tolist()
    return Evidence(
        n_players=n_players,
        residue=residue,
        difference=tested.curves.value - tested.curves.empty,
        doubling=doubling,
        other_baseline=other_baseline,
        p_deletion=float(tested.p("deletion")[row]),
        p_insertion=float(tested.p("insertion")[row]),
        randomised=float(tested.randomised[row].mean()),
        chance=chance,
        n_top=_n_top(tested),
    )


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def _names(play: Game, target: Explained) -> tuple[str, ...]:
    tokens = target.encoding.table.tokens
    return tuple("".join(tokens[place].removeprefix("##") for place in own).strip() for own in play.players)
