"""The ways of taking a concept out: each gives interventions for a model, and random ones to compare with."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias.erasure.directions import direction
from lmviz.analyses.bias.erasure.eraser import Eraser, orthogonal_eraser, random_eraser, random_rows
from lmviz.analyses.bias.erasure.inlp import inlp
from lmviz.analyses.bias.erasure.leace import leace
from lmviz.analyses.bias.removal_concept import ConceptVectors
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.capture.intervene import Intervention
    from lmviz.models.loaded import LoadedModel

Heads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Settings:
    """What a method is asked for: a layer, and the heads, the strength and the seed where it has any."""

    method: str
    layer: int
    heads: Heads
    strength: float
    seed: int
    n_draws: int
    control: str


@dataclass(frozen=True, eq=False)
class Removal:
    """What is replaced after removal and in each random control, of how many directions or heads, and its numbers."""

    after: tuple["Intervention", ...]
    controls: tuple[tuple["Intervention", ...], ...]
    rank: int
    numbers: Mapping[str, float]


def removal(model: "LoadedModel", settings: Settings, *, train: ConceptVectors, words: Sequence[str]) -> Removal:
    """Fit a method on vectors of the residual stream after a layer.

    Args:
        model: The model they are of.
        settings: The method and what it takes.
        train: The vectors of pairs.
        words: The word of each pair: what is sampled.

    Raises:
        InvalidParameter: The vectors do not differ, or there are no other heads to compare with.
    """
    if settings.method == "head-ablation":
        return _ablation(model, settings)
    if settings.method == "steering":
        return _steering(settings, train)
    eraser, numbers = _ERASERS[settings.method](train, words, settings.seed)
    if not eraser.rank:
        raise InvalidParameter(
            f"The pairs are not told apart after layer {settings.layer}. Choose another layer or give more pairs."
        )
    controls = [random_eraser(eraser, seed=seed, spread=_spread(settings, train)) for seed in _seeds(settings)]
    return Removal(
        after=(_projection(eraser, settings.layer),),
        controls=tuple((_projection(control, settings.layer),) for control in controls),
        rank=eraser.rank,
        numbers=numbers,
    )


Fit = Callable[[ConceptVectors, Sequence[str], int], tuple[Eraser, Mapping[str, float]]]


def _leace(train: ConceptVectors, _words: Sequence[str], _seed: int) -> tuple[Eraser, Mapping[str, float]]:
    return leace(train.both, train.classes), {}


def _inlp(train: ConceptVectors, words: Sequence[str], seed: int) -> tuple[Eraser, Mapping[str, float]]:
    return inlp(train.both, train.classes, groups=[*words, *words], seed=seed), {}


def _direction(train: ConceptVectors, _words: Sequence[str], seed: int) -> tuple[Eraser, Mapping[str, float]]:
    found = direction(train.first, train.second, seed=seed)
    eraser = orthogonal_eraser(found.vector, train.both.mean(axis=0), method="direction")
    null = float(found.null.mean()) if found.null.size else float("nan")
    return eraser, {"explained": found.explained, "explained_at_random": null, "p_explained": found.p}


_ERASERS: Mapping[str, Fit] = MappingProxyType({"leace": _leace, "inlp": _inlp, "direction": _direction})
CONTROLS = ("isotropic", "spread")
METHODS: tuple[str, ...] = (*_ERASERS, "head-ablation", "steering")


def _projection(eraser: Eraser, layer: int) -> "Intervention":
    from lmviz.capture.intervene import ProjectOut

    return ProjectOut(layer, eraser.writers, center=eraser.center, readers=eraser.readers)


def _steering(settings: Settings, train: ConceptVectors) -> Removal:
    """Add the mean difference of the pairs, some strength of it; the control adds as long a step at random."""
    from lmviz.capture.intervene import AddDirection

    step = (train.first - train.second).mean(axis=0)
    length = float(np.linalg.norm(step))
    spread = _spread(settings, train)
    drawn = [random_rows(1, step.size, seed=seed, spread=spread)[0] for seed in _seeds(settings)]
    steps = [step, *(other * length / np.linalg.norm(other) for other in drawn)]
    after, *controls = ((AddDirection(settings.layer, own, settings.strength),) for own in steps)
    return Removal(after, tuple(controls), 1, {"length": abs(settings.strength) * length})


def _ablation(model: "LoadedModel", settings: Settings) -> Removal:
    """Give heads their own mean over each text; the control does so to as many other heads."""
    from lmviz.capture.intervene import AblateHead

    others = [
        (layer, head) for layer in range(model.n_layers) for head in range(model.n_heads)
        if (layer, head) not in settings.heads
    ]  # fmt: skip
    n_heads = len(settings.heads)
    if len(others) < n_heads:
        raise InvalidParameter(f"{n_heads} heads leave {len(others)} to compare with. Choose at most half of them.")

    def ablated(heads: Heads) -> tuple[AblateHead, ...]:
        return tuple(AblateHead(layer, head, how="mean") for layer, head in heads)

    controls = []
    for seed in _seeds(settings):
        places = np.random.default_rng(seed).choice(len(others), size=n_heads, replace=False)
        controls.append(ablated(tuple(others[place] for place in places)))
    return Removal(ablated(settings.heads), tuple(controls), n_heads, {})


def _spread(settings: Settings, train: ConceptVectors) -> np.ndarray | None:
    """Give the vectors that random directions are drawn like, if they are."""
    return train.both if settings.control == "spread" else None


def _seeds(settings: Settings) -> list[int]:
    """Give each control a seed of its own."""
    return [int(seed) for seed in np.random.SeedSequence(settings.seed).generate_state(settings.n_draws)]


def heads_named(model: "LoadedModel", names: Sequence[str]) -> Heads:
    """Read heads such as "L3H1", counted from zero.

    Raises:
        InvalidParameter: No head is named, or one that does not exist.
    """
    found = []
    for name in names:
        match = re.fullmatch(r"L(\d{1,4})H(\d{1,4})", name.strip(), flags=re.IGNORECASE)
        if match is None or int(match[1]) >= model.n_layers or int(match[2]) >= model.n_heads:
            raise InvalidParameter(
                f"'{name[:40]}' is no head of {model.id}. Name heads from L0H0 to L{model.n_layers - 1}"
                f"H{model.n_heads - 1}."
            )
        found.append((int(match[1]), int(match[2])))
    if not found:
        raise InvalidParameter("No head is named. Name those to ablate, such as L3H1.")
    return tuple(dict.fromkeys(found))
