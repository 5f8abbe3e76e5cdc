"""Do two models keep a text in the same way? Linear CKA between all pairs of their layers."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.compare.common import aligned
from lmviz.analyses.compare.merging import merged
from lmviz.analyses.compare.sides import masks_of, second_model, signature_of_second
from lmviz.analyses.compare.similarity import FEWEST_UNITS, linear_cka
from lmviz.errors import InvalidParameter, OverBudget, did_you_mean
from lmviz.results import Alignment, Check, LayerMatrix

if TYPE_CHECKING:
    from lmviz.capture.trace import Trace
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "cka", "Similarity of layers"
PLACES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")


@dataclass(frozen=True)
class Params:
    """What both sides read (None: the same), and at which place of each layer they are compared.

    `keep_first` counts the word at position 0 as well.
    """

    text: str
    model_b: str | None = None
    text_b: str | None = None
    text_pair: str | None = None
    text_pair_b: str | None = None
    place: str = "resid_post"
    part: str | None = None
    keep_first: bool = False


def cka(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerMatrix:
    """Compare what every layer of A keeps of each word with what every layer of B does.

    The vectors of a word's pieces are averaged, and the words that both sides have are compared by linear CKA with the
    unbiased estimator (see `linear_cka`). It does not change when a space is turned, mirrored or scaled, so models of
    different widths and sizes compare. Special tokens are left out, and so is position 0: what decoders keep there is
    so much longer than elsewhere that it alone would decide. Without a second model or text a model's layers are
    compared with each other.

    Args:
        model: The model of A, and of B where no other is named; its residual stream must be known.
        params: The texts, the second model and the place.
        on_progress: Told when each model has run.

    Returns:
        One number per pair of layers, at most 1; around 0 where they have nothing to do with each other.

    Raises:
        InvalidParameter: No such place, or fewer than 4 words to compare.
        NotForThisModel: It is not known where a model keeps its residual stream.
        OverBudget: The text is so long that the comparison would take more memory than a job may.
    """
    other = second_model(model, params.model_b)
    return layer_similarity(model, other, params=params, on_progress=on_progress)


def layer_similarity(
    a: "LoadedModel", b: "LoadedModel", *, params: Params, on_progress: Progress = ignore
) -> LayerMatrix:
    """Compare the layers of two models at hand, as `cka` does by name; `model_b` is not looked at."""
    if params.place not in PLACES:
        close = did_you_mean(params.place, PLACES)
        raise InvalidParameter(f"There is no place '{params.place}' in the residual stream.{close}")
    text_b = params.text if params.text_b is None else params.text_b
    pair_b = params.text_pair if params.text_pair_b is None else params.text_pair_b
    left = _traced(a, (params.text, params.text_pair), params)
    on_progress(0.4, "The first model has run")
    is_same = b is a and (text_b, pair_b) == (params.text, params.text_pair)
    right = left if is_same else _traced(b, (text_b, pair_b), params)
    on_progress(0.8, "Both models have run")
    alignment = aligned(left.table, right.table, masks=masks_of(a, b))
    units = _compared_units(alignment, keep_first=params.keep_first)
    _check_memory(len(units), len(left.layers) + len(right.layers))
    vectors = (
        _at_units(side[params.place], [own[unit] for unit in units])
        for side, own in ((left, alignment.a), (right, alignment.b))
    )
    values = linear_cka(*vectors)
    is_defined = not bool(np.isnan(values).any())
    return LayerMatrix(
        values=values.astype(np.float32),
        unit="CKA",
        n_units=len(units),
        note="" if is_defined else "A layer has the same vector at every word.",
        provenance={**_signature(a, params), **signature_of_second(b)},
    )


def _signature(model: "LoadedModel", params: Params) -> dict[str, Any]:
    return {"analysis": SLUG, "title": TITLE, **provenance(model, asdict(params))}


def _traced(model: "LoadedModel", texts: tuple[str, str | None], params: Params) -> "Trace":
    from lmviz.capture.tokens import encode
    from lmviz.capture.trace import trace

    return trace(model, encode(model, *texts), (params.place,), part=params.part)


def _compared_units(alignment: Alignment, *, keep_first: bool) -> list[int]:
    """Give the words of both sides."""
    words = [unit for unit in alignment.common if not alignment.special[unit]]
    units = [unit for unit in words if keep_first or (0 not in alignment.a[unit] and 0 not in alignment.b[unit])]
    if len(units) < FEWEST_UNITS:
        raise InvalidParameter(
            f"CKA compares at least {FEWEST_UNITS} words, and here are {len(units)} that both sides have"
            f"{'' if keep_first else ', position 0 left out'}. Type a longer text; more words give steadier numbers."
        )
    return units


def _check_memory(n_units: int, n_layers: int) -> None:
    from lmviz.capture.budget import limit_megabytes

    wanted, allowed = 8 * n_layers * n_units**2 / 1e6, limit_megabytes()
    if wanted > allowed:
        raise OverBudget(
            f"Comparing {n_units:,} words would take {wanted:,.0f} MB here; the limit is {allowed:,.0f} MB. "
            "Choose a shorter text."
        )


def _at_units(
    stream: Float[np.ndarray, "layer position width"], groups: list[tuple[int, ...]]
) -> Float[np.ndarray, "layer unit width"]:
    return merged(stream, groups, axis=1, how="mean")


def at_most_one(result: LayerMatrix) -> Check:
    """Compare the largest size with one, which a cosine cannot exceed."""
    over = float(np.nanmax(np.abs(result.values), initial=0.0)) - 1
    return Check(
        slug="cosine",
        sentence=f"the largest value is {1 + over:.6f}",
        passed=over <= 1e-5,
        value=over,
        limit=1e-5,
        meaning="CKA is a cosine and cannot exceed 1; the numbers are wrong.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="compare",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=cka,
    reference="https://arxiv.org/abs/1905.00414",
    caution="Alike spaces need not be used alike; and on a few words the number jumps with the choice of words.",
    checks=(at_most_one,),
)
