"""What differs between two models on one text, or two texts in one model? Any analysis on both sides, and B − A."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.compare.common import Asked
from lmviz.analyses.compare.distributions import compare_distributions
from lmviz.analyses.compare.joining import difference
from lmviz.analyses.compare.parameters import Analyses, Params, folded, given_to, inner
from lmviz.analyses.compare.sides import Side, masks_of, second_model, share_of, signature_of_second, with_own_mask
from lmviz.analyses.predictions import token_distributions
from lmviz.errors import InvalidParameter
from lmviz.results import Check, Difference, Result

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "compare", "Comparison"


def compare(
    a: Side,
    b: Side,
    *,
    analysis: Analysis[Any, Any],
    head_pairs: tuple[str, ...] | None = None,
    on_progress: Progress = ignore,
) -> Difference:
    """Ask two sides the same and subtract.

    Tokens are aligned by the characters they cover: where the sides cut the text differently, the units are words, and
    with two texts the words that both have (see `alignment`). Distributions over tokens are compared on the strings
    both models know (see `distributions`).

    Args:
        a: A model and the parameters of the analysis.
        b: The same for the other side; the model may be the same object.
        analysis: One that gives a pattern, a matrix, scores, a grid, label probabilities or token distributions.
        head_pairs: Which heads or layers go together; None: those of the same name, if both sides have as many.
        on_progress: Told how far both sides are.

    Returns:
        A and B on common units, B − A and what describes it; the provenance says what B is.

    Raises:
        InvalidParameter: What the sides give cannot be set side by side; the sentence says what can.
        LmvizError: Whatever the analysis refuses on either side.
    """
    found = _compared(a, b, analysis=analysis, head_pairs=head_pairs, on_progress=on_progress)
    return _signed(a, b, analysis=analysis, found=found)


def compare_answers(
    a: Side,
    b: Side,
    *,
    analysis: Analysis[Any, Any],
    answers: tuple[Result, Result],
    head_pairs: tuple[str, ...] | None = None,
) -> Difference:
    """Subtract what two sides have answered already, as `compare` does after asking them.

    Args:
        a: A model and what it was asked.
        b: The same for the other side.
        analysis: What both were asked; no token distributions, whose whole vocabulary is compared.
        answers: What A and B said.
        head_pairs: As for `compare`.

    Raises:
        InvalidParameter: As for `compare`.
    """
    asked = Asked(masks=masks_of(a.model, b.model), head_pairs=head_pairs)
    return _signed(a, b, analysis=analysis, found=difference(answers[0], answers[1], asked=asked))


def _signed(a: Side, b: Side, *, analysis: Analysis[Any, Any], found: Difference) -> Difference:
    signed = {"analysis": SLUG, "title": TITLE, **provenance(a.model, {"analysis": analysis.slug, **a.given})}
    second = {**signature_of_second(b.model), "parameters_b": dict(b.given)}
    return replace(found, provenance={**signed, **second})


def _compared(
    a: Side, b: Side, *, analysis: Analysis[Any, Any], head_pairs: tuple[str, ...] | None, on_progress: Progress
) -> Difference:
    b = with_own_mask(a.model, b)
    first, second = analysis.make_params(a.given), analysis.make_params(b.given)
    if analysis.slug == token_distributions.ANALYSIS.slug:
        if head_pairs is not None:
            raise InvalidParameter("Token distributions have no heads to pair. Leave head_pairs out.")
        return compare_distributions(a, b, on_progress=on_progress)
    left = analysis.answer(a.model, a.given, on_progress=share_of(on_progress, start=0.0, end=0.5))
    is_same = a.model is b.model and first == second
    progress = share_of(on_progress, start=0.5, end=0.95)
    right = left if is_same else analysis.answer(b.model, b.given, on_progress=progress)
    return difference(left, right, asked=Asked(masks=masks_of(a.model, b.model), head_pairs=head_pairs))


def among(analyses: Analyses) -> Analysis[Params, Difference]:
    """Make the analysis that compares any of some others.

    Args:
        analyses: What can be compared, by slug.

    Returns:
        The analysis `compare`.
    """

    def run(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> Difference:
        """Compare by names: of an analysis, of a second model, of a second text.

        Args:
            model: The model of A, and of B where no other is named.
            params: What is compared.
            on_progress: Told how far both sides are.

        Returns:
            A and B on common units, and B − A.

        Raises:
            UnknownAnalysis: No analysis of that slug can be compared.
            InvalidParameter: Nothing is named that B differs in, or the sides cannot be set side by side.
        """
        analysis = inner(analyses, params.analysis)
        a, b = _sides(model, params, analysis)
        found = _compared(a, b, analysis=analysis, head_pairs=params.head_pairs, on_progress=on_progress)
        return replace(found, provenance=signature_of_second(b.model))

    return Analysis(
        slug=SLUG,
        title=TITLE,
        group="compare",
        needs=frozenset({"analysis"}),  # whatever the compared analysis needs
        params=Params,
        run=run,
        reference="https://arxiv.org/abs/1906.04341",
        caution="Where tokenizers differ, words are compared: a difference within a word cannot be seen.",
        checks=(every_token_in_one_unit, parts_add_up),
        fold=lambda given: folded(given, analyses),
    )


def _sides(model: "LoadedModel", params: Params, analysis: Analysis[Any, Any]) -> tuple[Side, Side]:
    """Give both sides, after what each is asked was checked; a second model is loaded last."""
    given_a, given_b = given_to(params, analysis)
    if params.model_b is None and params.text_b is None and given_a == given_b:
        raise InvalidParameter(
            f"There is nothing to compare {model.id} with. Name model_b, or text_b, or another parameter of "
            f"{analysis.slug} with _b behind its name."
        )
    for given in (given_a, given_b):
        analysis.make_params(given)
    return Side(model, given_a), Side(second_model(model, params.model_b), given_b)


def every_token_in_one_unit(result: Difference) -> Check | None:
    """Count the tokens of either side that are not in exactly one unit."""
    if result.alignment is None:
        return None
    missed = 0
    for tokens, units in ((result.tokens_a, result.alignment.a), (result.tokens_b, result.alignment.b)):
        counts = np.bincount([position for unit in units for position in unit], minlength=len(tokens))
        missed += int((counts != 1).sum())
    return Check(
        slug="units",
        sentence=f"{missed} tokens are in no unit or in two",
        passed=missed == 0,
        value=float(missed),
        limit=0.0,
        meaning="A token that is left out or counted twice makes every number of its word wrong.",
    )


def parts_add_up(result: Difference) -> Check:
    """Compare A + (B − A) with B; what is defined on both sides has a difference."""
    a, b = (getattr(side, result.compared).astype(np.float64) for side in (result.a, result.b))
    is_defined = ~np.isnan(a + b)
    is_odd = bool((np.isnan(result.delta) == is_defined).any())
    off = np.abs(a + result.delta - b).max(where=is_defined, initial=0.0)
    scale = np.abs(b).max(where=is_defined, initial=1.0)
    worst = float("inf") if is_odd else float(off / scale)
    return Check(
        slug="sum",
        sentence=f"A plus the difference is B within {worst:.0e}",
        passed=worst <= 1e-6,
        value=worst,
        limit=1e-6,
        meaning="The three panels do not belong together; do not trust the picture.",
    )
