"""Whether explanations of one answer can be relied on: what was tried, and what came of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64

from lmviz.results.base import Result, TokenTable, tidy

HOLDS, WITH_CARE, DO_NOT_RELY = "holds up", "with care", "do not rely on it"
PerOrder = Float32[np.ndarray, " order"]
PerMethod = Float32[np.ndarray, " method"]


@dataclass(frozen=True, eq=False)
class Faithfulness(Result):
    """Several attributions of one answer, and tests of each.

    A player is a word, or a token, that can be taken away; `scores` are signed, in `unit`. An order is that of an
    attribution, in which the first is the most important, or one of `n_random` random ones, which come last.
    `deletion` is the quantity while players go in that order, `insertion` while they come, at `fractions` of them;
    areas are under these curves. `comprehensiveness` is what the first ones take with them and `sufficiency` what is
    missing with them alone. `p_deletion` and `p_insertion` say how often a random order does as well, one-sided.
    `agreement` is the rank correlation of two attributions and `shared_top` how many of their `n_top` largest words
    are the same. `residues` are what an attribution leaves of the difference to the baseline; `doubling` is the
    largest change of a score when it takes twice as many steps or samples, as a share of its largest score;
    `other_baseline` the rank correlation with what it says of a second baseline; `randomised` that with what it says
    of models whose weights are shuffled, which stays under `chance` in 95 of 100 cases where there is no relation.
    NaN where a test does not apply; `note` says why. `verdicts` is one of "holds up", "with care" and "do not rely on
    it" for each attribution, and `reasons` says why in sentences.
    """

    methods: tuple[str, ...]
    titles: tuple[str, ...]
    players: tuple[str, ...]
    orders: tuple[str, ...]
    target: str
    unit: str
    value: float
    baseline_value: float
    scores: Float32[np.ndarray, "method player"]
    fractions: Float32[np.ndarray, " step"]
    deletion: Float32[np.ndarray, "order step"]
    insertion: Float32[np.ndarray, "order step"]
    deletion_area: PerOrder
    insertion_area: PerOrder
    comprehensiveness: PerOrder
    sufficiency: PerOrder
    p_deletion: PerMethod
    p_insertion: PerMethod
    agreement: Float32[np.ndarray, "method other"]
    shared_top: Int64[np.ndarray, "method other"]
    n_top: int
    residues: PerMethod
    doubling: PerMethod
    other_baseline: PerMethod
    randomised: Float32[np.ndarray, "method shuffle"]
    chance: float
    verdicts: tuple[str, ...]
    reasons: tuple[tuple[str, ...], ...]
    table: TokenTable | None = None
    note: str = ""

    @property
    def n_random(self) -> int:
        """Count the random orders."""
        return len(self.orders) - len(self.methods)

    def band(self, curve: str) -> tuple[np.ndarray, np.ndarray]:
        """Give between which values 95 of 100 random orders lie at each step.

        Args:
            curve: "deletion" or "insertion".
        """
        values = getattr(self, curve)[len(self.methods) :]
        low, high = np.quantile(values, (0.025, 0.975), axis=0)
        return low, high

    @property
    def summary(self) -> str:
        """The finding in a sentence."""
        named: dict[str, list[str]] = {HOLDS: [], WITH_CARE: [], DO_NOT_RELY: []}
        for title, verdict in zip(self.titles, self.verdicts, strict=True):
            named[verdict].append(title)
        if len(named[DO_NOT_RELY]) == len(self.titles):
            return "Do not rely on this picture."
        said = {HOLDS: "Holds up", WITH_CARE: "Read with care", DO_NOT_RELY: "Do not rely on"}
        return " ".join(f"{said[verdict]}: {', '.join(titles)}." for verdict, titles in named.items() if titles)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per order and step: both curves, random orders included."""
        frame = tidy(self.deletion, {"order": self.orders, "step": None}, name="deletion")
        frame = frame.rename(columns={"order_token": "order_name"})
        return frame.assign(insertion=self.insertion.ravel(), fraction=np.tile(self.fractions, len(self.orders)))

    def to_summary(self) -> pd.DataFrame:
        """Give one row per attribution: its tests and its verdict."""
        own = slice(0, len(self.methods))
        return pd.DataFrame(
            {
                "method": self.titles,
                "verdict": self.verdicts,
                "residue": self.residues,
                "doubling": self.doubling,
                "other_baseline": self.other_baseline,
                "comprehensiveness": self.comprehensiveness[own],
                "sufficiency": self.sufficiency[own],
                "deletion_area": self.deletion_area[own],
                "insertion_area": self.insertion_area[own],
                "p_deletion": self.p_deletion,
                "p_insertion": self.p_insertion,
                "randomised": self.randomised.mean(axis=1),
                "reasons": [" ".join(found) for found in self.reasons],
            }
        )
