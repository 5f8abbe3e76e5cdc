"""Maximum flow through layers of weighted edges, for every pair of a last and a first position."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32

from lmviz.analyses.attention.selecting import check_shares
from lmviz.analyses.base import Progress, ignore
from lmviz.errors import OverBudget

LONGEST = 60.0  # seconds
_UNITS = 2**30  # to the solver, capacities are whole numbers of 1 / _UNITS
_OVERHEAD = 3e-4  # seconds for a pair in a network of no size

Layers = Float[np.ndarray, "layer query key"]


def bounded_flow(
    layers: Layers, *, limit: float = LONGEST, on_progress: Progress = ignore
) -> tuple[Float[np.ndarray, "query key"], float]:
    """Find the maximum flow from each position above the last layer to each one below the first.

    The solver works with whole numbers: capacities are rounded down, so its flow is a lower bound. The edges it
    saturates are a cut, whose capacity in full precision is an upper bound, and that is returned: it is the exact
    value whenever rounding did not change which cut is smallest.

    Args:
        layers: Capacities of the edges from query to key, first layer first; rows sum to at most one.
        limit: Seconds it may take.
        on_progress: Told after each query.

    Returns:
        The flows, float64, and the largest distance between the bounds.

    Raises:
        InvalidParameter: A row is not made of shares of at most one; whole numbers of 32 bits hold no more.
        OverBudget: Solving a few pairs showed that all would take longer than `limit`.
    """
    check_shares(layers)
    n = layers.shape[-1]
    network = _Network(layers)
    _check_budget(network, limit)
    reaches = _reachable(layers)
    values = np.zeros((n, n))
    gap = 0.0
    for query in range(n):
        for key in np.flatnonzero(reaches[query]):
            values[query, key], distance = network.cut_between(query, int(key))
            gap = max(gap, distance)
        on_progress((query + 1) / n, f"Flow into {query + 1} of {n} positions")
    return values, gap


def _reachable(layers: Layers) -> Bool[np.ndarray, "query key"]:
    """Say which keys a query can reach at all."""
    reaches: np.ndarray = layers[0] > 0
    for layer in layers[1:]:
        reaches = (layer > 0).astype(np.float32) @ reaches.astype(np.float32) > 0
    return reaches


@dataclass(frozen=True, eq=False)
class _Edges:
    """The edges of a network of some positions a layer: nodes of layer 0 come first, the source is last."""

    starts: Int32[np.ndarray, " edge"]
    ends: Int32[np.ndarray, " edge"]
    rows: Int32[np.ndarray, " node"]  # where each node's edges begin
    inside: Bool[np.ndarray, "query key"]  # which entries of a layer are edges
    source: int


class _Network:
    """Layers of edges. Where all are causal, a pair is solved on the positions between its key and query alone."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.n_layers, self.n = layers.shape[0], layers.shape[-1]
        self.is_causal = not np.triu(layers, k=1).any()
        self._edges: dict[int, _Edges] = {}

    def cut_between(self, query: int, key: int) -> tuple[float, float]:
        """Give the smallest cut between a query and a key, and how far the flow found stays below it."""
        from scipy.sparse import csr_array  # slow to import, and few ask for a flow
        from scipy.sparse.csgraph import breadth_first_order
        from scipy.sparse.csgraph import maximum_flow as solve

        first, last = (key, query) if self.is_causal else (0, self.n - 1)
        edges = self._edges_of(last - first + 1)
        window = self.layers[:, first : last + 1, first : last + 1]
        capacities = np.concatenate([window[:-1][:, edges.inside].ravel(), window[-1, query - first]])
        shape = (edges.source + 1, edges.source + 1)
        whole = csr_array(((capacities * _UNITS).astype(np.int32), edges.ends, edges.rows), shape=shape)
        solution = solve(whole, edges.source, key - first)
        left = whole - solution.flow
        left.data[left.data < 0] = 0
        left.eliminate_zeros()
        is_behind = np.zeros(shape[0], dtype=bool)
        is_behind[breadth_first_order(left, edges.source, return_predecessors=False)] = True
        cut = float(capacities[is_behind[edges.starts] & ~is_behind[edges.ends]].sum())
        return cut, cut - float(solution.flow_value) / _UNITS

    def _edges_of(self, n: int) -> _Edges:
        """Lay out the network of n positions, once: the source sends through the last layer, others below."""
        if n not in self._edges:
            whole = np.ones((n, n), dtype=bool)
            inside = np.tril(whole) if self.is_causal else whole
            queries, keys = np.nonzero(inside)
            below = n * np.arange(self.n_layers - 1)[:, np.newaxis]  # first node of the layer that edges end in
            source = n * self.n_layers
            starts = np.concatenate([(below + n + queries).ravel(), np.full(n, source)]).astype(np.int32)
            ends = np.concatenate([(below + keys).ravel(), source - n + np.arange(n)]).astype(np.int32)
            rows = np.searchsorted(starts, np.arange(source + 2)).astype(np.int32)
            self._edges[n] = _Edges(starts, ends, rows, inside, source)
        return self._edges[n]


def _check_budget(network: _Network, limit: float) -> None:
    """Solve the largest pairs a few times and refuse when all pairs together would take too long."""
    seconds = _predicted(network)
    if seconds > limit:
        fitting = int(network.n * (limit / seconds) ** 0.25)  # edges grow with n², so do pairs
        raise OverBudget(
            f"Attention flow over {network.n} tokens and {network.n_layers} layers would take about {seconds:,.0f} s "
            f"here; the limit is {limit:.0f} s. Shorten the text to about {fitting} tokens, choose heads of fewer "
            "layers, or use attention rollout."
        )


def _predicted(network: _Network) -> float:
    """Predict the seconds of all pairs from those of the widest ones; a pair's cost grows with its edges."""
    n, is_causal = network.n, network.is_causal
    keys = (0, 0) if is_causal else (0, n // 2, n - 1)
    start = time.perf_counter()
    for key in keys:
        network.cut_between(n - 1, key)
    widest = (time.perf_counter() - start) / len(keys)
    sizes = np.arange(1, n + 1)  # of a causal pair; n + 1 - size pairs are that wide
    shares = float(((n + 1 - sizes) * (sizes / n) ** 2).sum()) if is_causal else float(n * n)
    n_pairs = n * (n + 1) / 2 if is_causal else n * n
    return float(n_pairs * _OVERHEAD + shares * widest)
