"""Is there a tree in each layer? The structural probe: distances between words, and their depths."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing.fitting import Whitening, whitening
from lmviz.analyses.probing.material import DEV, SPLITS, TEST, TRAIN, Division, divided
from lmviz.analyses.probing.probe_run import CONTROL, chosen_layers
from lmviz.analyses.probing.sources import Source, trees_of
from lmviz.analyses.probing.structural import (
    Settings,
    Tell,
    Tree,
    TreeScores,
    chain_scores,
    fit_depth,
    fit_distance,
    scores,
)  # fmt: skip
from lmviz.analyses.probing.tree_vectors import Words, bare, words_of
from lmviz.analyses.probing.trees import LONGEST, SHORTEST
from lmviz.analyses.probing.vectors import POOLINGS
from lmviz.errors import Cancelled, InvalidParameter
from lmviz.results import Check, LayerCurve
from lmviz.statistics import Resampled, resampled

if TYPE_CHECKING:
    from lmviz.capture.activation_files import Activations
    from lmviz.capture.activations import Capture
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "structural-probe", "Structural probe"
MEASURES = ("uuas", "dspr", "root", "nspr")
RANDOM = "random_weights"


@dataclass(frozen=True)
class Params:
    """As for `linear-probe`, from sentences with trees; `rank` is that of the maps."""

    source: str | None = None
    layers: tuple[int, ...] | None = None
    seed: int = 0
    rank: int = 64
    n_rounds: int = 12
    pooling: str = "mean"
    limit: int | None = None
    random_weights: bool = True


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question that is ready: the sentences, the model and the random one beside it, and the layers."""

    model: "LoadedModel"
    params: Params
    source: Source
    words: Words
    sides: "Mapping[str, Capture]"
    layers: tuple[int, ...]
    skipped: Sequence[str]


Done = dict[tuple[str, int], TreeScores]  # by side and layer


