"""What is asked to put attributions to the test, over and over, told as one job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from lmviz.analyses.attribution import agreement, curves
from lmviz.analyses.attribution.coalitions import Game
from lmviz.analyses.attribution.methods import UNSIGNED, answer, method, takes
from lmviz.analyses.attribution.targets import TargetParams
from lmviz.analyses.base import Progress
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

MOST_STEPS = 1024
_NAN = float("nan")
PlayerScores = Float64[np.ndarray, " player"]
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, by which attributions, and how hard they are tested.

    `methods` are slugs of attributions. `baseline` is what they start from, and what stands for a word that is taken
    away; `second_baseline` is what they are asked about besides. `by` is "word" or "token". `n_steps`, `n_samples` and
    `tolerance` go to the attributions that take them; 0 samples mean each attribution's own number. `n_random` orders
    make the band, and weights are shuffled `n_shuffles` times.
    """

    methods: tuple[str, ...] = ("integrated-gradients", "input-x-gradient", "erasure")
    baseline: str = "pad"
    second_baseline: str = "mean"
    by: str = "word"
    n_steps: int = 32
    n_samples: int = 0
    tolerance: float = 0.0
    n_random: int = 50
    n_shuffles: int = 3
    seed: int = 0


@dataclass(eq=False)
class Trials:
    """What is asked over and over: attributions of one target, counted so that the progress can be told."""

    model: "LoadedModel"
    params: Params
    target: TargetParams
    game: Game
    on_progress: Progress
    n_asked: int
    n_done: int = 0
    notes: list[str] = field(default_factory=list)

    def scores(
        self, slug: str, *, model: "LoadedModel | None" = None, changes: Mapping[str, Any] = _NONE
    ) -> tuple[PlayerScores, TokenScores]:
        """Ask an attribution, and add its scores up for each player."""

        def told(fraction: float, message: str = "") -> None:
            self.tell(fraction, f"{method(slug).title}: {message}" if message else method(slug).title)

        found = answer(
            model or self.model, slug, target=self.target, options={**self.options, **changes}, on_progress=told
        )
        self.n_done += 1
        self.tell(0.0, method(slug).title)
        own = found.scores.astype(np.float64)
        return np.array([own[list(places)].sum() for places in self.game.players]), found

    def tell(self, fraction: float, message: str) -> None:
        """Tell how much of everything is done."""
        self.on_progress(min(0.99, (self.n_done + min(fraction, 1.0)) / self.n_asked), message)

    @property
    def options(self) -> dict[str, Any]:
        """What the attributions are given, those that take it."""
        own = self.params
        samples = {"n_samples": own.n_samples} if own.n_samples else {}
        shared = {"baseline": own.baseline, "by": own.by, "n_steps": own.n_steps}
        return {**shared, "tolerance": own.tolerance, "seed": own.seed, **samples}


def n_more(slug: str) -> int:
    """Count what is asked of an attribution besides: twice the steps, a second baseline."""
    return int(_option(slug) is not None) + int(takes(slug, "baseline"))


def _option(slug: str) -> str | None:
    """Say which option makes an attribution more exact."""
    return next((name for name in ("n_steps", "n_samples") if takes(slug, name)), None)


def asked_again(trials: Trials, slug: str, *, first: tuple[PlayerScores, TokenScores]) -> tuple[float, float, float]:
    """Ask once more with twice the steps, and of a second baseline: residue, change, rank correlation."""
    scores, result = first
    doubling = other = _NAN
    option, params = _option(slug), trials.params
    if option is not None:
        made = method(slug).params(text="")
        own = params.n_samples or made.n_samples if option == "n_samples" else int(result.provenance["steps"])
        twice = min(2 * own, MOST_STEPS) if option == "n_steps" else 2 * own
        again, _ = trials.scores(slug, changes={option: twice, "tolerance": 0.0})
        largest = float(np.abs(again).max(initial=0.0))
        doubling = float(np.abs(again - scores).max(initial=0.0)) / largest if largest else 0.0
    if takes(slug, "baseline"):
        again, _ = trials.scores(slug, changes={"baseline": params.second_baseline})
        other = agreement.spearman(scores, again)
    return float(result.residue), doubling, other


def followed(trials: Trials, scores: np.ndarray) -> curves.Curves:
    """Follow the order of every attribution, and random ones."""
    sized = [np.abs(own) if slug in UNSIGNED else own for slug, own in zip(trials.params.methods, scores, strict=True)]
    drawn = curves.random_orders(scores.shape[1], trials.params.n_random, seed=trials.params.seed)
    orders = [*map(curves.order_of, sized), *drawn]
    found = curves.curves(trials.game, orders, told=lambda done, of: trials.tell(done / of, "Taking words away"))
    trials.n_done += 1
    return found


def randomised(trials: Trials, scores: np.ndarray, *, n_shuffles: int) -> np.ndarray:
    """Correlate what is said of the model with what is said of models whose weights are shuffled: (method, shuffle)."""
    from lmviz.models.shuffling import shuffled

    found = np.full((len(scores), max(1, n_shuffles)), _NAN)
    for draw in range(n_shuffles):
        other = shuffled(trials.model, seed=trials.params.seed + draw)
        for row, slug in enumerate(trials.params.methods):
            again, _ = trials.scores(slug, model=other)
            found[row, draw] = agreement.compared(scores[row], again, is_signed=slug not in UNSIGNED)
    return found
