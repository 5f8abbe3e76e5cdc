"""Probes: what is fitted on vectors to tell labels, and what it says of others. Arrays in, numbers out."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32, Int64

from lmviz.errors import InvalidParameter

STRENGTHS = (1.0, 0.03, 0.001)  # inverse strengths of the penalty that dev chooses from
MOST_FOR_STRENGTH = 20_000  # training rows that this is tried on
N_HIDDEN, _N_BATCH, _MOST_ROUNDS, _PATIENCE = 64, 256, 40, 2
_MOST_STEPS, _TOLERANCE = 60, 3e-4
_MANY, _STEPS_OF_MANY = 50_000, 30  # rows; more of them say the same in fewer steps
_NEVER = -30.0  # nats by which a label without a training row is less probable
_SMALLEST = 1e-6  # of the largest variance: a direction with less is left out
X = Float32[np.ndarray, "row width"]
Y = Int64[np.ndarray, " row"]


class Probe(Protocol):
    """What was fitted."""

    def log_probabilities(self, x: X) -> Float32[np.ndarray, "row label"]:
        """Give the log-probability of every label for some vectors, in nats."""


Fit = Callable[..., Probe]


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear change of coordinates after which all directions vary about equally: (x − mean) @ matrix."""

    mean: Float32[np.ndarray, " width"]
    matrix: Float32[np.ndarray, "width kept"]

    def __call__(self, x: X) -> Float32[np.ndarray, "row kept"]:
        """Change the coordinates of some vectors."""
        changed: np.ndarray = (x - self.mean) @ self.matrix
        return changed


def whitening(x: X) -> Whitening:
    """Find coordinates in which training vectors have the same spread in every direction.

    A linear probe can tell the same labels in any coordinates; in these its fit needs few steps, and its penalty treats
    directions alike whatever their size. With few rows the covariance is shrunk towards a multiple of the identity, by
    as much as Ledoit & Wolf (2004) find right, so that noise directions are not blown up.

    Args:
        x: The training vectors.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = x - mean
    spread = np.sqrt((centred**2).mean(axis=0, dtype=np.float64))
    scale = 1 / np.where(spread > _SMALLEST * max(float(spread.max()), 1e-30), spread, np.inf)
    centred *= scale.astype(np.float32)
    covariance = (centred.T @ centred).astype(np.float64) / len(x)
    rows = centred[_some(len(x))]
    shrunk = float(ledoit_wolf_shrinkage(rows, assume_centered=True)) * min(1.0, len(rows) / len(x))
    level = float(np.trace(covariance)) / len(covariance)
    sizes, directions = np.linalg.eigh((1 - shrunk) * covariance + shrunk * level * np.eye(len(covariance)))
    kept = sizes > _SMALLEST * max(float(sizes.max(initial=0.0)), 1e-30)
    matrix = scale[:, None] * (directions[:, kept] / np.sqrt(sizes[kept]))
    return Whitening(mean, matrix.astype(np.float32))


def _some(n_rows: int) -> slice | np.ndarray:
    """Choose rows to look at: all, or 20,000 drawn once and for all; every k-th could meet one label alone."""
    if n_rows <= MOST_FOR_STRENGTH:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(n_rows, MOST_FOR_STRENGTH, replace=False))


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A multinomial logistic regression: `rows` and `offsets` in the coordinates of the vectors themselves.

    `strength` is the inverse strength of the penalty that it was fitted with.
    """

    rows: Float32[np.ndarray, "label width"]
    offsets: Float32[np.ndarray, " label"]
    strength: float = 1.0

    def log_probabilities(self, x: X) -> Float32[np.ndarray, "row label"]:
        """Give the log-probability of every label for some vectors, in nats."""
        return _log_softmax(x @ self.rows.T + self.offsets)


