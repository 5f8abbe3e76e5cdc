"""Results of every type on any tokens, made on the spot: what the tests of figures draw."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from lmviz.results import (
    Alignment,
    AnswerSpan,
    AnswerSpans,
    AttentionPattern,
    BiasLocalisation,
    CodelengthCurve,
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
    TokenTable,
)
from lmviz.results.localisation import EffectGrid

INJECTION = "</script><script>window.injected=1</script>"
TEXTS: dict[str, tuple[str, ...]] = {
    "empty": (),
    "one token": (" cat",),
    "markup": ("[CLS]", "<b>bold</b>", INJECTION, "<img src=x onerror=window.injected=1>", "&lt;", "[SEP]"),
    "special": ("<|endoftext|>", "Ġ", "Ġcat", "##ing", "▁the", "$x_1$", "\\n", "\\u003c", "'\"`"),
    "emoji": ("😀", "👩\u200d👩\u200d👧", "\U0001f469\U0001f3fd", "\u200d", "\ufe0f"),
    "chinese": ("中", "文", "注意力"),
    "right to left": (" مرحبا", "##بالعالم", " שלום"),
    "same word": (" same",) * 5,
    "blanks": ("\n", "\t", " ", "", "\u00a0", "\x00", "\x1b", "\ud800", "\u200b"),
    "long": ("a" * 400, "b"),
    "512": tuple(f" w{i}" for i in range(512)),
}
PROVENANCE = {"model": "tiny <i>", "revision": "53aa51172d14", "parameters": {"text": INJECTION}}
LAYERS, HEADS, DIMENSIONS = 2, 3, 8


def table(tokens: Sequence[str], *, segment_b: int | None = None) -> TokenTable:
    """Give a table for tokens; from position `segment_b` on they belong to the second segment."""
    size = len(tokens)
    return TokenTable(
        text=" ".join(tokens), text_pair=None, ids=tuple(range(size)), tokens=tuple(tokens), raw=tuple(tokens),
        spans=tuple((i, i + 1) for i in range(size)), words=tuple(range(size)),
        segments=tuple(int(segment_b is not None and i >= segment_b) for i in range(size)),
        special=tuple(token.startswith("[") for token in tokens),
    )  # fmt: skip


def attention(
    tokens: Sequence[str], *, layers: int = LAYERS, heads: int = HEADS, segment_b: int | None = None
) -> AttentionPattern:
    """Give random attention whose rows sum to one."""
    size = len(tokens)
    scores = np.random.default_rng(0).normal(size=(layers, heads, size, size)) * 2
    weights = np.exp(scores)
    pattern = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    known = table(tokens, segment_b=segment_b)
    return AttentionPattern(tokens=tuple(tokens), pattern=pattern, table=known, provenance=PROVENANCE)


def products(tokens: Sequence[str], *, masked_from: int | None = None, query: int = 0) -> QueryKeyProducts:
    """Give products that make their scores and pattern; keys from `masked_from` on are masked."""
    size, scale = len(tokens), 0.25
    rng = np.random.default_rng(1)
    query_vector = rng.normal(size=DIMENSIONS).astype(np.float32)
    key_vectors = rng.normal(size=(size, DIMENSIONS)).astype(np.float32)
    added = np.zeros(size, dtype=np.float32)
    if masked_from is not None:
        added[masked_from:] = -np.inf
    scores = (query_vector * key_vectors).sum(axis=1) * scale + added
    weights = np.exp(scores - scores.max(initial=-1e30))
    return QueryKeyProducts(
        tokens=tuple(tokens), layer=1, head=2, query=query, query_vector=query_vector, key_vectors=key_vectors,
        products=query_vector * key_vectors, added=added, scores=scores, pattern=weights / weights.sum(), scale=scale,
        table=table(tokens), provenance=PROVENANCE,
    )  # fmt: skip


def token_matrix(tokens: Sequence[str]) -> TokenMatrix:
    """Give one number per query and key."""
    return TokenMatrix(tokens=tuple(tokens), values=attention(tokens).pattern[0, 0], provenance=PROVENANCE)


def token_scores(tokens: Sequence[str]) -> TokenScores:
    """Give one signed number per token, one of them not defined."""
    scores = np.random.default_rng(2).normal(size=len(tokens)).astype(np.float32)
    scores[1:2] = np.nan
    return TokenScores(
        tokens=tuple(tokens), scores=scores, target=INJECTION, residue=0.1, unit="logits", provenance=PROVENANCE
    )


def generated_scores(tokens: Sequence[str]) -> GeneratedScores:
    """Take the later half of the tokens for written ones, each with a number for every token before it."""
    size = len(tokens)
    n_source = (size + 1) // 2
    scores = np.random.default_rng(9).normal(size=(size - n_source, size)).astype(np.float32)
    scores[np.arange(size) >= n_source + np.arange(size - n_source)[:, None]] = np.nan
    each = np.ones(size - n_source, dtype=np.float32)
    return GeneratedScores(
        tokens=tuple(tokens), n_source=n_source, scores=scores, values=each, baseline_values=each, residues=each,
        unit="logit", method="input-x-gradient", table=table(tokens), note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def layer_position_grid(tokens: Sequence[str]) -> LayerPositionGrid:
    """Give one signed number per layer and position."""
    values = np.random.default_rng(3).normal(size=(LAYERS, len(tokens))).astype(np.float32)
    return LayerPositionGrid(tokens=tuple(tokens), values=values, unit="nats", provenance=PROVENANCE)


def layer_head_grid(tokens: Sequence[str]) -> LayerHeadGrid:
    """Give one number per layer and head, all not defined where there are no tokens."""
    values = np.random.default_rng(4).random((LAYERS, HEADS)).astype(np.float32)
    values[0, 0 if tokens else slice(None)] = np.nan
    if not tokens:
        values[:] = np.nan
    return LayerHeadGrid(values=values, unit="nats", note=" ".join(tokens), provenance=PROVENANCE)


def token_distributions(tokens: Sequence[str]) -> TokenDistributions:
    """Give the tokens themselves as candidates at the first few positions."""
    size = min(len(tokens), 8)
    probabilities = np.full((size, size), 1 / max(size, 1), dtype=np.float32)
    return TokenDistributions(
        tokens=tuple(tokens), positions=tuple(range(size)), candidates=(tuple(tokens[:size]),) * size,
        candidate_ids=np.zeros((size, size), dtype=np.int64), probabilities=probabilities,
        entropy=np.full(size, np.log(max(size, 1)), dtype=np.float32), provenance=PROVENANCE,
    )  # fmt: skip


def label_probabilities(tokens: Sequence[str]) -> LabelProbabilities:
    """Give the tokens themselves as labels."""
    size = len(tokens)
    return LabelProbabilities(
        labels=tuple(tokens), probabilities=np.full(size, 1 / max(size, 1), dtype=np.float32),
        logits=np.zeros(size, dtype=np.float32), kind="one of", note=INJECTION, table=table(tokens),
        provenance=PROVENANCE,
    )  # fmt: skip


def answer_spans(tokens: Sequence[str]) -> AnswerSpans:
    """Give every token the same share, and the first as the answer."""
    shares = np.full(len(tokens), 1 / max(len(tokens), 1), dtype=np.float32)
    spans = tuple(AnswerSpan(0, 0, token, 0.25) for token in tokens[:1])
    return AnswerSpans(
        tokens=tuple(tokens), start=shares, end=shares, spans=spans, no_answer=0.1, table=table(tokens),
        provenance=PROVENANCE,
    )  # fmt: skip


def mask_fillings(tokens: Sequence[str]) -> MaskFillings:
    """Give each token as a filling of two masks."""
    size = len(tokens)
    shares = np.full(size, 1 / max(size, 1), dtype=np.float32)
    return MaskFillings(
        tokens=tuple(tokens), positions=(0, 1), fillings=tuple((token, token) for token in tokens),
        filling_ids=np.zeros((size, 2), dtype=np.int64), joint=shares, independent=shares / 2, provenance=PROVENANCE,
    )  # fmt: skip


def continuation_tree(tokens: Sequence[str]) -> ContinuationTree:
    """Give the tokens as one continuation, each with one alternative."""
    size = len(tokens)
    parent = np.repeat(np.arange(size) * 2 - 2, 2)
    parent[:2] = -1
    return ContinuationTree(
        parent=parent.astype(np.int64), depth=np.repeat(np.arange(size), 2).astype(np.int64),
        token_ids=np.zeros(2 * size, dtype=np.int64), tokens=tuple(token for token in tokens for _ in range(2)),
        probability=np.tile([0.6, 0.2], size).astype(np.float32), rank=np.tile([0, 1], size).astype(np.int64),
        entropy=np.ones(2 * size, dtype=np.float32), is_chosen=(True, False) * size, text="".join(tokens),
        stop_reason="length", provenance=PROVENANCE,
    )  # fmt: skip


def difference(tokens: Sequence[str]) -> Difference:
    """Give signed numbers per token against others."""
    a = token_scores(tokens)
    b = TokenScores(tokens=a.tokens, scores=-a.scores, target="", residue=0.0, unit="nats")
    each = tuple((i,) for i in range(len(tokens)))
    aligned = Alignment(tuple(tokens), a=each, b=each, special=(False,) * len(tokens), unit="token")
    return Difference(
        a=a, b=b, delta=b.scores - a.scores, compared="scores", tokens_a=a.tokens, tokens_b=b.tokens,
        alignment=aligned, numbers={"change": 0.5}, note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def layer_matrix(tokens: Sequence[str]) -> LayerMatrix:
    """Give one number per pair of layers."""
    values = np.random.default_rng(5).random((LAYERS, LAYERS)).astype(np.float32)
    return LayerMatrix(values=values, unit="CKA", n_units=len(tokens), note=" ".join(tokens), provenance=PROVENANCE)


def row_answers(tokens: Sequence[str]) -> RowAnswers:
    """Give a row for each token, one of them broken."""
    good = [RowAnswer(n, text, "", text, INJECTION, 0.5, 0.25, n / 10) for n, text in enumerate(tokens, start=2)]
    rows = (*good, RowAnswer(len(good) + 2, "", "", problem="Line 9: it is no valid JSON."))
    return RowAnswers(
        rows=rows, task="tokens", value="probability", disagreement="divergence", provenance=PROVENANCE
    )  # fmt: skip


def layer_curve(tokens: Sequence[str]) -> LayerCurve:
    """Give one series per token."""
    values = {token: np.array([0.2, 0.9, np.nan, 0.4], dtype=np.float32) for token in tokens}
    edges = [{name: own + step for name, own in values.items()} for step in (np.float32(-0.1), np.float32(0.1))]
    return LayerCurve(
        layers=(0, 1, 2, 3), n_layers=3, series=values, low=edges[0], high=edges[1], unit="bits",
        baselines={"majority": 0.3}, note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def codelength_curve(tokens: Sequence[str]) -> CodelengthCurve:
    curve = layer_curve(tokens)
    given = {item.name: getattr(curve, item.name) for item in fields(curve)}
    codes = {name: np.tile(values[:, None], 2) for name, values in curve.series.items()}
    return CodelengthCurve(
        **given, compression=np.ones(4, dtype=np.float32), codes=codes, sizes=np.array([3, 9]),
        learning={name: np.ones((4, 2), dtype=np.float32) for name in tokens},
    )  # fmt: skip


def layer_scatter(tokens: Sequence[str]) -> LayerScatter:
    n = len(tokens)
    return LayerScatter(
        layer=1, places=np.random.default_rng(3).normal(size=(n, 2)).astype(np.float32), axes=("one", "two"),
        labels=tuple(tokens), label=np.arange(n), forms=tuple(tokens), texts=tuple(tokens), text_of=np.arange(n),
        note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def direction_effect(tokens: Sequence[str]) -> DirectionEffect:
    values = np.random.default_rng(3).normal(size=len(tokens)).astype(np.float32)
    shares = np.full(len(tokens), 0.5, dtype=np.float32)
    return DirectionEffect(
        conditions=tuple(tokens), surprisal=values, change=values, low=values - np.float32(0.1),
        high=values + np.float32(0.1), p=shares, fixed=shares, refitted=shares, removed=shares, majority=0.5, n_train=9,
        n_test=9, n_texts=9, how="probe", layer=1, rank=1, note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def head_parsing(tokens: Sequence[str]) -> HeadParsing:
    n = len(tokens)
    shares = {
        name: np.full(n, 0.5, dtype=np.float32)
        for name in (
            "accuracy", "low", "high", "offset_accuracy", "offset_low", "offset_high", "difference", "difference_low",
            "difference_high", "p_adjusted", "p_any_head", "random_accuracy", "random_low", "random_high",
        )
    }  # fmt: skip
    counts = {
        name: np.zeros(n, dtype=np.int64)
        for name in (
            "n", "n_dev", "direction", "layer", "head", "offset", "random_direction", "random_layer", "random_head",
        )
    }  # fmt: skip
    return HeadParsing(
        relations=tuple(tokens), directions=("up", "down"), **shares, **counts, note=INJECTION, provenance=PROVENANCE
    )


def probe_curve(tokens: Sequence[str]) -> ProbeCurve:
    curve, n = layer_curve(tokens), len(tokens)
    given = {item.name: getattr(curve, item.name) for item in fields(curve)} | {"unit": "share"}
    return ProbeCurve(
        **given, task="upos", probe="linear", item="word", labels=tuple(dict.fromkeys(tokens)), texts=tuple(tokens),
        text_of=np.arange(n), spans=np.zeros((n, 1, 2), dtype=np.int64), forms=tuple(tokens),
        label=np.zeros(n, dtype=np.int64), predicted=np.zeros((4, n), dtype=np.int64),
        confidence=np.full((4, n), 0.5, dtype=np.float32), probability=np.full((4, n), 0.5, dtype=np.float32),
        information=np.zeros(4, dtype=np.float32),
    )  # fmt: skip


def grammar_scores(tokens: Sequence[str]) -> GrammarScores:
    whole = pair_scores(tokens)
    parts = {name: replace(part, by_category={name: part, "other": part}) for name, part in whole.by_category.items()}
    references = {"people": dict.fromkeys(("all", *tokens), 0.9)}
    given = {item.name: getattr(whole, item.name) for item in fields(whole)} | {"by_category": parts}
    return GrammarScores(**given, paradigms=whole.categories, references=references)


def pair_scores(tokens: Sequence[str]) -> PairScores:
    """Give one pair and one category per token."""
    more = np.random.default_rng(6).normal(0.3, 1, size=len(tokens)).astype(np.float32)
    wins = int((more > 0).sum())

    def part(size: int, n_wins: int) -> dict[str, Any]:
        scores = {"more": more[:size], "less": np.zeros(size, dtype=np.float32), "n": size, "ties": 0}
        return {**scores, "preference": n_wins / size if size else float("nan"), "interval": (0.2, 0.9)}

    return PairScores(
        **part(len(tokens), wins), skipped=1, categories=tuple(tokens), texts=tuple((text, "b") for text in tokens),
        by_category={token: PairScores(**part(1, 1), cluster_interval=(0.1, 1.0)) for token in tokens},
        numbers={"icat": 69.6}, note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def bias_localisation(tokens: Sequence[str]) -> BiasLocalisation:
    """Give heads and one more grid, some told from chance; nothing is known where there are no tokens."""
    rng = np.random.default_rng(7)
    values = (rng.normal(size=(LAYERS, HEADS)) if tokens else np.full((LAYERS, HEADS), np.nan)).astype(np.float32)
    p = np.where(np.isnan(values), np.nan, np.linspace(0, 0.2, values.size).reshape(values.shape)).astype(np.float32)
    ends = {"low": values - 1, "high": values + 1, "p_adjusted": p}
    ratios = {"ratios": values, "ratios_low": values - 1, "ratios_high": values + 1}
    grid = EffectGrid(columns=("changed", "answer", "all"), values=values, **ends, **ratios)
    numbers = {f"{name}{end}": 0.5 for name in ("margin", "total_effect") for end in ("", "_low", "_high")}
    return BiasLocalisation(
        values=values, unit="nats", **ends, method="patching", n=len(tokens), skipped=1, numbers=numbers,
        grids={"indirect": grid, "direct": grid, "mlp_out": grid}, note=" ".join(tokens), provenance=PROVENANCE,
    )  # fmt: skip


def concept_removal(tokens: Sequence[str]) -> ConceptRemoval:
    """Give one condition per token, the numbers of one of them not there."""
    size = len(tokens)
    shares = np.random.default_rng(8).random(size).astype(np.float32)
    shares[2:3] = np.nan
    names = (
        "effect", "effect_low", "effect_high", "difference", "difference_low", "difference_high", "p_difference",
        "p_preference", "surprisal", "linear_probe", "linear_low", "linear_high", "mlp_probe", "mlp_low", "mlp_high",
        "removed",
    )  # fmt: skip
    return ConceptRemoval(
        conditions=tuple(tokens), scores=(pair_scores(()),) * size, preference=shares, low=shares - 0.1,
        high=shares + 0.1, **dict.fromkeys(names, shares), majority=0.5 if size else float("nan"), n_train=4, n_test=2,
        method="leace", layer=1, rank=1, note=INJECTION, provenance=PROVENANCE,
    )  # fmt: skip


def faithfulness(tokens: Sequence[str]) -> Faithfulness:
    """Give two attributions of the tokens, one of which has no residue."""
    n, size = 2, len(tokens)
    fractions = np.linspace(0, 1, size + 1, dtype=np.float32)
    generator = np.random.default_rng(9)
    rows = generator.normal(size=(n + 10, size + 1)).astype(np.float32)
    numbers = rows[:, 0]
    own = np.array([0.01, np.nan], dtype=np.float32)
    return Faithfulness(
        methods=("integrated-gradients", "erasure")[: n if size else 0], titles=("Integrated gradients", "Erasure"),
        players=tuple(tokens), orders=("Integrated gradients", "Erasure", *(f"random {draw}" for draw in range(10))),
        target=INJECTION, unit="logit", value=3.0, baseline_value=1.0,
        scores=generator.normal(size=(n, size)).astype(np.float32), fractions=fractions, deletion=rows,
        insertion=rows[:, ::-1].copy(), deletion_area=numbers, insertion_area=numbers, comprehensiveness=numbers,
        sufficiency=numbers, p_deletion=own, p_insertion=own, agreement=np.eye(n, dtype=np.float32),
        shared_top=np.eye(n, dtype=np.int64), n_top=2, residues=own, doubling=own, other_baseline=own,
        randomised=np.zeros((n, 3), dtype=np.float32), chance=0.4, verdicts=("holds up", "do not rely on it"),
        reasons=((INJECTION,), ("Its deletion curve is no better than random orders (p = 0.3).",)), note=INJECTION,
        provenance=PROVENANCE,
    )  # fmt: skip


MAKERS: dict[str, Callable[[Sequence[str]], Result]] = {
    "AttentionPattern": attention,
    "TokenMatrix": token_matrix,
    "TokenScores": token_scores,
    "LayerPositionGrid": layer_position_grid,
    "LayerHeadGrid": layer_head_grid,
    "BiasLocalisation": bias_localisation,
    "TokenDistributions": token_distributions,
    "QueryKeyProducts": products,
    "LabelProbabilities": label_probabilities,
    "AnswerSpans": answer_spans,
    "MaskFillings": mask_fillings,
    "ContinuationTree": continuation_tree,
    "Difference": difference,
    "LayerMatrix": layer_matrix,
    "PairScores": pair_scores,
    "LayerCurve": layer_curve,
    "ProbeCurve": probe_curve,
    "HeadParsing": head_parsing,
    "DirectionEffect": direction_effect,
    "LayerScatter": layer_scatter,
    "CodelengthCurve": codelength_curve,
    "GrammarScores": grammar_scores,
    "RowAnswers": row_answers,
    "ConceptRemoval": concept_removal,
    "Faithfulness": faithfulness,
    "GeneratedScores": generated_scores,
}
