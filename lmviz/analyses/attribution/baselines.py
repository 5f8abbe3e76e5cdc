"""What stands where nothing is said: the embedding that a token has when it is taken away."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.attribution.targets import Explained
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

BASELINES = ("pad", "zero", "mask", "mean")
Embeddings = Float32[np.ndarray, "position width"]


def check_baseline(model: "LoadedModel", name: str) -> None:
    """Refuse a baseline that there is not.

    Raises:
        InvalidParameter: No such baseline, or this model has no such token.
    """
    if name not in BASELINES:
        raise InvalidParameter(f"There is no baseline '{name[:40]}'. Choose from {', '.join(BASELINES)}.")
    if name == "mask" and model.tokenizer.mask_token_id is None:
        raise InvalidParameter(f"{model.id} has no mask token. Choose the baseline pad, zero or mean.")


def ends(model: "LoadedModel", target: Explained, *, baseline: str) -> tuple[Embeddings, Embeddings]:
    """Give the embeddings of the baseline and those of the input; fixed tokens are the same in both.

    Args:
        model: The model that reads them.
        target: What is explained.
        baseline: "pad" (where there is no such token, the one that ends a text), "zero", "mask", or "mean" over all
            tokens there are.

    Raises:
        InvalidParameter: As `check_baseline`.
    """
    check_baseline(model, baseline)
    own = _embedded(model, target.encoding.table.ids)
    empty = np.where(target.is_fixed[:, None], own, _empty(model, baseline, width=own.shape[1]))
    return empty.astype(np.float32), own


def baseline_note(model: "LoadedModel", baseline: str) -> str:
    """Say what the baseline is, where its name does not."""
    if baseline != "pad" or model.tokenizer.pad_token_id is not None:
        return f"Baseline: {baseline}; special tokens and masks stay."
    return f"Baseline: {model.id} has no padding token, {_stand_in(model)} stands for it; special tokens stay."


def _embedded(model: "LoadedModel", ids: tuple[int, ...]) -> Embeddings:
    from lmviz.capture.gradients import token_embeddings

    return token_embeddings(model, ids)


def _empty(model: "LoadedModel", baseline: str, *, width: int) -> np.ndarray:
    from lmviz.capture.gradients import mean_embedding

    if baseline == "mean":
        return mean_embedding(model)
    token = model.tokenizer.mask_token_id if baseline == "mask" else _pad(model)
    if baseline == "zero" or token is None:
        return np.zeros(width, dtype=np.float32)
    row: np.ndarray = _embedded(model, (int(token),))[0]
    return row


def _pad(model: "LoadedModel") -> int | None:
    known = (model.tokenizer.pad_token_id, model.tokenizer.eos_token_id)
    return next((int(i) for i in known if i is not None), None)


def _stand_in(model: "LoadedModel") -> str:
    token = _pad(model)
    return "zero" if token is None else str(model.tokenizer.convert_ids_to_tokens(token))
