"""Which tokens does each written token rest on? Every one of them against the text and what was written before it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lmviz.analyses.attribution import methods
from lmviz.analyses.attribution.lines import AlongLine, along, line_of
from lmviz.analyses.attribution.targets import Explained, TargetParams, check_continues, instead
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions import generate
from lmviz.analyses.predictions.growing import said
from lmviz.errors import EmptyInput, InvalidParameter
from lmviz.results import Check, GeneratedScores, TokenScores

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

QUANTITIES = {"logit": "logit", "log-probability": "nat"}  # with the unit of each
MOST_TOKENS = 512
_WRITTEN = 0.1  # of the work: the text itself
_CLOSE = 1e-3  # of the numbers added, which are in single precision


@dataclass(frozen=True)
class Params:
    """What is continued and for how long, or with which `continuation`, and how each token of that is explained.

    `method` is the slug of an attribution; it takes of `baseline`, `n_steps`, `tolerance`, `n_samples`, `by` and `seed`
    what it knows, and does without the others. `n_samples` None: as many as it takes by itself. `quantity` is "logit"
    or "log-probability".
    """

    text: str
    max_new_tokens: int = 20
    continuation: str | None = None
    method: str = "input-x-gradient"
    quantity: str = "logit"
    baseline: str = "pad"
    n_steps: int = 32
    tolerance: float = 0.0
    n_samples: int | None = None
    by: str = "token"
    seed: int = 0

    @property
    def options(self) -> dict[str, object]:
        """What an attribution may take."""
        names = ("baseline", "n_steps", "tolerance", "n_samples", "by", "seed")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def generation_attribution(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> GeneratedScores:
    """Explain every token that a model writes by the tokens before it, with any attribution (Sarti et al., 2023).

    A row is what the attribution itself says of that token after the text up to there. Attributions that look along a
    line of embeddings share their passes: what a decoder says at a place does not depend on what follows.

    Args:
        model: A decoder.
        params: The text, what follows it, and how it is explained.
        on_progress: Told after every token and every batch.

    Returns:
        Signed scores in logits or nats, a row for each token that was written (the most probable ones, unless a
        continuation is given); NaN where a token was not there yet.

    Raises:
        NotForThisModel: An encoder, an encoder-decoder, or a model that gives no probabilities of what follows.
        InvalidParameter: No such attribution or quantity, or a parameter that it refuses.
        EmptyInput: There is no text, or the continuation is empty.
        InputTooLong: Text and new tokens are more than the model reads.
        OverBudget: It would take more memory than a single job may.
    """
    _check(model, params)
    encoding, n_source = _continued(model, params, on_progress)
    targets = [
        _target(encoding, place=place, quantity=params.quantity) for place in range(n_source, len(encoding.table))
    ]

    def told(share: float) -> None:
        done = round(share * len(targets))
        on_progress(_WRITTEN + (0.99 - _WRITTEN) * share, f"{done} of {len(targets)} tokens are explained")

    own = methods.params_of(params.method, TargetParams(params.text), options=params.options)
    one = _asked(model, targets[0], slug=params.method, own=own)
    told(0.5 / len(targets))
    line = line_of(params.method, own)
    if line is None:
        found = _each(model, targets, slug=params.method, own=own, told=told)
    else:
        whole = Explained(encoding, (), "", np.array(encoding.table.special))
        found = along(model, whole, line=line, quantities=[target.quantity for target in targets], told=told)
    return _result(encoding, found, one=one, method=params.method)


def _check(model: "LoadedModel", params: Params) -> None:
    """Refuse models and parameters that cannot be."""
    from lmviz.capture.gradients import check_differentiable

    check_differentiable(model)
    check_continues(model)
    methods.method(params.method)
    if params.quantity not in QUANTITIES:
        raise InvalidParameter(f"There is no quantity '{params.quantity[:40]}'. Choose {' or '.join(QUANTITIES)}.")
    if not 1 <= params.max_new_tokens <= MOST_TOKENS:
        raise InvalidParameter(f"max_new_tokens is {params.max_new_tokens}; ask for 1 to {MOST_TOKENS}.")


def _continued(model: "LoadedModel", params: Params, on_progress: Progress) -> "tuple[Encoding, int]":
    """Give the text with what follows it, and how many tokens are the text's."""
    from lmviz.capture.generating import check_can_write, write
    from lmviz.capture.given_ids import continued, of_ids
    from lmviz.capture.tokens import encode

    if params.continuation is not None:
        if not params.continuation:
            raise EmptyInput("The continuation is empty. Type what follows the text, such as ' Paris.'")
        return continued(model, params.text, continuation=params.continuation)
    check_can_write(model)
    own = encode(model, params.text)
    path: tuple[int, ...] = ()
    for written in write(model, own, how=generate.Params(params.text, max_new_tokens=params.max_new_tokens)):
        path = written.path
        on_progress(_WRITTEN * len(path) / params.max_new_tokens, f"{len(path)} tokens are written")
    text = params.text + said(model, own.table, path=path)
    return of_ids(model, (*own.table.ids, *path), like=own, text=text), len(own.table)


