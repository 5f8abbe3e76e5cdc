"""Look inside language models: load one, ask a question, get plain numbers that say where they come from.

    import lmviz

    model = lmviz.load("smollm2-135m")
    result = lmviz.run("attention-pattern", model, text="The cat sat on the mat")
    result.to_frame()

Names are fetched when they are first used, so that `import lmviz` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmviz.analyses import ANALYSES, run
    from lmviz.analyses.base import Analysis
    from lmviz.errors import LmvizError
    from lmviz.models.loaded import LoadedModel
    from lmviz.models.loading import load, wrap
    from lmviz.remote import RemoteModel, remote_model, remote_models
    from lmviz.results import (
        Alignment,
        AnswerSpans,
        AttentionPattern,
        BiasLocalisation,
        Check,
        ConceptRemoval,
        ContinuationTree,
        Difference,
        GeneratedScores,
        LabelProbabilities,
        LayerHeadGrid,
        LayerMatrix,
        LayerPositionGrid,
        MaskFillings,
        PairScores,
        QueryKeyProducts,
        Result,
        RowAnswers,
        TokenDistributions,
        TokenMatrix,
        TokenScores,
        TokenTable,
    )

__all__ = [
    "ANALYSES",
    "Alignment",
    "Analysis",
    "AnswerSpans",
    "AttentionPattern",
    "BiasLocalisation",
    "Check",
    "ConceptRemoval",
    "ContinuationTree",
    "Difference",
    "GeneratedScores",
    "LabelProbabilities",
    "LayerHeadGrid",
    "LayerMatrix",
    "LayerPositionGrid",
    "LmvizError",
    "LoadedModel",
    "MaskFillings",
    "PairScores",
    "QueryKeyProducts",
    "RemoteModel",
    "Result",
    "RowAnswers",
    "TokenDistributions",
    "TokenMatrix",
    "TokenScores",
    "TokenTable",
    "load",
    "remote_model",
    "remote_models",
    "run",
    "wrap",
]

_ELSEWHERE = {
    "ANALYSES": "lmviz.analyses",
    "run": "lmviz.analyses",
    "Analysis": "lmviz.analyses.base",
    "LmvizError": "lmviz.errors",
    "LoadedModel": "lmviz.models.loaded",
    "RemoteModel": "lmviz.remote",
    "load": "lmviz.models.loading",
    "remote_model": "lmviz.remote",
    "remote_models": "lmviz.remote",
    "wrap": "lmviz.models.loading",
}
_PACKAGES = ("analyses", "datasets", "statistics")  # functions that stand alone are called by their full names


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module that has it."""
    if name in _PACKAGES:
        return import_module(f"lmviz.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'lmviz' has no attribute '{name}'")
    return getattr(import_module(_ELSEWHERE.get(name, "lmviz.results")), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
