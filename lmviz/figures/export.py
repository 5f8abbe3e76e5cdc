"""A result as a file: SVG and PNG to print, HTML to open, each with its provenance in the caption."""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

from lmviz.errors import FigureUnavailable
from lmviz.figures.answers import answer_spans, continuation_tree, label_probabilities, mask_fillings
from lmviz.figures.bars import token_distributions, token_scores
from lmviz.figures.curves import layer_curve
from lmviz.figures.differences import difference, layer_matrix
from lmviz.figures.directions import direction_effect
from lmviz.figures.documents import Page, document
from lmviz.figures.faithfulness import faithfulness
from lmviz.figures.generated import generated_scores
from lmviz.figures.grammar import grammar_scores
from lmviz.figures.heatmaps import (
    attention_grid,
    layer_head_grid,
    layer_position_grid,
    query_key_products,
    token_matrix,
)
from lmviz.figures.localisation import bias_localisation
from lmviz.figures.pairs import pair_scores
from lmviz.figures.parsing import head_parsing
from lmviz.figures.provenance import caption
from lmviz.figures.removals import concept_removal
from lmviz.figures.rows import row_answers
from lmviz.figures.scatter import layer_scatter
from lmviz.figures.scene import Scene, to_svg
from lmviz.figures.standalone import explorer_html
from lmviz.figures.wording import format_number, visible
from lmviz.results import (
    AnswerSpans,
    AttentionPattern,
    BiasLocalisation,
    ConceptRemoval,
    ContinuationTree,
    Difference,
    DirectionEffect,
    Faithfulness,
    GeneratedScores,
    GrammarScores,
    HeadParsing,
    LabelProbabilities,
    LayerCurve,
    LayerHeadGrid,
    LayerMatrix,
    LayerPositionGrid,
    LayerScatter,
    MaskFillings,
    PairScores,
    ProbeCurve,
    QueryKeyProducts,
    Result,
    RowAnswer,
    RowAnswers,
    TokenDistributions,
    TokenMatrix,
    TokenScores,
)

ENDINGS = ("html", "svg", "png")
MAX_ROWS = 1_000  # of the table in an HTML file

_SCENES: dict[type[Result], Callable[[Any], Scene]] = {
    AttentionPattern: attention_grid,
    TokenMatrix: token_matrix,
    BiasLocalisation: bias_localisation,  # a LayerHeadGrid too, so it stands before it
    LayerHeadGrid: layer_head_grid,
    LayerPositionGrid: layer_position_grid,
    QueryKeyProducts: query_key_products,
    TokenDistributions: token_distributions,
    TokenScores: token_scores,
    LabelProbabilities: label_probabilities,
    AnswerSpans: answer_spans,
    MaskFillings: mask_fillings,
    ContinuationTree: continuation_tree,
    Difference: difference,
    LayerMatrix: layer_matrix,
    HeadParsing: head_parsing,
    LayerCurve: layer_curve,
    LayerScatter: layer_scatter,
    GrammarScores: grammar_scores,  # a PairScores too, so it stands before it
    PairScores: pair_scores,
    RowAnswers: row_answers,
    ConceptRemoval: concept_removal,
    DirectionEffect: direction_effect,
    Faithfulness: faithfulness,
    GeneratedScores: generated_scores,
}


def render(result: Result, ending: str) -> bytes:
    """Draw a result as the content of a file.

    Args:
        result: Any result that has a figure.
        ending: "svg", "png" or "html". The HTML of a pattern is the interactive explorer; of anything else the
            figure with its table. None of them needs a network.

    Returns:
        The bytes of the file.

    Raises:
        FigureUnavailable: There is no such ending, or no figure for this type of result.
    """
    ending = ending.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise FigureUnavailable(f"There is no picture ending in '.{ending}'. Choose one of {', '.join(ENDINGS)}.")
    if ending == "html" and isinstance(result, AttentionPattern) and result.pattern.size:
        return explorer_html(result, {}).encode()
    drawn = scene(result)
    if ending == "html":
        return _document(result, drawn).encode()
    if ending == "svg":
        return b'<?xml version="1.0" encoding="UTF-8"?>\n' + to_svg(drawn).encode()
    from lmviz.figures.raster import to_png  # matplotlib takes a second to import

    return to_png(drawn)


