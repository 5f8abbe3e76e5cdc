"""The structural probe: a linear map after which squared distances between words are those in their tree.

And one after which the squared length of a word is its depth (Hewitt & Manning, 2019). Arrays in, numbers out.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from lmviz.analyses.probing.trees import ROOT, depths, recovered_edges, tree_distances
from lmviz.errors import InvalidParameter

_BATCH, _RATE, _SLOWEST = 20, 1e-3, 1e-5
_BETAS, _TINY = (0.9, 0.999), 1e-8
_INITIAL = 0.05
_FEWEST_STEPS = 200


@dataclass(frozen=True, eq=False)
class Tree:
    """A sentence: a vector for each word, its heads as `trees` has them, and the words that are no punctuation."""

    vectors: Float32[np.ndarray, "word width"]
    heads: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True)
class Settings:
    """How a probe is trained: the rank of its map, at most so many rounds over the sentences, and its seed.

    Of few sentences a round goes over them more than once, so that it has 200 steps or more.
    """

    rank: int = 64
    n_rounds: int = 12
    seed: int = 0


Rows = Float32[np.ndarray, "rank width"]
Tell = Callable[[float], None]
Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def distance_loss(places: np.ndarray, wanted: np.ndarray) -> tuple[float, np.ndarray]:
    """Give the mean distance between squared distances and those of the tree, and its gradient.

    Args:
        places: (word, rank), the vectors after the map.
        wanted: (word, word), distances in the tree.

    Returns:
        (1 / n²) Σ |d_T − ‖x_i − x_j‖²| over all pairs, and its derivative by the places.
    """
    n = len(places)
    apart = squared_distances(places) - wanted
    signs = np.sign(apart) / n**2
    np.fill_diagonal(signs, 0.0)
    return float(np.abs(apart).sum()) / n**2, 4 * (signs.sum(axis=1)[:, None] * places - signs @ places)


def depth_loss(places: np.ndarray, wanted: np.ndarray) -> tuple[float, np.ndarray]:
    """Give the mean distance between squared lengths and depths, and its gradient by the places."""
    apart = (places**2).sum(axis=1) - wanted
    return float(np.abs(apart).mean()), 2 * (np.sign(apart) / len(places))[:, None] * places


def squared_distances(places: np.ndarray) -> Float[np.ndarray, "word word"]:
    """Give the squared distances between all rows: symmetric, zero on the diagonal."""
    lengths = (places**2).sum(axis=1)
    found = lengths[:, None] + lengths[None, :] - 2 * (places @ places.T)
    apart: np.ndarray = np.maximum((found + found.T) / 2, 0.0)
    np.fill_diagonal(apart, 0.0)
    return apart


def fit_distance(
    train: Sequence[Tree], dev: Sequence[Tree], *, settings: Settings, on_round: Tell | None = None
) -> Rows:
    """Fit the map for distances.

    Adam on batches of 20 sentences at a rate of 0.001, cut to a tenth whenever a round has not made dev better; it ends
    when that has happened twice in a row, or after the last round.

    Args:
        train: Sentences to fit on.
        dev: Sentences that say when to stop; where there are none the training sentences do.
        settings: Rank, rounds and seed.
        on_round: Told the share of rounds that is done; it may raise to stop.

    Returns:
        The map, (rank, width).

    Raises:
        InvalidParameter: There is no sentence to fit on.
    """
    return _fit(train, dev, settings, loss=distance_loss, wanted=tree_distances, on_round=on_round)


def fit_depth(train: Sequence[Tree], dev: Sequence[Tree], *, settings: Settings, on_round: Tell | None = None) -> Rows:
    """Fit the map for depths, as `fit_distance` does for distances."""
    return _fit(train, dev, settings, loss=depth_loss, wanted=depths, on_round=on_round)


def _fit(
    train: Sequence[Tree],
    dev: Sequence[Tree],
    settings: Settings,
    *,
    loss: Loss,
    wanted: Callable[[tuple[int, ...]], np.ndarray],
    on_round: Tell | None,
) -> Rows:
    if not train:
        raise InvalidParameter("There is no sentence with a tree to fit on. Give more sentences.")
    generator = np.random.default_rng(settings.seed)
    width = train[0].vectors.shape[1]
    rows = generator.uniform(-_INITIAL, _INITIAL, size=(min(settings.rank, width), width)).astype(np.float32)
    told = [wanted(tree.heads).astype(np.float32) for tree in train]
    judges = dev or train
    asked = [wanted(tree.heads).astype(np.float32) for tree in judges]
    adam, rate = _Adam(rows.shape), _RATE
    best, kept = np.inf, rows
    n_times = math.ceil(_FEWEST_STEPS * _BATCH / len(train))
    for number in range(settings.n_rounds):
        order = np.concatenate([generator.permutation(len(train)) for _ in range(n_times)])
        for first in range(0, len(order), _BATCH):
            batch = order[first : first + _BATCH]
            gradient = np.zeros_like(rows)
            for place in batch:
                vectors = train[place].vectors
                gradient += loss(vectors @ rows.T, told[place])[1].T @ vectors
            rows = rows - adam.step(gradient / len(batch), rate)
        judged = zip(judges, asked, strict=True)
        value = float(np.mean([loss(tree.vectors @ rows.T, own)[0] for tree, own in judged]))
        if value < best - 1e-4:
            best, kept = value, rows
        else:
            rate /= 10
            rows = kept
        if on_round is not None:
            on_round((number + 1) / settings.n_rounds)
        if rate < _SLOWEST:
            break
    return kept


class _Adam:
    """The steps of Adam (Kingma & Ba, 2015)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean: np.ndarray = np.zeros(shape, dtype=np.float32)
        self._square: np.ndarray = np.zeros(shape, dtype=np.float32)
        self._count = 0

    def step(self, gradient: np.ndarray, rate: float) -> np.ndarray:
        """Give what to subtract."""
        self._count += 1
        first, second = _BETAS
        self._mean = first * self._mean + (1 - first) * gradient
        self._square = second * self._square + (1 - second) * gradient**2
        mean, square = self._mean / (1 - first**self._count), self._square / (1 - second**self._count)
        found: np.ndarray = (rate * mean / (np.sqrt(square) + _TINY)).astype(np.float32)
        return found


