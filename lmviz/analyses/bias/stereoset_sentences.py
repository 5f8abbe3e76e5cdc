"""Does a model prefer the stereotypical of three endings? StereoSet, within a sentence and between two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias import variants
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Way
from lmviz.analyses.bias.kinds import ways_of
from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.bias.plans import Plan, Side, mean, planned
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.stereoset import StereoSetScores, micro_scores, official_scores
from lmviz.analyses.bias.summaries import compared, summarise_pairs, with_numbers
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.token_distributions import log_softmax
from lmviz.datasets import stereoset
from lmviz.datasets.stereoset import BLANK, KINDS, StereoSetExample
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter
from lmviz.results import PairScores
from lmviz.results.triples import TripleScores

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class StereoSetParams(Params):
    """As `Params`; `kind` is "intrasentence", a blank in a sentence, or "intersentence", a sentence after another.

    `variant` is "official" or "repaired", which gives sentences the capitals of their context back.
    """

    kind: str = KINDS[0]


def _files(params: StereoSetParams) -> tuple[Path, ...]:
    return files_of(params.source, "stereoset.jsonl")


def _read(params: StereoSetParams, files: tuple[Path, ...]) -> Read:
    is_repaired = params.variant == "repaired"
    for file in files:
        for row in stereoset.read(file):
            if isinstance(row, BrokenRow):
                yield row
            elif row.kind == params.kind:
                yield _item(row, is_repaired=is_repaired)


def _item(example: StereoSetExample, *, is_repaired: bool) -> Item | BrokenRow:
    """Put an example's sentences in their order; the context and what fills its blank are the details."""
    row = stereoset.repaired(example) if is_repaired else example
    if isinstance(row, BrokenRow):
        return row
    details: tuple[str, ...] = (row.context,)
    if row.kind == KINDS[0]:
        try:
            fillers = _written_fillers(row) if is_repaired else stereoset.official_fillers(row)
        except InvalidParameter as error:
            return BrokenRow(row.line, f"of its blank: {error}".removesuffix("."))
        details = (row.context, *fillers)
    return Item(row.line, row.sentences, row.bias_type, row.target, details)