def scene(result: Result) -> Scene:
    """Draw a result as shapes.

    Raises:
        FigureUnavailable: There is no figure for this type of result.
    """
    for kind, draw in _SCENES.items():
        if isinstance(result, kind):
            return draw(result)
    raise FigureUnavailable(f"There is no figure for {type(result).__name__}. Export it as json or csv instead.")


def _document(result: Result, drawn: Scene) -> str:
    """Write the figure, its finding and its table as one document."""
    style = files("lmviz.figures").joinpath("assets/figure.css").read_text(encoding="utf-8")
    body = (
        f"<main>\n<h1>{escape(visible(drawn.title))}</h1>\n<p>{escape(visible(drawn.description))}</p>\n"
        f'<div class="figure" tabindex="0" role="region" aria-label="Figure">{to_svg(drawn)}</div>\n'
        f"<details><summary>Table</summary>{_table(result)}</details>\n"
        f'<p class="caption">{escape(visible(caption(result)))}</p>\n</main>'
    )
    return document(Page(title=drawn.title, body=body, style=style))


def _table(result: Result) -> str:
    frame = _writable(result).to_frame()
    head = "".join(f'<th scope="col">{escape(visible(str(name)))}</th>' for name in frame.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>"
        for row in frame.head(MAX_ROWS).itertuples(index=False, name=None)
    )
    more = len(frame) - MAX_ROWS
    note = f"<p>The first {MAX_ROWS:,} rows; {more:,} more are in the CSV export.</p>" if more > 0 else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'{note}<div class="rows" tabindex="0" role="region" aria-label="Table">{table}</div>'


def _writable(result: Result) -> Result:
    """Give the result with its tokens as they are shown: a table cannot hold what is no valid text."""
    shown: dict[str, Any] = {
        name: tuple(visible(text) for text in getattr(result, name))
        for name in ("tokens", "labels", "categories", "conditions")
        if hasattr(result, name)
    }
    if isinstance(result, Difference):
        return replace(result, a=_writable(result.a), b=_writable(result.b))
    if isinstance(result, RowAnswers):
        shown["rows"] = tuple(_shown_row(row) for row in result.rows)
    if isinstance(result, MaskFillings):
        shown["fillings"] = tuple(tuple(visible(token) for token in row) for row in result.fillings)
    if isinstance(result, PairScores):
        shown["texts"] = tuple((visible(more), visible(less)) for more, less in result.texts)
    if isinstance(result, LayerCurve):
        named = {name: getattr(result, name).items() for name in ("series", "low", "high")}
        shown |= {name: {visible(key): values for key, values in items} for name, items in named.items()}
    if isinstance(result, HeadParsing):
        shown["relations"] = tuple(map(visible, result.relations))
    if isinstance(result, (ProbeCurve, LayerScatter)):
        shown |= {name: tuple(map(visible, getattr(result, name))) for name in ("labels", "texts", "forms")}
    if isinstance(result, GrammarScores):
        shown["paradigms"] = tuple(map(visible, result.paradigms))
    if isinstance(result, TokenDistributions):
        shown["candidates"] = tuple(tuple(visible(token) for token in row) for row in result.candidates)
    return replace(result, **shown)


def _shown_row(row: RowAnswer) -> RowAnswer:
    texts = ("text", "text_b", "answer_a", "answer_b", "problem")
    shown: dict[str, Any] = {name: visible(getattr(row, name)) for name in texts}
    return replace(row, **shown)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"<code>{escape(visible(value))}</code>"
    if pd.isna(value):
        return "n/a"
    return format_number(float(value)) if isinstance(value, float) else escape(str(value))
