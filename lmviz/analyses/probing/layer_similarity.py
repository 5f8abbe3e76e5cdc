"""How alike are the layers of a model, or of two, over the words of a data set?"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.compare.sides import second_model, signature_of_second
from lmviz.analyses.probing import spaces
from lmviz.analyses.probing.word_vectors import FEWEST, Layers, WordSample, word_sample
from lmviz.errors import InvalidParameter
from lmviz.results import Check, LayerMatrix

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "layer-similarity", "Similarity of layers over a data set"
MEASURES = ("cka", "rsa")
_UNITS = {"cka": "CKA", "rsa": "Spearman's ρ of cosines"}


@dataclass(frozen=True)
class Params:
    """Words of which sentences, and compared by what.

    `measure` is "cka" (debiased) or "rsa". `model_b` is compared layer by layer; None: the model with itself.
    `n_words` are drawn at random. `keep_first` counts the word at position 0 as well, whose vector in decoders is so
    much longer than all others that it would decide alone.
    """

    source: str | None = None
    measure: str = "cka"
    model_b: str | None = None
    n_words: int = 3000
    limit: int | None = None
    keep_first: bool = False
    seed: int = 0


def layer_similarity(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerMatrix:
    """Compare every layer with every layer over the same words, each the mean of its tokens.

    CKA is the cosine of two Gram matrices without bias, worked out from the vectors without a matrix of words by words;
    RSA is Spearman's correlation of the cosines of 20,000 pairs of words. Layer 0 is what enters the first block.

    Args:
        model: The model of A, an encoder or a decoder.
        params: The words, the measure and the second model.
        on_progress: Told after every batch and every layer.

    Returns:
        One number per pair of layers, at most 1.

    Raises:
        InvalidParameter: No such measure or source, or too few words.
        NotForThisModel: It is not known where a model keeps its residual stream.
    """
    other = second_model(model, params.model_b)
    return between(model, other, params=params, on_progress=on_progress)


def between(a: "LoadedModel", b: "LoadedModel", *, params: Params, on_progress: Progress = ignore) -> LayerMatrix:
    """Compare two models at hand, as `layer_similarity` does by name."""
    if params.measure not in MEASURES:
        raise InvalidParameter(f"Layers are compared by {' or '.join(MEASURES)}, not {params.measure!r}.")
    sample = word_sample(params.source, n_words=params.n_words, limit=params.limit, seed=params.seed)
    sides = prepared(sample, [a] if b is a else [a, b], keep_first=params.keep_first, on_progress=on_progress)
    counts = [model.n_layers + 1 for model in ((a,) if b is a else (a, b))]
    done, total = 0, sum(counts)
    described = []
    for side, n_layers in zip(sides, counts, strict=True):
        own = []
        for layer in range(n_layers):
            own.append(_described(side.at(layer), params))
            done += 1
            on_progress(0.5 + 0.25 * done / total, f"layer {layer}")
        described.append(own)
    left, right = described[0], described[-1]
    values = np.array([[_alike(x, y, params.measure) for y in right] for x in left], dtype=np.float32)
    signed = {**provenance(a, asdict(params)), "data": dict(fingerprint(sample.files))}
    return LayerMatrix(
        values=values,
        unit=_UNITS[params.measure],
        n_units=len(sides[0].parts),
        note="Layer 0 is what enters the first block." if np.isfinite(values).all() else "A layer does not vary.",
        provenance={"analysis": SLUG, "title": TITLE, **signed, **signature_of_second(b)},
    )


def prepared(
    sample: WordSample, models: "list[LoadedModel]", *, keep_first: bool, on_progress: Progress
) -> list[Layers]:
    """Capture the words of a sample in one model or two; those that all of them have are kept.

    Raises:
        InvalidParameter: Too few words are left.
    """
    from lmviz.capture.activations import capture, captured

    captures = [capture(model, sample.texts) for model in models]
    found = [sample.pieces(one, keep_first=keep_first) for one in captures]
    parts = np.flatnonzero(np.logical_and.reduce([own.is_there for own in found]))
    if len(parts) < FEWEST:
        raise InvalidParameter(f"Only {len(parts)} words can be compared. Give more, or longer, sentences.")
    sides = []
    for number, (one, own) in enumerate(zip(captures, found, strict=True)):
        base = 0.5 * number / len(models)

        def told(share: float, message: str = "", base: float = base) -> None:
            on_progress(base + 0.5 * share / len(models), message)

        sides.append(Layers(captured(one, on_progress=told), own, parts))
    return sides


def _described(x: np.ndarray, params: Params) -> np.ndarray:
    """Give what a layer is compared by."""
    if params.measure == "cka":
        return spaces.centred(x)
    return spaces.ranks(spaces.cosines(x, spaces.drawn_pairs(len(x), most=20_000, seed=params.seed)))


def _alike(a: np.ndarray, b: np.ndarray, measure: str) -> float:
    return spaces.debiased_cka(a, b) if measure == "cka" else float(a @ b)


def at_most_one(result: LayerMatrix) -> Check:
    """Compare the largest size with one, which a cosine cannot exceed."""
    over = float(np.nanmax(np.abs(result.values), initial=0.0)) - 1
    return Check(
        slug="cosine",
        sentence=f"the largest value is {1 + over:.6f}",
        passed=over <= 1e-4,
        value=over,
        limit=1e-4,
        meaning="A similarity of this kind cannot exceed 1; the numbers are wrong.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=layer_similarity,
    reference="https://arxiv.org/abs/1905.00414",
    caution=(
        "Alike spaces need not be used alike. CKA is ruled by the directions with the most variance, and a few "
        "outlying dimensions can decide; RSA weighs all pairs by rank. Where the two disagree, believe neither alone."
    ),
    checks=(at_most_one,),
)
