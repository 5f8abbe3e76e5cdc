"""The few shapes that answers come in: frozen, NumPy on the host, read-only, picklable."""

from lmviz.results.attention import AttentionPattern, LayerHeadGrid, QueryKeyProducts, TokenMatrix
from lmviz.results.base import Check, Provenance, Result, TokenTable, is_punctuation
from lmviz.results.heads import AnswerSpan, AnswerSpans, LabelProbabilities
from lmviz.results.tokens import LayerPositionGrid, MaskFillings, TokenDistributions, TokenScores
from lmviz.results.writing import ContinuationTree

__all__ = [
    "AnswerSpan",
    "AnswerSpans",
    "AttentionPattern",
    "Check",
    "ContinuationTree",
    "LabelProbabilities",
    "LayerHeadGrid",
    "LayerPositionGrid",
    "MaskFillings",
    "Provenance",
    "QueryKeyProducts",
    "Result",
    "TokenDistributions",
    "TokenMatrix",
    "TokenScores",
    "TokenTable",
    "is_punctuation",
]