def _written_fillers(example: StereoSetExample) -> Iterator[str]:
    """Give what fills the blank of each repaired sentence, as it is written."""
    start, n_blanks = example.context.index(BLANK), example.context.count(BLANK)
    n_around = len(example.context) - n_blanks * len(BLANK)
    return (sentence[start : start + (len(sentence) - n_around) // n_blanks] for sentence in example.sentences)


def _ways(model: "LoadedModel", params: StereoSetParams) -> Mapping[str, Way]:
    if params.kind not in KINDS:
        raise InvalidParameter(f"kind is '{params.kind}'; it must be {' or '.join(KINDS)}.")
    if params.kind == KINDS[1]:
        if model.kind == "encoder":
            require(model, "next-sentence")
        way = _NEXT_SENTENCE if model.kind == "encoder" else _CONDITIONAL
        both = {"official": way, "repaired": way}  # no sentence to fill, so there is nothing to repair
        return ways_of(model, encoder=both, decoder=both)
    if model.kind == "decoder" and not variants.has_start(model):
        raise InvalidParameter(f"{model.id} has no token to begin a text with, which StereoSet needs. Choose another.")
    encoder = {
        "official": variants.by_items(_filled_in, note=_MASKED_NOTE, unit="probability"),
        "repaired": variants.by_items(_filled_in_place, note=_MASKED_NOTE, unit="probability"),
    }
    return ways_of(model, encoder=encoder, decoder={"official": _FROM_THE_LEFT, "repaired": _FROM_THE_LEFT})


_MASKED_NOTE = "Mean probability of the pieces of the filler, each at a single mask after the pieces before it."


def _filled_in(model: "LoadedModel", items: Sequence[Item]) -> list[tuple[float, ...]]:
    return _filler_scores(model, items, is_in_place=False)


def _filled_in_place(model: "LoadedModel", items: Sequence[Item]) -> list[tuple[float, ...]]:
    return _filler_scores(model, items, is_in_place=True)


def _filler_scores(model: "LoadedModel", items: Sequence[Item], *, is_in_place: bool) -> list[tuple[float, ...]]:
    """Give three scores per row: the mean over a filler's pieces of the probability of each."""
    from lmviz.capture.readings import place_logits

    asked = [
        (owner, *one)
        for owner, (context, filler) in enumerate(
            (item.details[0], text) for item in items for text in item.details[1:]
        )
        for one in _pieces(model, context, filler, is_in_place=is_in_place)
    ]
    logits = place_logits(model, [encoding for _, encoding, _, _ in asked], places=[place for _, _, place, _ in asked])
    own = np.exp(log_softmax(logits)[np.arange(len(asked)), [piece for *_, piece in asked]])
    owners = np.array([owner for owner, *_ in asked])
    scores = (np.bincount(owners, weights=own) / np.bincount(owners)).reshape(-1, 3)  # (item, 3)
    return [tuple(map(float, row)) for row in scores]


def _pieces(
    model: "LoadedModel", context: str, filler: str, *, is_in_place: bool
) -> Iterator[tuple["Encoding", int, int]]:
    """Give for each piece of a filler: the context with the pieces before it and a mask, where, and the piece."""
    from lmviz.capture.tokens import encode

    tokenizer = model.tokenizer
    has_space = is_in_place and context[: context.index(BLANK)].endswith(" ")
    spaced = f" {filler}" if has_space else filler  # a vocabulary may tell words inside a sentence from others
    ids = tokenizer(spaced, add_special_tokens=False, verbose=False)["input_ids"]
    if not ids:
        raise InvalidParameter(f"{model.id} has no tokens for '{filler[:40]}', so it cannot fill the blank.")
    for number, piece in enumerate(ids):
        before = tokenizer.decode(ids[:number])
        text = context.replace(BLANK, f"{before.lstrip() if has_space else before}{tokenizer.mask_token}")
        encoding = encode(model, text)
        yield encoding, encoding.table.ids.index(tokenizer.mask_token_id), int(piece)


def _next_sentence(model: "LoadedModel", items: Sequence[Item]) -> list[tuple[float, ...]]:
    """Give the probability that each sentence followed the context, by BERT's second head."""
    from lmviz.capture.heads import head_outputs
    from lmviz.capture.tokens import encode

    scores = []
    for item in items:
        found = (
            head_outputs(model, encode(model, item.details[0], text), "seq_relationship_logits", "logits")
            for text in item.texts
        )
        scores.append(tuple(float(np.exp(log_softmax(next(iter(said.values()))[None])[0, 0])) for said in found))
    return scores


def _geometric_mean(model: "LoadedModel", texts: Sequence[str]) -> list[float]:
    return [float(np.exp(value)) for value in variants.as_bias_bench(model, texts)]


def _after_context(model: "LoadedModel", item: Item) -> Plan:
    """Score the tokens of each sentence after the context."""
    from lmviz.capture.batches import Copy
    from lmviz.capture.tokens import encode

    sides, context = [], item.details[0]
    for text in item.texts:
        encoding = encode(model, f"{context} {text}")
        plain = variants.plain_positions(encoding.table)
        asked = tuple(place for place in plain if encoding.table.spans[place][1] > len(context))
        sides.append(Side((Copy(encoding, asked=asked),), mean))
    return tuple(sides)


_NEXT_SENTENCE = variants.by_items(
    _next_sentence, note="Probability that the sentence follows the context.", unit="probability"
)
_FROM_THE_LEFT = variants.by_texts(
    _geometric_mean,
    note="Geometric mean of the tokens' probabilities, the first after the start token, the rest without it.",
    unit="probability",
)
_CONDITIONAL = planned(
    _after_context,
    note=(
        "Mean log-probability of the sentence's tokens after the context. This is lmviz's own: the authors trained a "
        "next-sentence head for decoders, whose weights are not public."
    ),
)


def summarise(scores: Sequence[ItemScore], way: Way) -> TripleScores:
    """Give the language model score, the stereotype score and ICAT, in per cent, over all examples and by domain.

    `lms`, `ss` and `icat` are averages over target terms, as published; `micro_` ones are over examples.

    Args:
        scores: The rows, with three scores each.
        way: How they were scored.

    Returns:
        Pairs of stereotype and anti-stereotype; clusters are the target terms.
    """
    whole = summarise_pairs(scores, way)
    parts = {
        name: _with_scores(part, [one for one in scores if one.item.category == name], way)
        for name, part in whole.by_category.items()
    }
    unrelated_texts = tuple(score.item.texts[2] for score in scores)
    return replace(_with_scores(whole, scores, way), by_category=parts, unrelated_texts=unrelated_texts)


def _with_scores(part: PairScores, scores: Sequence[ItemScore], way: Way) -> TripleScores:
    more, less, other = (compared(scores, way, place=place) for place in range(3))
    macro = official_scores(more, less, other, [score.item.cluster for score in scores])
    micro = {f"micro_{name}": value for name, value in _named(micro_scores(more, less, other)).items()}
    own = with_numbers(part, {**_named(macro), **micro, "n_terms": float(macro.n_terms)})
    values = {item.name: getattr(own, item.name) for item in fields(PairScores)}
    return TripleScores(**values, unrelated=other.astype(np.float32))


def _named(found: StereoSetScores) -> dict[str, float]:
    return {"lms": found.lms, "ss": found.ss, "icat": found.icat}


BENCHMARK = Benchmark("stereoset", "StereoSet", _files, _read, _ways, summarise, first="the stereotypical sentence")
ANALYSIS = analysis(
    BENCHMARK,
    StereoSetParams,
    reference="https://arxiv.org/abs/2004.09456",
    caution=(
        "Many examples state no stereotype, or several things at once (Blodgett et al., 2021); few target terms carry "
        "many examples each, so the interval over terms is the one to read. The number is a preference on this "
        "benchmark."
    ),
)