def structural_probe(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerCurve:
    """Fit both maps of the structural probe on every layer, and find the trees of held-out sentences with them.

    Vectors are whitened by the training words first, which a linear map can undo. Punctuation does not count, and
    sentences with words that have no token are left out. The control has trees in which every word form has drawn what
    it hangs on: the word before it, the first or the last.

    Args:
        model: An encoder or a decoder.
        params: Which sentences and layers.
        on_progress: Told after every batch and round.

    Returns:
        "uuas", the share of undirected edges in the spanning tree of the distances; "dspr", Spearman's correlation of
        distances, averaged within each length of sentence and then over lengths from 5 to 50; "root", the share of
        sentences whose shallowest word is the root; "nspr" as dspr, for depths; "uuas_control", and "selectivity",
        which is uuas beyond it. Baselines: ties between neighbours.

    Raises:
        InvalidParameter: No such source or layer, or no sentence with a tree.
        NotForThisModel: It is not known where the model keeps its residual stream.
    """
    if params.pooling not in POOLINGS:
        raise InvalidParameter(f"A word's tokens are pooled by {', '.join(POOLINGS)}, not {params.pooling!r}.")
    if params.rank < 1 or params.n_rounds < 1:
        raise InvalidParameter("The rank and the rounds are 1 or more.")
    asked = _asked(model, params)
    done: Done = {}
    try:
        _run(asked, done, on_progress)
    except Cancelled as stopped:
        if any(name == CONTROL for name, _ in done):
            stopped.so_far = _result(asked, done)
        raise
    return _result(asked, done)


def _asked(model: "LoadedModel", params: Params) -> _Asked:
    source = trees_of(params.source)
    rows, skipped = divided(source.rows(), Division("sentence", params.limit, params.seed))
    from lmviz.capture.activations import capture
    from lmviz.models.random_weights import with_random_weights

    texts = [row.text for row in rows]
    sides = {"": capture(model, texts)}
    if params.random_weights:
        sides[RANDOM] = capture(with_random_weights(model, seed=params.seed), texts)
    words = words_of(rows, sides[""], pooling=params.pooling)
    return _Asked(model, params, source, words, sides, chosen_layers(model, params.layers), skipped)


def _run(asked: _Asked, done: Done, on_progress: Progress) -> None:
    """Fit and score layer after layer, the model's own and their control first."""
    from lmviz.capture.activations import captured

    n_layers = len(asked.layers)
    n_fits, place = n_layers * (4 if RANDOM in asked.sides else 3), 0  # maps
    for name, capture in asked.sides.items():

        def waiting(_share: float, said: str, place: int = place) -> None:
            on_progress(place / n_fits, said)

        activations = captured(capture, on_progress=waiting)
        for layer in asked.layers:

            def told(share: float, layer: int = layer, place: int = place) -> None:
                on_progress((place + share) / n_fits, f"layer {layer}")

            trees = _trees(asked.words, activations, layer)
            done[name, layer] = _scores(trees, params=asked.params, on_round=told, has_depth=not name)
            place += 1 if name else 2
            if not name:
                drawn = tuple(
                    asked.words.controls(own, side=side, seed=asked.params.seed)
                    for side, own in zip((TRAIN, DEV, TEST), trees, strict=True)
                )
                done[CONTROL, layer] = _scores(
                    drawn, params=asked.params, on_round=lambda share: told(2 + share), has_depth=False
                )
                place += 1
            on_progress(place / n_fits, f"layer {layer}")


def _trees(words: Words, activations: "Activations", layer: int) -> tuple[list[Tree], ...]:
    """Give the sentences of every side with the whitened vectors of a layer."""
    sides = [words.trees(activations, layer, side=side) for side in (TRAIN, DEV, TEST)]
    change = whitening(np.concatenate([tree.vectors for tree in sides[TRAIN]])) if sides[TRAIN] else None
    return tuple([_whitened(tree, change) for tree in trees] for trees in sides)


def _scores(sides: tuple[list[Tree], ...], *, params: Params, on_round: Tell, has_depth: bool) -> TreeScores:
    settings = Settings(params.rank, params.n_rounds, params.seed)
    train, dev, test = sides
    distance = fit_distance(train, dev, settings=settings, on_round=on_round)
    if not has_depth:
        return scores(test, distance=distance)
    depth = fit_depth(train, dev, settings=settings, on_round=lambda share: on_round(1 + share))
    return scores(test, distance=distance, depth=depth)


def _whitened(tree: Tree, change: Whitening | None) -> Tree:
    return tree if change is None else Tree(change(tree.vectors), tree.heads, tree.kept)


def _result(asked: _Asked, done: Done) -> LayerCurve:
    """Sum up the layers that were fitted."""
    words, params, model = asked.words, asked.params, asked.model
    layers = tuple(sorted(layer for name, layer in done if name == CONTROL))
    series: dict[str, np.ndarray] = {}
    low: dict[str, np.ndarray] = {}
    high: dict[str, np.ndarray] = {}
    for name in ("", RANDOM, CONTROL):
        own = [done[name, layer] for layer in layers if (name, layer) in done]
        if len(own) != len(layers):
            continue
        for measure in MEASURES if not name else MEASURES[:1]:
            title = f"{measure}_{name}" if name else measure
            series[title], low[title], high[title] = _curve(own, measure, seed=params.seed)
    both = [_rates([done[name, layer] for layer in layers], "uuas", seed=params.seed) for name in ("", CONTROL)]
    ends = both[0].interval_of(both[0].draws - both[1].draws)
    series["selectivity"], low["selectivity"], high["selectivity"] = (
        one.astype(np.float32) for one in (both[0].means - both[1].means, *ends)
    )
    signed = {**provenance(model, asdict(params)), "data": dict(fingerprint(asked.source.files))}
    return LayerCurve(
        layers=layers,
        n_layers=model.n_layers,
        series=series,
        low=low,
        high=high,
        baselines={"neighbours": _neighbours(words)},
        numbers=_counts(words),
        note=_note(words, asked.skipped),
        provenance={"analysis": SLUG, "title": TITLE, **signed},
    )


def _neighbours(words: Words) -> float:
    """Give the share of edges of the test sentences that tie neighbours."""
    hits, edges = chain_scores([bare(words.rows[number]) for number in words.on(TEST)])
    return float(hits.sum() / max(1.0, edges.sum()))


def _counts(words: Words) -> dict[str, float]:
    return {f"n_{name}": float(len(words.on(side))) for side, name in enumerate(SPLITS)}


def _note(words: Words, skipped: Sequence[str]) -> str:
    n_left = int((~words.usable).sum())
    notes = (
        f"{n_left:,} sentences are left out: too long, a single word, or a word without a token." if n_left else "",
        f"{len(skipped):,} rows were left out; the first: {skipped[0]}" if skipped else "",
    )
    return " ".join(note for note in notes if note)


def _curve(own: Sequence[TreeScores], measure: str, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a measure of every layer with its interval, by sentences drawn again."""
    if measure in ("uuas", "root"):
        found = _rates(own, measure, seed=seed)
        return tuple(one.astype(np.float32) for one in (found.means, *found.interval()))  # type: ignore[return-value]
    rows = [one.correlation if measure == "dspr" else one.depth_correlation for one in own]
    return tuple(np.array(column, dtype=np.float32) for column in zip(*(_by_length(one, own[0].lengths, seed) for one in
                 rows), strict=True))  # type: ignore[return-value]  # fmt: skip


def _rates(own: Sequence[TreeScores], measure: str, *, seed: int) -> Resampled:
    """Take the share of edges or of roots that are found over the same draws of sentences, layer by layer."""
    sentences = np.arange(len(own[0].lengths))
    values = np.stack([_shares(one, measure) for one in own])
    weights = np.stack([one.edges if measure == "uuas" else np.ones(len(sentences)) for one in own])
    return resampled(values, weights=weights, clusters=sentences, seed=seed)


def _shares(one: TreeScores, measure: str) -> np.ndarray:
    if measure == "root":
        return one.has_root
    found: np.ndarray = np.divide(one.hits, one.edges, out=np.zeros_like(one.hits), where=one.edges > 0)
    return found


def _by_length(values: np.ndarray, lengths: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Average within each length and then over the lengths; the interval draws sentences of each length again."""
    known = np.isfinite(values) & (lengths >= SHORTEST) & (lengths <= LONGEST)
    names = np.unique(lengths[known])
    if not len(names):
        return (float("nan"),) * 3
    table = np.where((lengths[None, :] == names[:, None]) & known, values, 0.0)
    weights = ((lengths[None, :] == names[:, None]) & known).astype(np.float64)
    found = resampled(table, weights=weights, clusters=np.arange(len(values)), n_resamples=1000, seed=seed)
    with np.errstate(invalid="ignore"):
        draws = np.nanmean(found.draws, axis=1)
    low, high = found.interval_of(draws[:, None])
    return float(found.means.mean()), float(low[0]), float(high[0])


def shares_are_shares(result: LayerCurve) -> Check:
    """Compare the share of edges with what a share can be."""
    values = result.series["uuas"].astype(np.float64)
    over = float(max((values - 1).max(initial=0.0), (-values).max(initial=0.0)))
    return Check(
        slug="shares",
        sentence=f"shares of edges leave 0 to 1 by {over:.0e}",
        passed=over <= 1e-6,
        value=over,
        limit=1e-6,
        meaning="A share of edges cannot be below 0 or above 1; the numbers are wrong.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=structural_probe,
    reference="https://aclanthology.org/N19-1419",
    caution=(
        "Ties between neighbours already find a good part of the edges, and so does a model with random weights: what "
        "counts is what lies above both. A map of high rank on few sentences learns them by heart."
    ),
    checks=(shares_are_shares,),
)
