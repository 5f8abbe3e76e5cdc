"""Which ways of scoring a model can have: those of encoders, or those of decoders."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lmviz.analyses.bias import variants
from lmviz.analyses.bias.items import Way
from lmviz.analyses.predictions import scoring

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


def ways_of(model: "LoadedModel", *, encoder: Mapping[str, Way], decoder: Mapping[str, Way]) -> Mapping[str, Way]:
    """Choose the ways of a model's kind; those that need a start token only where there is one.

    Raises:
        NotForThisModel: The model gives no probabilities of tokens, or writes one text for another.
    """
    scoring.check(model, "l2r")
    if model.kind == "encoder":
        return encoder
    has_start = variants.has_start(model)
    return {name: way for name, way in decoder.items() if has_start or name != "bias-bench"}
