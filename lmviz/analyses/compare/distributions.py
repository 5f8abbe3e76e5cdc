"""What do two models expect at the same place? Their whole distributions on the strings both can say."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Int64

from lmviz.analyses.attention.selecting import check_source, check_target
from lmviz.analyses.base import Progress, ignore, provenance
from lmviz.analyses.compare.common import aligned
from lmviz.analyses.compare.divergences import jensen_shannon, kl, rank_correlation, top_overlap, total_variation
from lmviz.analyses.compare.numbers import means
from lmviz.analyses.compare.places import Slot, lonely_masks, slots
from lmviz.analyses.compare.sides import Side, masks_of
from lmviz.analyses.predictions.abilities import no_language_model
from lmviz.analyses.predictions.token_distributions import ANALYSIS, Params, largest, log_softmax
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.results import Alignment, Difference, TokenDistributions

if TYPE_CHECKING:
    from lmviz.capture.trace import Trace
    from lmviz.capture.vocabulary import SharedStrings
    from lmviz.models.loaded import LoadedModel

Logs = Float[np.ndarray, " vocabulary"]
_FOLDED = "Capitals or accents are left aside, since one of the models does not see them."


@dataclass(frozen=True, eq=False)
class _Read:
    """One side after its model has run."""

    model: "LoadedModel"
    params: Params
    seen: "Trace"


@dataclass(frozen=True, eq=False)
class _Row:
    """One place compared; pairs are A's and B's."""

    numbers: dict[str, float]
    strings: Int64[np.ndarray, " candidate"]
    probabilities: tuple[np.ndarray, np.ndarray]
    ids: tuple[np.ndarray, np.ndarray]
    entropy: tuple[float, float]


def compare_distributions(a: Side, b: Side, *, on_progress: Progress = ignore) -> Difference:
    """Compare what is expected at each place, on the strings that both models can say in one token.

    Two decoders are compared after each unit that both texts have and at the end, two encoders at their masks; an
    encoder's mask goes with what a decoder expects before it reads that word. `a` and `b` list the same strings, those
    with the largest probability in A and B together, with the natural probability each side gives them: the sum over
    its tokens that are read as this string. The numbers are of both distributions scaled to one over all shared
    strings:

    - `kl_ab`, `kl_ba`: KL(A‖B) and KL(B‖A) in nats; `js`: Jensen-Shannon divergence, at most ln 2;
    - `total_variation`: 0 to 1; `rank_correlation`: Spearman's over all shared strings; `top_k_overlap`: 0 to 1;
    - `outside_a`, `outside_b`: the probability each side gives to what the other cannot say, left out above.

    Args:
        a: A model with a language-model head, and parameters of token-distributions.
        b: The same for the other side; `positions` there say which positions go with those of A, one by one.
        on_progress: Told when each model has run.

    Returns:
        `per_unit` has the numbers at each place, `numbers` their means and `n_shared` strings.

    Raises:
        NotForThisModel: A model has no language-model head.
        NoMaskToken: Two encoders, and a text without masks.
        InvalidParameter: A position without a partner.
    """
    left = _read(a.model, ANALYSIS.make_params(a.given))
    on_progress(0.4, "The first model has run")
    right = _read(b.model, ANALYSIS.make_params(b.given))
    on_progress(0.8, "Both models have run")
    alignment = aligned(left.seen.table, right.seen.table, masks=masks_of(a.model, b.model))
    readers = ((left.model, left.seen.table), (right.model, right.seen.table))
    asked = (left.params.positions, right.params.positions)
    places = slots(*readers, alignment=alignment, asked=asked)
    found = _difference(left, right, alignment=alignment, places=places)
    n_lonely = lonely_masks(*readers, places=places) if asked == (None, None) else 0
    lonely = f"{n_lonely} masks have no partner on the other side." if n_lonely else ""
    return replace(found, note=" ".join(part for part in (lonely, found.note) if part))


def _read(model: "LoadedModel", params: Params) -> _Read:
    """Run a model once, with its head."""
    from lmviz.capture.tokens import encode
    from lmviz.capture.trace import trace

    reason = no_language_model(model)
    if reason:
        raise NotForThisModel(reason)
    if params.top_k < 1:
        raise InvalidParameter(f"top_k is {params.top_k}; ask for at least 1 candidate.")
    if params.target_text is not None:
        check_target(model)
    encoding = encode(model, params.text, params.text_pair)
    part = "decoder" if model.kind == "encoder-decoder" else model.kind
    if model.kind == "encoder-decoder":
        check_source(model, encoding)
    return _Read(model, params, trace(model, encoding, (), part=part, logits=True, decoder_text=params.target_text))


def _difference(left: _Read, right: _Read, *, alignment: Alignment, places: Sequence[Slot]) -> Difference:
    from lmviz.capture.vocabulary import shared_strings

    sizes = (_logits(left).shape[1], _logits(right).shape[1])
    shared = shared_strings(left.model, right.model, sizes=sizes)
    if not shared.strings:
        raise NotForThisModel(
            f"{left.model.id} and {right.model.id} have no token in common. Compare their surprisal instead."
        )
    k = min(left.params.top_k, len(shared.strings))
    rows = [_row((_logits(left)[slot.a], _logits(right)[slot.b]), shared, k) for slot in places]
    found = {name: np.array([row.numbers[name] for row in rows]) for name in rows[0].numbers}
    per_unit = {name: np.full(len(alignment), np.nan, dtype=np.float32) for name in found}
    for name, values in found.items():
        per_unit[name][[slot.unit for slot in places]] = values
    a, b = (
        _side(read, (alignment, [slot.unit for slot in places]), shared=shared, rows=rows, side=side)
        for side, read in enumerate((left, right))
    )
    return Difference(
        a=a,
        b=b,
        delta=b.probabilities - a.probabilities,
        compared="probabilities",
        tokens_a=left.seen.table.tokens,
        tokens_b=right.seen.table.tokens,
        alignment=alignment,
        numbers={**means(found), "n_shared": float(len(shared.strings)), "n_places": float(len(places))},
        per_unit=per_unit,
        note=_FOLDED if shared.is_folded else "",
    )


def _logits(read: _Read) -> Float32[np.ndarray, "position vocabulary"]:
    logits = read.seen.logits
    if logits is None:  # asked for in every trace of this file
        raise NotForThisModel(no_language_model(read.model))
    return logits


def _row(logits: tuple[np.ndarray, np.ndarray], shared: "SharedStrings", k: int) -> _Row:
    """Compare one distribution of each side."""
    own = [log_softmax(side[np.newaxis])[0] for side in logits]
    natural = on_shared(own[0], own[1], shared=shared)
    p, q = (chances / chances.sum() for chances in natural)
    best = largest((natural[0] + natural[1])[np.newaxis], k)[0]
    return _Row(
        numbers={
            "kl_ab": float(kl(p, q)),
            "kl_ba": float(kl(q, p)),
            "js": float(jensen_shannon(p, q)),
            "total_variation": float(total_variation(p, q)),
            "rank_correlation": float(rank_correlation(p, q)),
            "top_k_overlap": float(top_overlap(p, q, k=k)),
            "outside_a": float(np.exp(own[0][shared.a < 0]).sum()),
            "outside_b": float(np.exp(own[1][shared.b < 0]).sum()),
        },
        strings=best,
        probabilities=(natural[0][best], natural[1][best]),
        ids=(_ids(own[0], shared.a, best), _ids(own[1], shared.b, best)),
        entropy=(_entropy(own[0]), _entropy(own[1])),
    )


def on_shared(a: Logs, b: Logs, *, shared: "SharedStrings") -> tuple[np.ndarray, np.ndarray]:
    """Give the probability of each shared string on both sides: the sum over the tokens that are this string.

    Args:
        a: Log-probabilities of A's tokens.
        b: Those of B's.
        shared: Which of them are which string.
    """
    n = len(shared.strings)
    left, right = (_summed(logs, slots, n) for logs, slots in ((a, shared.a), (b, shared.b)))
    return left, right


def _summed(logs: Logs, slots: np.ndarray, n: int) -> Float[np.ndarray, " string"]:
    is_shared = slots >= 0
    summed: np.ndarray = np.bincount(slots[is_shared], weights=np.exp(logs[is_shared]), minlength=n)
    return summed


def _ids(logs: Logs, slots: np.ndarray, strings: np.ndarray) -> Int64[np.ndarray, " candidate"]:
    """Give the most probable token of each string."""
    tokens = [np.flatnonzero(slots == string) for string in strings]
    return np.array([own[np.argmax(logs[own])] for own in tokens], dtype=np.int64)


def _entropy(logs: Logs) -> float:
    return float(-(np.exp(logs) * logs).sum())


def _side(
    read: _Read, units: tuple[Alignment, Sequence[int]], *, shared: "SharedStrings", rows: Sequence[_Row], side: int
) -> TokenDistributions:
    """Give what one side says of the listed strings."""
    signed = {"analysis": ANALYSIS.slug, "title": ANALYSIS.title, **provenance(read.model, asdict(read.params))}
    return TokenDistributions(
        tokens=units[0].texts,
        positions=tuple(units[1]),
        candidates=tuple(tuple(shared.strings[string] for string in row.strings) for row in rows),
        candidate_ids=np.stack([row.ids[side] for row in rows]),
        probabilities=np.stack([row.probabilities[side] for row in rows]).astype(np.float32),
        entropy=np.array([row.entropy[side] for row in rows], dtype=np.float32),
        provenance=signed,
    )