def _target(encoding: "Encoding", *, place: int, quantity: str) -> Explained:
    """Explain the token at a place by those before it."""
    from lmviz.capture.given_ids import beginning
    from lmviz.capture.quantities import Term

    own = beginning(encoding, place)
    term = Term(encoding.table.ids[place], place - 1, is_log=quantity == "log-probability")
    fixed = np.array(own.table.special)
    return Explained(own, (term,), encoding.table.tokens[place], fixed, unit=QUANTITIES[quantity])


def _asked(model: "LoadedModel", target: Explained, *, slug: str, own: Any) -> TokenScores:
    """Ask an attribution to explain this, and nothing else."""
    with instead(target):
        found: TokenScores = methods.method(slug).run(model, own)
    return found


def _each(
    model: "LoadedModel", targets: Sequence[Explained], *, slug: str, own: Any, told: Callable[[float], None]
) -> AlongLine:
    """Ask an attribution for one token after the other."""
    rows: list[TokenScores] = []
    for target in targets:
        rows.append(_asked(model, target, slug=slug, own=own))
        told(len(rows) / len(targets))
    facts = [[row.provenance.get(name, math.nan) for row in rows] for name in ("value", "baseline_value")]
    values, lows = (np.array(numbers, dtype=np.float32) for numbers in facts)
    return AlongLine(tuple(row.scores.astype(np.float64) for row in rows), values, lows)


def _result(encoding: "Encoding", found: AlongLine, *, one: TokenScores, method: str) -> GeneratedScores:
    """Put the rows under each other."""
    table = encoding.table
    scores = np.full((len(found.scores), len(table)), np.nan, dtype=np.float32)
    for row, own in zip(scores, found.scores, strict=True):
        row[: len(own)] = own
    sums = np.array([own.sum() for own in found.scores])
    return GeneratedScores(
        tokens=table.tokens,
        n_source=len(table) - len(scores),
        scores=scores,
        values=found.values,
        baseline_values=found.baseline_values,
        residues=(found.values - found.baseline_values - sums).astype(np.float32),
        unit=one.unit,
        method=method,
        table=table,
        note=f"{one.note} A token has no score where it was not there yet.",
    )


def only_before(result: GeneratedScores) -> Check:
    """Count scores of tokens that were not there yet, and tokens that were there and have none."""
    n_rows, n_tokens = result.scores.shape
    is_there = np.arange(n_tokens) < result.n_source + np.arange(n_rows)[:, None]
    n_wrong = int((np.isfinite(result.scores) != is_there).sum())
    return Check(
        slug="before",
        sentence=f"{n_wrong} tokens have a score before they were there, or none after",
        passed=n_wrong == 0,
        value=float(n_wrong),
        limit=0.0,
        meaning="What is written rests on what stands before it; the bookkeeping is wrong.",
    )


def add_up(result: GeneratedScores) -> Check | None:
    """Compare the sum of each row and its residue with the difference of the quantity; None without a baseline."""
    difference = result.values.astype(np.float64) - result.baseline_values
    if np.isnan(difference).all():
        return None
    apart = np.abs(np.nansum(result.scores, axis=1, dtype=np.float64) + result.residues - difference)
    size = np.maximum(1.0, np.maximum(np.nansum(np.abs(result.scores), axis=1), np.abs(difference)))
    worst = float(np.max(apart / size))
    return Check(
        slug="adds-up",
        sentence=f"scores and residues add up to the differences within {worst:.0e} of their size",
        passed=worst <= _CLOSE,
        value=worst,
        limit=_CLOSE,
        meaning="What the tokens are given and what is left over is the whole difference; the bookkeeping is wrong.",
    )


ANALYSIS = Analysis(
    slug="generation-attribution",
    title="Generation attribution",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=generation_attribution,
    reference="https://arxiv.org/abs/2302.13942",
    caution=(
        "Each row explains one token, given all before it; that the model wrote those itself is not explained. Compare "
        "shares within a row: rows differ in how much there is to explain."
    ),
    checks=(only_before, add_up),
)