def _log_softmax(scores: np.ndarray) -> Float32[np.ndarray, "row label"]:
    shifted = scores - scores.max(axis=1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found.astype(np.float32)


def fit_linear(
    x: X,
    y: Y,
    *,
    n_labels: int,
    dev: tuple[X, Y],
    seed: int = 0,
    strength: float | None = None,
    change: Whitening | None = None,
) -> LinearProbe:
    """Fit a multinomial logistic regression with an L2 penalty, in whitened coordinates.

    Args:
        x: Training vectors.
        y: Their labels, from 0.
        n_labels: Labels there are; those without a training row keep a very small probability.
        dev: Vectors and labels that choose the strength of the penalty; nothing else is fitted on them.
        seed: Not needed: the fit has one solution.
        strength: Inverse strength of the penalty, as scikit-learn's C; None: dev chooses one of `STRENGTHS`.
        change: What `whitening` gave for the training vectors, where it is known.
    """
    del seed
    if len(known := np.unique(y)) == 1:
        offsets = np.where(np.arange(n_labels) == known[0], 0.0, _NEVER)
        return LinearProbe(np.zeros((n_labels, x.shape[1]), dtype=np.float32), offsets.astype(np.float32))
    change = whitening(x) if change is None else change
    chosen = _strength(change, (x, y), dev) if strength is None else strength
    model = _logistic(change(x), y, chosen)
    rows = np.zeros((n_labels, x.shape[1]), dtype=np.float64)
    offsets = np.full(n_labels, -np.inf)
    coefficients, intercepts = _per_label(model)
    rows[model.classes_] = coefficients @ change.matrix.T.astype(np.float64)
    offsets[model.classes_] = intercepts
    offsets[np.isinf(offsets)] = offsets[model.classes_].min() + _NEVER
    offsets -= rows @ change.mean.astype(np.float64)
    return LinearProbe(rows.astype(np.float32), offsets.astype(np.float32), chosen)


def _per_label(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give a row per label; of two labels scikit-learn keeps one row, which is their difference."""
    coefficients, intercepts = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    if len(model.classes_) == 2:
        return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-intercepts, intercepts]) / 2
    return coefficients, intercepts


def steps_on(n_rows: int) -> int:
    """Say how many steps a fit of a linear probe takes at most."""
    return _MOST_STEPS if n_rows <= _MANY else _STEPS_OF_MANY


def _logistic(x: X, y: Y, strength: float, *, most_steps: int | None = None) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=most_steps or steps_on(len(x)), tol=_TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a limit of steps is part of the method
        return model.fit(x, y)


def _strength(change: Whitening, train: tuple[X, Y], dev: tuple[X, Y]) -> float:
    """Choose the penalty whose probe is the least surprised by dev, from rows of all of train and dev."""
    (x, y), (asked, known) = ((side[0][rows], side[1][rows]) for side in (train, dev) for rows in [_some(len(side[0]))])
    is_known = np.isin(known, np.unique(y))
    if len(np.unique(y)) < 2 or not is_known.any():
        return STRENGTHS[0]
    inside, outside = change(x), change(asked[is_known])
    losses = []
    for strength in STRENGTHS:
        model = _logistic(inside, y, strength, most_steps=_STEPS_OF_MANY)
        rows, offsets = _per_label(model)
        found = _log_softmax(outside @ rows.T + offsets)
        losses.append(-float(found[np.arange(len(found)), np.searchsorted(model.classes_, known[is_known])].mean()))
    return STRENGTHS[int(np.argmin(losses))]


@dataclass(frozen=True, eq=False)
class MlpProbe:
    """A network with one hidden layer, on standardised vectors."""

    mean: Float32[np.ndarray, " width"]
    spread: Float32[np.ndarray, " width"]
    weights: tuple[np.ndarray, ...]
    offsets: tuple[np.ndarray, ...]

    def log_probabilities(self, x: X) -> Float32[np.ndarray, "row label"]:
        """Give the log-probability of every label for some vectors, in nats."""
        hidden = np.maximum(((x - self.mean) / self.spread) @ self.weights[0] + self.offsets[0], 0.0)
        return _log_softmax(hidden @ self.weights[1] + self.offsets[1])


def fit_mlp(x: X, y: Y, *, n_labels: int, dev: tuple[X, Y], seed: int = 0, strength: float | None = None) -> MlpProbe:
    """Fit a network with one hidden layer of 64 units by Adam; it stops when dev has not got better for two rounds.

    Args:
        x: Training vectors.
        y: Their labels.
        n_labels: Labels there are.
        dev: Vectors and labels that say when to stop.
        seed: Of the first weights and of the order of the rows.
        strength: Weight of the L2 penalty; None: 1e-4.
    """
    from sklearn.neural_network import MLPClassifier

    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > _SMALLEST * max(float(spread.max()), 1e-30), spread, 1.0).astype(np.float32)
    inside, outside = (x - mean) / spread, (dev[0] - mean) / spread
    network = MLPClassifier(
        (N_HIDDEN,), alpha=1e-4 if strength is None else strength, batch_size=min(_N_BATCH, len(x)), random_state=seed
    )
    generator = np.random.default_rng(seed)
    best, kept, n_worse = np.inf, None, 0
    for _ in range(_MOST_ROUNDS):
        order = generator.permutation(len(inside))
        network.partial_fit(inside[order], y[order], classes=np.arange(max(n_labels, 2)))
        loss = _dev_loss(network, outside, dev[1])
        if loss < best:
            best, n_worse = loss, 0
            kept = ([one.copy() for one in network.coefs_], [one.copy() for one in network.intercepts_])
        else:
            n_worse += 1
            if n_worse >= _PATIENCE:
                break
    weights, offsets = kept or (network.coefs_, network.intercepts_)
    return MlpProbe(mean, spread, *_of_two(weights, offsets))


def _of_two(weights: Sequence[np.ndarray], offsets: Sequence[np.ndarray]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Give two outputs where the network has one for the second of two labels."""
    if weights[1].shape[1] > 1:
        return tuple(weights), tuple(offsets)
    last, offset = weights[1], offsets[1]
    return (weights[0], np.hstack([-last, last]) / 2), (offsets[0], np.concatenate([-offset, offset]) / 2)


def _dev_loss(network: Any, x: np.ndarray, y: np.ndarray) -> float:
    known = y >= 0
    if not known.any():
        return float(network.loss_)
    found = network.predict_proba(x[known])[np.arange(int(known.sum())), y[known]]
    return -float(np.log(np.maximum(found, 1e-30)).mean())


FITS: "MappingProxyType[str, Fit]" = MappingProxyType({"linear": fit_linear, "mlp": fit_mlp})


def fit_named(kind: str) -> Fit:
    """Give the way of fitting of that name.

    Raises:
        InvalidParameter: There is none.
    """
    if kind not in FITS:
        raise InvalidParameter(f"A probe is one of {', '.join(FITS)}, not {kind!r}.")
    return FITS[kind]
