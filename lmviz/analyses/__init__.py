"""Every method there is: one file each, listed here by name; `run` answers by slug."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from lmviz.analyses.attention import (
    attention_flow,
    attention_pattern,
    attention_rollout,
    head_statistics,
    query_key,
    value_weighted_attention,
)
from lmviz.analyses.attribution import (
    attention_relevance,
    attention_x_gradient,
    deeplift,
    erasure,
    faithfulness,
    generation,
    gradient_shap,
    input_x_gradient,
    integrated_gradients,
    kernel_shap,
    layer_integrated_gradients,
    lime,
    rollout_scores,
    saliency,
    shapley_sampling,
)
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.bias import benchmarks, removal
from lmviz.analyses.bias.localisation import running as bias_localisation
from lmviz.analyses.compare import cka, compare
from lmviz.analyses.predictions import (
    answer_span,
    classify,
    generate,
    joint_fill,
    next_sentence,
    surprisal,
    tag_tokens,
    token_distributions,
)
from lmviz.analyses.probing import (
    attention_parser,
    edge_probe,
    layer_geometry,
    layer_similarity,
    linear_probe,
    mdl_probe,
    mlp_probe,
    probe_direction,
    structural_probe,
    v_information,
)
from lmviz.errors import UnknownAnalysis, did_you_mean
from lmviz.remote import RemoteModel
from lmviz.results import Result

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_MODULES: tuple[ModuleType, ...] = (
    attention_pattern,
    attention_rollout,
    attention_flow,
    value_weighted_attention,
    head_statistics,
    query_key,
    token_distributions,
    generate,
    joint_fill,
    surprisal,
    next_sentence,
    classify,
    tag_tokens,
    answer_span,
    saliency,
    input_x_gradient,
    integrated_gradients,
    layer_integrated_gradients,
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
_COMPARABLE: dict[str, Analysis[Any, Any]] = {module.ANALYSIS.slug: module.ANALYSIS for module in _MODULES}
ANALYSES: dict[str, Analysis[Any, Any]] = {
    **_COMPARABLE,
    faithfulness.ANALYSIS.slug: faithfulness.ANALYSIS,
    generation.ANALYSIS.slug: generation.ANALYSIS,
    **benchmarks.ANALYSES,
    bias_localisation.ANALYSIS.slug: bias_localisation.ANALYSIS,
    removal.ANALYSIS.slug: removal.ANALYSIS,
    linear_probe.ANALYSIS.slug: linear_probe.ANALYSIS,
    mlp_probe.ANALYSIS.slug: mlp_probe.ANALYSIS,
    mdl_probe.ANALYSIS.slug: mdl_probe.ANALYSIS,
    probe_direction.ANALYSIS.slug: probe_direction.ANALYSIS,
    v_information.ANALYSIS.slug: v_information.ANALYSIS,
    structural_probe.ANALYSIS.slug: structural_probe.ANALYSIS,
    edge_probe.ANALYSIS.slug: edge_probe.ANALYSIS,
    attention_parser.ANALYSIS.slug: attention_parser.ANALYSIS,
    layer_similarity.ANALYSIS.slug: layer_similarity.ANALYSIS,
    layer_geometry.ANALYSIS.slug: layer_geometry.ANALYSIS,
    cka.ANALYSIS.slug: cka.ANALYSIS,
    compare.SLUG: compare.among(_COMPARABLE),
}


def run(slug: str, model: "LoadedModel | RemoteModel", *, on_progress: Progress = ignore, **params: Any) -> Result:
    """Answer one question about a model.

    Args:
        slug: A name in `ANALYSES`.
        model: What `lmviz.load`, `lmviz.wrap` or `lmviz.remote_model` gave.
        on_progress: Called now and then with the share that is done.
        **params: The analysis's own parameters, such as text.

    Returns:
        Plain numbers with their provenance.

    Raises:
        UnknownAnalysis: No analysis of that slug.
        InvalidParameter: A parameter of the wrong name or type.
        LmvizError: Anything else a person can put right.
    """
    if slug not in ANALYSES:
        raise UnknownAnalysis(f"There is no analysis '{slug}'.{did_you_mean(slug, ANALYSES)}")
    result: Result = ANALYSES[slug].answer(model, params, on_progress=on_progress)
    return result
