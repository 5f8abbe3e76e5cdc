"""How well a class can be read off vectors: by a linear probe, and by one with a hidden layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.analyses.bias.erasure.eraser import checked_classes
from lmviz.errors import InvalidParameter
from lmviz.statistics import wilson_of_share
from lmviz.statistics.inputs import cluster_codes

SEEDS = (0, 1, 2, 3, 4)
Told = Float[np.ndarray, " row"]
_N_FOLDS = 5
_N_HIDDEN, _TOLERANCE, _MOST_ROUNDS = 32, 1e-3, 10_000
_SMALLEST = 1e-3  # of the largest spread: below, it may be what rounding has left of an erased direction


def majority_share(z: ArrayLike) -> float:
    """Give the share of the most frequent class: what a probe has to beat."""
    counts = np.unique(np.asarray(z), return_counts=True)[1]
    return float(counts.max() / counts.sum())


def fitted_rows(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Give the rows of a logistic regression in the space of the vectors, (row, width).

    All dimensions are scaled alike: standardised ones would turn the rows towards those with little variance.
    """
    probe = _linear(x, z, is_standardised=False)
    rows: np.ndarray = probe.model.coef_ / probe.spread
    return rows


def linear_accuracy(train: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike]) -> float:
    """Give the share of test vectors whose class a logistic regression tells, see `linear_told`."""
    return float(linear_told(train, test).mean())


def mlp_accuracy(train: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike], *, seed: int = 0) -> float:
    """Give the share of test vectors whose class a small network tells, see `mlp_told`."""
    return float(mlp_told(train, test, seeds=(seed,)).mean())


def linear_told(train: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike]) -> Told:
    """Say of each test vector whether a logistic regression tells its class: 1 or 0.

    Vectors are standardised by the mean and spread of those for training.

    Args:
        train: Vectors, one per row, and the class of each.
        test: Others; nothing is fitted on them.

    Raises:
        InvalidParameter: As `checked_classes` for the training vectors.
    """
    x, _, _ = checked_classes(*train)
    return _linear(x, np.asarray(train[1])).told(*test)


def mlp_told(
    train: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike], *, seeds: Sequence[int] = SEEDS
) -> Told:
    """Say of each test vector how many of some networks tell its class, as a share.

    Each has one hidden layer of 32 units and is trained on all vectors at once until ten rounds have not made it
    better. Linear erasure promises nothing about it.

    Args:
        train: As for `linear_told`.
        test: As for `linear_told`.
        seeds: Of the first weights, one for each network.

    Raises:
        InvalidParameter: As `checked_classes` for the training vectors.
    """
    from sklearn.neural_network import MLPClassifier

    x, _, _ = checked_classes(*train)
    found = []
    for seed in seeds:
        network = MLPClassifier(
            (_N_HIDDEN,),
            batch_size=len(x),
            learning_rate_init=0.01,
            tol=_TOLERANCE,
            max_iter=_MOST_ROUNDS,
            random_state=seed,
        )
        probe = _standardised(x, network)
        network.fit(probe.scaled(x), np.asarray(train[1]))
        found.append(probe.told(*test))
    told: np.ndarray = np.mean(found, axis=0)
    return told


def told_interval(told: ArrayLike, clusters: ArrayLike) -> tuple[float, float]:
    """Give the 95 per cent interval of the share told: Wilson's, each cluster counted as one answer.

    Vectors of one word are told or not told together, so a word is one observation however many vectors it has. This
    is the wider side: it is right where they all agree, and too wide where they do not.

    Args:
        told: From 0 to 1 for each vector.
        clusters: What each vector is of, such as its word.
    """
    return wilson_of_share(float(np.asarray(told).mean()), len(np.unique(np.asarray(clusters))))


def held_out(z: ArrayLike, *, groups: ArrayLike | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into those to fit on and a fifth to test on, each with about the same shares of the classes.

    Args:
        z: The class of each row.
        groups: What was sampled, such as the pair of each row: whole groups are held out. None: single rows are.
        seed: Of the choice.

    Returns:
        The numbers of the rows on either side.

    Raises:
        InvalidParameter: Too few rows of a class, or groups, to hold some out.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    classes = np.asarray(z)
    codes = cluster_codes(groups, len(classes))
    n_groups, fewest = len(np.unique(codes)), int(np.unique(classes, return_counts=True)[1].min())
    n_folds = min(_N_FOLDS, n_groups, fewest)
    if n_folds < 2:
        raise InvalidParameter(
            f"{len(classes)} vectors of {n_groups} groups are too few to hold some out. "
            f"Give {_N_FOLDS} or more of each class, of {_N_FOLDS} groups or more."
        )
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    fit, test = next(folds.split(classes, classes, codes))
    return fit, test


@dataclass(frozen=True, eq=False)
class _Probe:
    """A classifier on standardised vectors."""

    mean: np.ndarray
    spread: np.ndarray
    model: Any

    def scaled(self, x: ArrayLike) -> np.ndarray:
        scaled: np.ndarray = (np.asarray(x, dtype=np.float64) - self.mean) / self.spread
        return scaled

    def told(self, x: ArrayLike, z: ArrayLike) -> Told:
        right: np.ndarray = (self.model.predict(self.scaled(x)) == np.asarray(z)).astype(np.float64)
        return right


def _standardised(x: np.ndarray, model: Any) -> _Probe:
    spread = x.std(axis=0)
    return _Probe(x.mean(axis=0), np.maximum(spread, _SMALLEST * spread.max() or 1.0), model)


def _linear(x: np.ndarray, z: np.ndarray, *, is_standardised: bool = True) -> _Probe:
    """Fit a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=5000)
    probe = _standardised(x, model) if is_standardised else _Probe(x.mean(axis=0), np.array(x.std() or 1.0), model)
    probe.model.fit(probe.scaled(x), z)
    return probe
