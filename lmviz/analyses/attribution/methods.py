"""The attributions that give one number per token of an input, by slug, and how one is asked whatever it takes."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lmviz.analyses.attribution import (
    attention_relevance,
    attention_x_gradient,
    deeplift,
    erasure,
    gradient_shap,
    input_x_gradient,
    integrated_gradients,
    kernel_shap,
    lime,
    rollout_scores,
    saliency,
    shapley_sampling,
)
from lmviz.analyses.attribution.targets import TargetParams
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter, did_you_mean
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_MODULES: tuple[ModuleType, ...] = (
    integrated_gradients,
    input_x_gradient,
    saliency,
    gradient_shap,
    erasure,
    shapley_sampling,
    kernel_shap,
    lime,
    deeplift,
    attention_x_gradient,
    attention_relevance,
    rollout_scores,
)
METHODS: Mapping[str, Analysis[Any, TokenScores]] = {module.ANALYSIS.slug: module.ANALYSIS for module in _MODULES}
UNSIGNED = frozenset(
    {"saliency", "attention-relevance", "rollout-scores"}
)  # lengths and the like: a large one may speak for the answer or against it


def method(slug: str) -> Analysis[Any, TokenScores]:
    """Give an attribution by its slug.

    Raises:
        InvalidParameter: There is no such attribution.
    """
    if slug not in METHODS:
        raise InvalidParameter(
            f"There is no attribution '{slug[:40]}'.{did_you_mean(slug, METHODS)} There are: {', '.join(METHODS)}."
        )
    return METHODS[slug]


def takes(slug: str, option: str) -> bool:
    """Say whether an attribution has an option such as "n_steps" or "baseline"."""
    return any(item.name == option for item in fields(method(slug).params))


def params_of(slug: str, target: TargetParams, *, options: Mapping[str, Any]) -> Any:
    """Give an attribution's parameters: what is explained, and those of the options that it takes."""
    known = {item.name for item in fields(method(slug).params)}
    shared = {item.name for item in fields(TargetParams)}
    given = {**{name: value for name, value in asdict(target).items() if name in shared}, **options}
    return method(slug).params(**{name: value for name, value in given.items() if name in known})


def answer(
    model: "LoadedModel",
    slug: str,
    *,
    target: TargetParams,
    options: Mapping[str, Any],
    on_progress: Progress = ignore,
) -> TokenScores:
    """Ask one attribution.

    Args:
        model: An encoder or a decoder with a head.
        slug: Which one.
        target: What is explained.
        options: What some of them take, such as n_steps or baseline; the others do without.
        on_progress: Told as the attribution tells.

    Raises:
        InvalidParameter: There is no such attribution.
        LmvizError: As the attribution raises.
    """
    found: TokenScores = method(slug).run(model, params_of(slug, target, options=options), on_progress=on_progress)
    return found