@dataclass(frozen=True, eq=False)
class TreeScores:
    """What a probe finds in each of some sentences: edges found and edges there are, rank correlations, and the root.

    `correlation` is the mean over the words of a sentence of Spearman's between true and found distances (DSpr), or
    Spearman's of the depths (NSpr); NaN where it is not defined. `has_root` says whether the root was found.
    """

    hits: np.ndarray
    edges: np.ndarray
    correlation: np.ndarray
    depth_correlation: np.ndarray
    has_root: np.ndarray
    lengths: np.ndarray


def scores(trees: Sequence[Tree], *, distance: Rows, depth: Rows | None = None) -> TreeScores:
    """Say how well both maps find the trees of some sentences; punctuation does not count.

    Args:
        trees: The sentences.
        distance: What `fit_distance` gave.
        depth: What `fit_depth` gave; None: what is said of depths is NaN.
    """
    found = []
    for tree in trees:
        apart = squared_distances((tree.vectors @ distance.T).astype(np.float64))
        hits, n_edges = recovered_edges(apart, tree.heads, kept=list(tree.kept))
        rows = spearman_rows(tree_distances(tree.heads).astype(np.float64), apart)
        correlation = float(np.nanmean(rows)) if np.isfinite(rows).any() else float("nan")
        deep = (float("nan"),) * 2 if depth is None else _depth_scores(tree, depth)
        found.append((hits, n_edges, correlation, *deep, len(tree.heads)))
    columns = np.array(found, dtype=np.float64).reshape(-1, 6).T
    return TreeScores(*columns)


def _depth_scores(tree: Tree, depth: Rows) -> tuple[float, float]:
    """Give Spearman's correlation of the depths, and whether the shallowest word is the root."""
    lengths = ((tree.vectors @ depth.T).astype(np.float64) ** 2).sum(axis=1)
    kept = list(tree.kept)
    is_root = bool(kept) and tree.heads[kept[int(lengths[kept].argmin())]] == ROOT
    return float(spearman_rows(depths(tree.heads)[None].astype(np.float64), lengths[None])[0]), float(is_root)


def spearman_rows(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " row"]:
    """Give Spearman's correlation of every pair of rows; NaN where a row does not vary."""
    from scipy.stats import rankdata

    if a.shape[1] < 2:
        return np.full(len(a), np.nan)
    ranks = [rankdata(side, axis=1) for side in (a, b)]
    left, right = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    found: np.ndarray = np.divide((left * right).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)
    return found


def chain_scores(trees: Sequence[Tree]) -> tuple[np.ndarray, np.ndarray]:
    """Give the edges found, and those there are, where each word is tied to the next: what word order alone tells."""
    counts = []
    for tree in trees:
        places = np.arange(len(tree.heads), dtype=np.float64)
        counts.append(recovered_edges(np.abs(places[:, None] - places[None]), tree.heads, kept=list(tree.kept)))
    found = np.array(counts, dtype=np.float64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
