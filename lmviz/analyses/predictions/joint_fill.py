"""Which words fit into all masks together? Filled one after the other, against each by itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.token_distributions import mask_positions
from lmviz.errors import InvalidParameter
from lmviz.results import Check, MaskFillings

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

MOST = 100


@dataclass(frozen=True)
class Params:
    """What is read, with its masks, how many fillings are given, and how many are kept from mask to mask."""

    text: str
    text_pair: str | None = None
    top_k: int = 10
    width: int = 30


def joint_fill(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> MaskFillings:
    """Fill all masks, from left to right, each given what was put into those before it.

    The joint probability is the product of p(first mask), p(second mask | first filled), and so on, while the masks
    still to come stay masked. A masked language model is no joint distribution: another order gives another number.

    Args:
        model: An encoder with a masked-language-model head.
        params: The text; at least one mask.
        on_progress: Told when the model has run.

    Returns:
        The most probable fillings a beam search finds, and beside each the product over masks asked one by one.

    Raises:
        NoMaskToken: The text has no mask.
        NotForThisModel: The model fills in no masks.
        InvalidParameter: No such number of fillings.
    """
    from lmviz.capture.filling import fill
    from lmviz.capture.tokens import encode, token_string

    require(model, "fill-mask")
    if not 1 <= params.top_k <= params.width <= MOST:
        raise InvalidParameter(f"top_k is {params.top_k} and width {params.width}; choose 1 ≤ top_k ≤ width ≤ {MOST}.")
    encoding = encode(model, params.text, params.text_pair)
    positions = mask_positions(model, encoding.table.ids)
    found = fill(model, encoding, positions=positions, width=params.width)
    on_progress(0.9, "The model has run")
    ids = found.ids[: params.top_k]
    return MaskFillings(
        tokens=encoding.table.tokens,
        positions=positions,
        fillings=tuple(tuple(token_string(model.tokenizer, int(i)) for i in row) for row in ids),
        filling_ids=ids,
        joint=np.exp(found.log_joint[: params.top_k]).astype(np.float32),
        independent=np.exp(found.log_independent[: params.top_k]).astype(np.float32),
        table=encoding.table,
    )


def shares_together(result: MaskFillings) -> Check:
    """Compare the sum of the joint probabilities with one, which it may not exceed."""
    over = float(max(0.0, result.joint.sum(dtype=np.float64) - 1))
    return Check(
        slug="shares",
        sentence=f"fillings exceed 1 by {over:.0e}",
        passed=over <= 1e-5,
        value=over,
        limit=1e-5,
        meaning="Probabilities of different fillings cannot add up to more than 1; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="joint-fill",
    title="Several masks together",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=joint_fill,
    reference="https://arxiv.org/abs/1902.04094",
    caution="A masked language model is no joint distribution: filled in another order, the probability is another.",
    checks=(shares_together,),
)
