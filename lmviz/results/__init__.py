"""The few shapes that answers come in: frozen, NumPy on the host, read-only, picklable."""

from lmviz.results.attention import AttentionPattern, LayerHeadGrid, QueryKeyProducts, TokenMatrix
from lmviz.results.base import Check, Provenance, Result, TokenTable, is_punctuation
from lmviz.results.curves import CodelengthCurve, LayerCurve, LayerScatter, ProbeCurve
from lmviz.results.differences import Alignment, Difference, LayerMatrix
from lmviz.results.directions import DirectionEffect
from lmviz.results.faithfulness import Faithfulness
from lmviz.results.generated import GeneratedScores
from lmviz.results.grammar import GrammarScores
from lmviz.results.heads import AnswerSpan, AnswerSpans, LabelProbabilities
from lmviz.results.localisation import BiasLocalisation
from lmviz.results.pairs import PairScores
from lmviz.results.parsing import HeadParsing
from lmviz.results.removals import ConceptRemoval
from lmviz.results.rows import RowAnswer, RowAnswers
from lmviz.results.tokens import LayerPositionGrid, MaskFillings, TokenDistributions, TokenScores
from lmviz.results.writing import ContinuationTree

__all__ = [
    "Alignment",
    "AnswerSpan",
    "AnswerSpans",
    "AttentionPattern",
    "BiasLocalisation",
    "Check",
    "CodelengthCurve",
    "ConceptRemoval",
    "ContinuationTree",
    "Difference",
    "DirectionEffect",
    "Faithfulness",
    "GeneratedScores",
    "GrammarScores",
    "HeadParsing",
    "LabelProbabilities",
    "LayerCurve",
    "LayerHeadGrid",
    "LayerMatrix",
    "LayerPositionGrid",
    "LayerScatter",
    "MaskFillings",
    "PairScores",
    "ProbeCurve",
    "Provenance",
    "QueryKeyProducts",
    "Result",
    "RowAnswer",
    "RowAnswers",
    "TokenDistributions",
    "TokenMatrix",
    "TokenScores",
    "TokenTable",
    "is_punctuation",
]
