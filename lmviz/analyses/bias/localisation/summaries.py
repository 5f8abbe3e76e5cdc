"""From the effects of each row to their means by head, MLP and position, with intervals and adjusted p-values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from lmviz.analyses.bias.localisation import odds
from lmviz.analyses.bias.localisation.sweeps import RowEffects
from lmviz.results import BiasLocalisation, Check
from lmviz.results.localisation import EffectGrid
from lmviz.statistics import MeanEffects, mean_effects

_LEAST = 1e-3  # nats: what is smaller may be rounding, and is a tenth of a per cent of the odds
_HIGHEST = 80.0  # nats: the exponential of more is no float32
_NOTES = {
    "ablation": (
        "How the margin, the score of the first text less that of the second, changes when a head is taken out: a head "
        "whose change has the other sign than the margin contributes to the preference."
    ),
    "patching": (
        "Above zero: with the pattern of the counterfactual in this head alone, the anti-stereotypical continuation "
        "gains, so the head carries part of the effect."
    ),
}
_FEW = "Intervals need two rows or clusters; there are fewer."


@dataclass(frozen=True)
class Shape:
    """What a table of effects looks like where there is no row yet, and how rows are resampled."""

    method: str
    n_layers: int
    n_heads: int
    seed: int = 0

    def columns(self, name: str) -> tuple[str, ...]:
        """Name the columns of a table of effects."""
        return odds.ROLES if name in odds.STREAMS else tuple(f"H{head}" for head in range(self.n_heads))


def summarise(rows: Sequence[RowEffects], shape: Shape) -> BiasLocalisation:
    """Average over rows.

    Intervals come from resampled rows, or from whole clusters where every row names one; p-values from flipping their
    signs, adjusted by the largest t-statistic of each flip over all cells of a grid (max-T: Westfall & Young, 1993).
    Effects of less than a thousandth of a nat count as rounding.

    Args:
        rows: Rows without a problem.
        shape: The method, the model's size and the seed.

    Returns:
        Mean effects in nats; NaN where there are too few rows.
    """
    names = ("heads",) if shape.method == "ablation" else ("indirect", "direct", *odds.STREAMS)
    grids = {name: _grid(rows, shape, name) for name in names}
    main = grids[names[0]]
    few = "" if len(rows) and np.isfinite(main.low).all() else _FEW
    return BiasLocalisation(
        values=main.values,
        unit="nats",
        note=" ".join(sentence for sentence in (_NOTES[shape.method], few) if sentence),
        low=main.low,
        high=main.high,
        p_adjusted=main.p_adjusted,
        method=shape.method,
        n=len(rows),
        numbers=_numbers(rows, shape),
        grids={} if shape.method == "ablation" else grids,
    )


def _grid(rows: Sequence[RowEffects], shape: Shape, name: str) -> EffectGrid:
    columns = shape.columns(name)
    size = shape.n_layers, len(columns)
    table = np.array([row.effects[name].ravel() for row in rows]).reshape(len(rows), size[0] * size[1])
    effects = _means(rows, table, seed=shape.seed)
    ratios = _means(rows, _ratios(table), seed=shape.seed)
    cells = (effects.mean, effects.low, effects.high, effects.p_adjusted, ratios.mean, ratios.low, ratios.high)
    return EffectGrid(columns, *(cell.reshape(size).astype(np.float32) for cell in cells))


def _ratios(nats: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Turn changes of log odds into ratios of odds, less one."""
    ratios: np.ndarray = np.expm1(np.minimum(nats, _HIGHEST))
    return ratios


def _means(rows: Sequence[RowEffects], table: ArrayLike, *, seed: int) -> MeanEffects:
    clusters = [row.item.cluster for row in rows]
    named = clusters if clusters and all(clusters) else None
    return mean_effects(table, clusters=named, least=_LEAST, seed=seed)


def _numbers(rows: Sequence[RowEffects], shape: Shape) -> dict[str, float]:
    """Give the plain preference, and of mediation the total effect, with their intervals."""
    columns = {"margin": np.array([row.base for row in rows])}
    if shape.method == "patching":
        total = np.array([row.total for row in rows])
        columns |= {"total_effect": total, "total_ratio": _ratios(total)}
    found = _means(rows, np.stack(list(columns.values()), axis=1), seed=shape.seed)
    ends = (("", found.mean), ("_low", found.low), ("_high", found.high))
    numbers = {f"{name}{end}": float(part[at]) for at, name in enumerate(columns) for end, part in ends}
    return {**numbers, "residue": max((_residue(row) for row in rows), default=0.0)}


def _residue(row: RowEffects) -> float:
    """Say how far a run is off whose answer is known: one that replaces nothing, or all that a layer is given."""
    if "unchanged" in row.effects:
        return float(np.abs(row.effects["unchanged"]).max())
    whole = row.effects["resid_pre"][:, odds.ROLES.index("all")]
    return float(np.abs(whole - row.total).max())


def passes_add_up(result: BiasLocalisation) -> Check:
    """Compare runs with replacements whose answer is known with that answer."""
    off = result.numbers["residue"]
    known = "replacing a layer's input by itself changes the preference"
    if result.method == "patching":
        known = "patching all that a layer is given differs from the total effect"
    return Check(
        slug="residue",
        sentence=f"{known} by at most {off:.0e} nats",
        passed=off <= 1e-2,
        value=off,
        limit=1e-2,
        meaning="Runs with something replaced are not what they should be; do not use the effects.",
    )


def within_intervals(result: BiasLocalisation) -> Check:
    """Compare each mean with its own interval."""
    outside = np.maximum(result.low - result.values, result.values - result.high)
    off = float(np.nanmax(np.maximum(outside, 0.0), initial=0.0)) if np.isfinite(outside).any() else 0.0
    return Check(
        slug="intervals",
        sentence=f"means lie outside their intervals by at most {off:.0e} nats",
        passed=off <= 1e-4,
        value=off,
        limit=1e-4,
        meaning="The intervals are not those of the means; do not use them.",
    )
