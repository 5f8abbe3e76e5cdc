"""Why does this position look there? The score of one query, dimension by dimension."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attention.selecting import read
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.results import Check, QueryKeyProducts

if TYPE_CHECKING:
    from lmviz.capture.trace import Trace
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read; layer, head and query position count from zero."""

    text: str
    layer: int
    head: int
    query: int
    text_pair: str | None = None
    part: str | None = None
    target_text: str | None = None


def query_key(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> QueryKeyProducts:
    """Split the scores of one query in one head into products of query and key, one per dimension.

    A score is scale · Σ q·k over dimensions, passed through the soft cap where the model has one, plus what is
    added for mask and position; its softmax over keys is the pattern (Vaswani et al., 2017; the view is Vig's,
    2019). Vectors are those that are multiplied: after the rotation of a rotary model, and a shared key belongs to
    each of its query heads.

    Args:
        model: A model whose attention shows its queries and keys.
        params: The text and which query of which head.
        on_progress: Told when the model has run.

    Returns:
        Products, scores and pattern of that query.

    Raises:
        InvalidParameter: No such layer, head or position.
        NotForThisModel: The model does not show its queries and keys.
    """
    part = model.part_named(params.part)
    _check_index("layer", params.layer, model.layers_of(part))
    _check_index("head", params.head, model.heads_of(part))
    seen = read(model, params, places=ANALYSIS.needs, layers=[params.layer])
    _check_index("position", params.query, len(seen.table))
    on_progress(1.0, "The model has run")
    return _split(seen, params)


def _split(seen: "Trace", params: Params) -> QueryKeyProducts:
    head, query = params.head, params.query
    query_vector = seen["query"][0, head, query]
    key_vectors = seen["key"][0, head]
    products = query_vector[np.newaxis, :] * key_vectors
    scale = float(seen.scales[0])
    added = seen["added"][0, head, query]
    capped = _capped(products.sum(axis=-1, dtype=np.float64) * scale, seen.softcap)
    return QueryKeyProducts(
        tokens=seen.key_table.tokens,
        layer=params.layer,
        head=head,
        query=query,
        query_vector=query_vector.copy(),
        key_vectors=key_vectors.copy(),
        products=products,
        added=added.copy(),
        scores=(capped + added).astype(np.float32),
        pattern=seen["pattern"][0, head, query].copy(),
        scale=scale,
        table=seen.key_table,
    )


def _capped(scores: np.ndarray, softcap: float | None) -> np.ndarray:
    """Press scores softly into ± softcap, where the model does; the mask comes after."""
    if softcap is None:
        return scores
    pressed: np.ndarray = softcap * np.tanh(scores / softcap)
    return pressed


def _check_index(what: str, index: int, size: int) -> None:
    if not 0 <= index < size:
        raise InvalidParameter(f"There is no {what} {index}. Choose one from 0 to {size - 1}.")


def softmax_is_the_pattern(result: QueryKeyProducts) -> Check:
    """Compare the softmax of the scores with the recorded pattern, a sink's share left out."""
    scores = result.scores.astype(np.float64)
    weights = np.exp(scores - scores.max())
    rebuilt = weights / weights.sum() * result.pattern.sum(dtype=np.float64)
    worst = float(np.abs(rebuilt - result.pattern).max())
    limit = 1e-5 if result.provenance.get("dtype", "float32") == "float32" else 2e-2
    return Check(
        slug="softmax",
        sentence=f"softmax of the scores equals the pattern within {worst:.0e}",
        passed=worst <= limit,
        value=worst,
        limit=limit,
        meaning="The products shown do not make the pattern; the model adds something that is not shown.",
    )


ANALYSIS = Analysis(
    slug="query-key",
    title="Query and key",
    group="attention",
    needs=frozenset({"query", "key", "added", "pattern"}),
    params=Params,
    run=query_key,
    reference="https://arxiv.org/abs/1906.05714",
    caution="Single dimensions have no meaning of their own: a rotation of query and key space changes them all and "
    "leaves the scores as they are.",
    checks=(softmax_is_the_pattern,),
)
