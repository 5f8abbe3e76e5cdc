"""What shape do the vectors of each layer have: how many directions do they use, and do they lie in a cone?"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing import spaces
from lmviz.analyses.probing.layer_similarity import prepared
from lmviz.analyses.probing.word_vectors import word_sample
from lmviz.errors import InvalidParameter
from lmviz.results import Check, LayerCurve

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "layer-geometry", "Shape of layers"
_Z = 1.959964
Measure = Callable[[np.ndarray], float]
MEASURES: Mapping[str, tuple[str, Mapping[str, Measure]]] = MappingProxyType(  # unit, and what is drawn
    {
        "intrinsic_dimension": ("dimensions", {"intrinsic_dimension": spaces.intrinsic_dimension}),
        "anisotropy": (
            "cosine",
            {
                "anisotropy": spaces.anisotropy,
                "anisotropy_centred": lambda x: spaces.anisotropy(x - x.mean(axis=0)),
            },
        ),
        "participation_ratio": ("dimensions", {"participation_ratio": spaces.participation_ratio}),
    }
)


@dataclass(frozen=True)
class Params:
    """Words of which sentences, and which measure: intrinsic_dimension, anisotropy or participation_ratio.

    Intervals come from `n_halves` random halves of the sentences. The rest is as for `layer-similarity`.
    """

    source: str | None = None
    measure: str = "intrinsic_dimension"
    n_words: int = 3000
    limit: int | None = None
    keep_first: bool = False
    n_halves: int = 20
    seed: int = 0


def layer_geometry(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerCurve:
    """Measure the shape of every layer over the words of a data set, each the mean of its tokens.

    The intrinsic dimension comes from each word's two nearest neighbours (TwoNN; Facco et al., 2017), anisotropy is the
    mean cosine of random pairs (Ethayarajh, 2019), as they are and around their mean, and the participation ratio says
    how many principal directions share the variance. Half of the sentences, drawn at random, moves a number about as
    much as other sentences would: the interval is the number ± 1.96 standard deviations of it.

    Args:
        model: An encoder or a decoder.
        params: The words and the measure.
        on_progress: Told after every batch and every layer.

    Returns:
        One number per layer, from what enters the first block, with intervals.

    Raises:
        InvalidParameter: No such measure or source, or too few words.
        NotForThisModel: It is not known where the model keeps its residual stream.
    """
    if params.measure not in MEASURES:
        raise InvalidParameter(f"Layers are measured by {', '.join(MEASURES)}, not {params.measure!r}.")
    if params.n_halves < 0:
        raise InvalidParameter("The number of halves is 0 or more.")
    unit, measures = MEASURES[params.measure]
    sample = word_sample(params.source, n_words=params.n_words, limit=params.limit, seed=params.seed)
    (side,) = prepared(sample, [model], keep_first=params.keep_first, on_progress=on_progress)
    halves = _halves(sample.text_of[side.parts], params)
    layers = tuple(range(model.n_layers + 1))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in measures}
    for layer in layers:
        x = side.at(layer)
        for name, measure in measures.items():
            drawn = np.array([measure(x[half]) for half in halves])
            found[name].append((measure(x), float(drawn.std(ddof=1)) if len(drawn) > 1 else float("nan")))
        on_progress(0.5 + 0.5 * (layer + 1) / len(layers), f"layer {layer}")
    numbers = {name: np.array(rows) for name, rows in found.items()}
    signed = {**provenance(model, asdict(params)), "data": dict(fingerprint(sample.files))}
    return LayerCurve(
        layers=layers,
        n_layers=model.n_layers,
        series={name: rows[:, 0].astype(np.float32) for name, rows in numbers.items()},
        low={name: (rows[:, 0] - _Z * rows[:, 1]).astype(np.float32) for name, rows in numbers.items()},
        high={name: (rows[:, 0] + _Z * rows[:, 1]).astype(np.float32) for name, rows in numbers.items()},
        unit=unit,
        numbers={"n_words": float(len(side.parts))},
        note=f"{len(side.parts):,} words. Bands: 95 %, from {params.n_halves} random halves of the sentences.",
        provenance={"analysis": SLUG, "title": TITLE, **signed},
    )


def _halves(text_of: np.ndarray, params: Params) -> list[np.ndarray]:
    """Draw halves of the sentences; give their words."""
    generator, names = np.random.default_rng(params.seed), np.unique(text_of)
    halves = []
    for _ in range(params.n_halves):
        chosen = generator.permutation(names)[: max(1, len(names) // 2)]
        halves.append(np.flatnonzero(np.isin(text_of, chosen)))
    return [half for half in halves if len(half) > 3]


def not_below_zero(result: LayerCurve) -> Check:
    """Compare dimensions with zero, below which there is none; cosines with −1."""
    least = -1.0 if result.unit == "cosine" else 0.0
    under = max(0.0, *(least - float(np.nanmin(values, initial=least)) for values in result.series.values()))
    return Check(
        slug="least",
        sentence=f"the smallest value is {under:.0e} below {least:g}",
        passed=under <= 1e-5,
        value=under,
        limit=1e-5,
        meaning="Such a number cannot be so small; do not use it.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=layer_geometry,
    reference="https://doi.org/10.1038/s41598-017-11873-y",
    caution=(
        "A few outlying dimensions can make all vectors look alike: compare with the cosines around the mean. The "
        "intrinsic dimension grows with the number of words where the space is not sampled densely."
    ),
    checks=(not_below_zero,),
)
