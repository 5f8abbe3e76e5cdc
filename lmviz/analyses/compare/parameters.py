"""How the parameters of another analysis travel through those of `compare`: by their names, then as one JSON text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lmviz.analyses.base import Analysis
from lmviz.analyses.predictions import token_distributions
from lmviz.errors import InvalidParameter, UnknownAnalysis, did_you_mean

_SECOND = "_b"  # ends the names of what holds for the second side only
_OF_ONE_SIDE = {token_distributions.ANALYSIS.slug: ("positions",)}  # they count A's tokens; B's are found by alignment
Analyses = Mapping[str, Analysis[Any, Any]]


@dataclass(frozen=True)
class Params:
    """Which analysis is asked of both sides, what they read, and where B's model or text is another one.

    `head_pairs` such as "L5H1:L29H3", "L5:L29" or "mean:mean" say which heads go together where the models have not
    as many. `parameters` is a JSON object of the analysis's own parameters, each also with _b behind its name for B
    alone; `lmviz.run` takes them by their names as well.
    """

    text: str
    analysis: str
    model_b: str | None = None
    text_b: str | None = None
    text_pair: str | None = None
    text_pair_b: str | None = None
    head_pairs: tuple[str, ...] | None = None
    parameters: str = ""


def inner(analyses: Analyses, slug: str) -> Analysis[Any, Any]:
    """Look up the compared analysis.

    Raises:
        UnknownAnalysis: There is none of that slug.
    """
    if slug not in analyses:
        raise UnknownAnalysis(f"There is no analysis '{slug}' to compare.{did_you_mean(slug, analyses)}")
    return analyses[slug]


def folded(given: Mapping[str, Any], analyses: Analyses) -> Mapping[str, Any]:
    """Put the parameters of the compared analysis into `parameters`.

    Raises:
        UnknownAnalysis: There is no analysis of that slug.
        InvalidParameter: A name that neither compare nor the analysis has, or a value that JSON does not know.
    """
    slug = given.get("analysis")
    if not isinstance(slug, str):
        return given  # what is missing or wrong is said by the check of compare's own parameters
    analysis, own = inner(analyses, slug), {item.name for item in fields(Params)}
    more = {**_parsed(given.get("parameters", "")), **{name: given[name] for name in given if name not in own}}
    known = {item.name for item in fields(analysis.params)} - own
    for name in more:
        if name not in known and name.removesuffix(_SECOND) not in known:
            close = did_you_mean(name, own | known)
            raise InvalidParameter(
                f"compare of {slug} has no parameter '{name}'.{close} {slug} takes {analysis.takes}; each may also "
                f"have {_SECOND} behind its name, for B alone. Besides there are {', '.join(sorted(own))}."
            )
    try:
        written = json.dumps(more, sort_keys=True, ensure_ascii=False) if more else ""
    except (TypeError, ValueError) as error:
        raise InvalidParameter(f"compare takes texts, numbers and lists of them for {slug} ({error}).") from None
    return {**{name: given[name] for name in given if name in own}, "parameters": written}


def _parsed(written: Any) -> dict[str, Any]:
    """Read the parameters of the compared analysis."""
    try:
        found = json.loads(written) if written != "" else {}
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InvalidParameter(f'parameters is {written!r}; write a JSON object such as \'{{"statistic": "self"}}\'.')
    return found


def given_to(params: Params, analysis: Analysis[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the parameters of the compared analysis for A and for B.

    Raises:
        InvalidParameter: The analysis reads something else than a text.
    """
    names = {item.name for item in fields(analysis.params)}
    if "text" not in names:
        raise InvalidParameter(
            f"{analysis.slug} does not read one text, so it cannot be compared by name. It takes {analysis.takes}."
        )
    more = _parsed(params.parameters)
    given = {name: value for name, value in more.items() if name in names}
    second = {name.removesuffix(_SECOND): value for name, value in more.items() if name not in names}
    kept = {name: value for name, value in given.items() if name not in _OF_ONE_SIDE.get(analysis.slug, ())}
    pair_b = params.text_pair if params.text_pair_b is None else params.text_pair_b
    return (
        {**given, "text": params.text, **({} if params.text_pair is None else {"text_pair": params.text_pair})},
        {
            **kept,
            **second,
            "text": params.text if params.text_b is None else params.text_b,
            **({} if pair_b is None else {"text_pair": pair_b}),
        },
    )
