"""The edge probe: a mix of layers, attention within spans, and a small network. Arrays in, numbers out.

After Tenney et al. (2019); gradients are written out, so that nothing but NumPy is needed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

_BATCH, _RATE, _PATIENCE, _FEWEST_STEPS = 64, 1e-3, 3, 100
_FASTER = 20.0  # times: the few weights of the mix would else hardly leave their start
_BETAS, _TINY = (0.9, 0.999), 1e-8
Weights = dict[str, np.ndarray]
Tell = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Spans:
    """Spans of many targets: the tokens of the i-th are `tokens[starts[i] : starts[i + 1]]`, never none."""

    tokens: np.ndarray
    starts: np.ndarray

    def of(self, targets: np.ndarray) -> "Spans":
        """Give the spans of some targets."""
        counts = np.diff(self.starts)[targets]
        ends = np.cumsum(counts)
        places = np.repeat(self.starts[:-1][targets] - (ends - counts), counts) + np.arange(int(ends[-1]))
        return Spans(self.tokens[places], np.concatenate([[0], ends]))


@dataclass(frozen=True, eq=False)
class Edges:
    """Targets: one or two spans of each, into the rows of `layers`, (layer, token, width), and their labels, from 0."""

    layers: Float32[np.ndarray, "layer token width"]
    spans: tuple[Spans, ...]
    labels: np.ndarray

    def up_to(self, depth: int) -> "Edges":
        """Give the same targets on the first layers only."""
        return Edges(self.layers[:depth], self.spans, self.labels)


@dataclass(frozen=True)
class EdgeSettings:
    """How a probe is trained: the width after the projection, at most so many rounds, and its seed.

    Of few targets a round goes over them more than once, so that it has 100 steps or more.
    """

    width: int = 256
    n_rounds: int = 12
    seed: int = 0


@dataclass(frozen=True, eq=False)
class EdgeProbe:
    """What was fitted."""

    weights: Weights = field(default_factory=dict)

    @property
    def mix(self) -> np.ndarray:
        """The share of each layer in the mix."""
        return _softmax(self.weights["mix"])

    def probabilities(self, edges: Edges) -> Float32[np.ndarray, "target label"]:
        """Give the probability of every label of every target, each by itself."""
        found = [
            _sigmoid(_forward(self.weights, edges, batch)["logits"])
            for batch in np.array_split(np.arange(len(edges.labels)), max(1, len(edges.labels) // 512))
        ]
        return np.concatenate(found).astype(np.float32)


def _softmax(x: np.ndarray) -> np.ndarray:
    heavy = np.exp(x - x.max())
    found: np.ndarray = heavy / heavy.sum()
    return found


def _sigmoid(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return found


def initial(n_layers: int, width: int, *, n_spans: int, n_labels: int, settings: EdgeSettings) -> Weights:
    """Draw the first weights."""
    generator = np.random.default_rng(settings.seed)
    inner = settings.width

    def drawn(rows: int, columns: int) -> np.ndarray:
        reach = np.sqrt(6 / (rows + columns))
        return generator.uniform(-reach, reach, size=(rows, columns)).astype(np.float32)

    zeros = {name: np.zeros(size, dtype=np.float32) for name, size in
             (("mix", n_layers), ("b0", inner), ("look", inner), ("b1", inner), ("b2", n_labels))}  # fmt: skip
    return {
        **zeros, "scale": np.ones(1, dtype=np.float32), "w0": drawn(width, inner), "w1": drawn(n_spans * inner, inner),
        "w2": drawn(inner, n_labels),
    }  # fmt: skip


def _forward(weights: Weights, edges: Edges, targets: np.ndarray) -> Weights:
    """Run some targets; give the logits and all that the gradient needs."""
    kept: Weights = {}
    shares = _softmax(weights["mix"])
    pooled = []
    for number, spans in enumerate(edges.spans):
        own = spans.of(targets)
        x = edges.layers[:, own.tokens]
        mixed = np.tensordot(shares, x, axes=1)
        projected = (weights["scale"] * mixed) @ weights["w0"] + weights["b0"]
        seen, rows = projected @ weights["look"], np.repeat(np.arange(len(targets)), np.diff(own.starts))
        top = np.maximum.reduceat(seen, own.starts[:-1])
        heavy = np.exp(seen - top[rows])
        alpha = heavy / np.add.reduceat(heavy, own.starts[:-1])[rows]
        pooled.append(np.add.reduceat(alpha[:, None] * projected, own.starts[:-1], axis=0))
        for name, value in (("x", x), ("mixed", mixed), ("p", projected), ("a", alpha), ("rows", rows),
                            ("starts", own.starts)):  # fmt: skip
            kept[f"{name}{number}"] = value
    kept["z"] = np.concatenate(pooled, axis=1)
    kept["h"] = np.maximum(kept["z"] @ weights["w1"] + weights["b1"], 0.0)
    kept["logits"] = kept["h"] @ weights["w2"] + weights["b2"]
    return kept


def loss_and_gradient(weights: Weights, edges: Edges, *, targets: np.ndarray) -> tuple[float, Weights]:
    """Give the binary cross-entropy, summed over labels and averaged over targets, in nats, and its gradient."""
    kept = _forward(weights, edges, targets)
    logits, n = kept["logits"], len(targets)
    wanted = np.zeros_like(logits)
    wanted[np.arange(n), edges.labels[targets]] = 1.0
    loss = float((np.logaddexp(0.0, logits) - wanted * logits).sum()) / n
    d_logits = (_sigmoid(logits) - wanted) / n
    found: Weights = {"w2": kept["h"].T @ d_logits, "b2": d_logits.sum(axis=0)}
    d_h = (d_logits @ weights["w2"].T) * (kept["h"] > 0)
    found |= {"w1": kept["z"].T @ d_h, "b1": d_h.sum(axis=0)}
    d_z = d_h @ weights["w1"].T
    inner = len(weights["b0"])
    for name in ("w0", "b0", "look", "mix", "scale"):
        found[name] = np.zeros_like(weights[name])
    for number in range(len(edges.spans)):
        _add_span(found, weights, kept, number=number, d_pool=d_z[:, number * inner : (number + 1) * inner])
    shares = _softmax(weights["mix"])
    found["mix"] = shares * (found["mix"] - shares @ found["mix"])
    return loss, found


def _add_span(found: Weights, weights: Weights, kept: Weights, *, number: int, d_pool: np.ndarray) -> None:
    """Add what one of the spans contributes to the gradient; that of the mix is by its shares."""
    projected, alpha, rows = kept[f"p{number}"], kept[f"a{number}"], kept[f"rows{number}"]
    own = d_pool[rows]
    d_alpha = (projected * own).sum(axis=1)
    mean = np.add.reduceat(alpha * d_alpha, kept[f"starts{number}"][:-1])[rows]
    d_seen = alpha * (d_alpha - mean)
    d_projected = alpha[:, None] * own + d_seen[:, None] * weights["look"]
    found["look"] += projected.T @ d_seen
    mixed = kept[f"mixed{number}"]
    found["w0"] += weights["scale"] * (mixed.T @ d_projected)
    found["b0"] += d_projected.sum(axis=0)
    d_scaled = d_projected @ weights["w0"].T
    found["scale"] += float((d_scaled * mixed).sum())
    found["mix"] += weights["scale"] * np.tensordot(kept[f"x{number}"], d_scaled, axes=([1, 2], [0, 1]))


def fit_edges(
    train: Edges, dev: Edges, *, n_labels: int, settings: EdgeSettings, on_round: Tell | None = None
) -> EdgeProbe:
    """Fit by Adam on batches of 64 targets, at a rate of 0.001 and twenty times that for the mix.

    It ends when dev has not got better for three rounds.

    Args:
        train: Targets to fit on.
        dev: Targets that say when to stop.
        n_labels: Labels there are.
        settings: Width, rounds and seed.
        on_round: Told the share of rounds that is done; it may raise to stop.
    """
    n_layers, _, width = train.layers.shape
    weights = initial(n_layers, width, n_spans=len(train.spans), n_labels=n_labels, settings=settings)
    means, squares = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    generator, count = np.random.default_rng(settings.seed), 0
    best, kept, n_worse = np.inf, weights, 0
    n_times = math.ceil(_FEWEST_STEPS * _BATCH / len(train.labels))
    for number in range(settings.n_rounds):
        order = np.concatenate([generator.permutation(len(train.labels)) for _ in range(n_times)])
        for first in range(0, len(order), _BATCH):
            _, gradient = loss_and_gradient(weights, train, targets=order[first : first + _BATCH])
            count += 1
            weights = _stepped(weights, gradient, (means, squares), count=count)
        value = float(np.mean(_losses(weights, dev)))
        if value < best:
            best, kept, n_worse = value, weights, 0
        else:
            n_worse += 1
        if on_round is not None:
            on_round((number + 1) / settings.n_rounds)
        if n_worse >= _PATIENCE:
            break
    return EdgeProbe(kept)


def _losses(weights: Weights, edges: Edges) -> Sequence[float]:
    parts = np.array_split(np.arange(len(edges.labels)), max(1, len(edges.labels) // 512))
    return [loss_and_gradient(weights, edges, targets=part)[0] for part in parts if len(part)]


def _stepped(weights: Weights, gradient: Weights, moments: tuple[Weights, Weights], *, count: int) -> Weights:
    """Take one step of Adam (Kingma & Ba, 2015)."""
    means, squares = moments
    first, second = _BETAS
    found: Weights = {}
    for name, value in weights.items():
        means[name] = first * means[name] + (1 - first) * gradient[name]
        squares[name] = second * squares[name] + (1 - second) * gradient[name] ** 2
        mean, square = means[name] / (1 - first**count), squares[name] / (1 - second**count)
        rate = _RATE * (_FASTER if name == "mix" else 1.0)
        found[name] = (value - rate * mean / (np.sqrt(square) + _TINY)).astype(np.float32)
    return found


def micro_f1(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give, per target, twice its hits, and what was chosen plus what is right: F1 is the sum of one over the other.

    A label is chosen where its probability is above one half. A label of −1 is none that could be chosen, but is right.
    """
    chosen = probabilities > 0.5
    rows = np.flatnonzero(labels >= 0)
    hits = np.zeros(len(labels))
    hits[rows] = chosen[rows, labels[rows]]
    return 2 * hits, chosen.sum(axis=1) + 1.0
