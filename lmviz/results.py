"""The few shapes that answers come in: frozen, NumPy on the host, read-only, picklable."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64

Provenance = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """An invariant that was computed on this model and input; the page shows it as a badge.

    `sentence` carries the number ("rows sum to 1 within 2e-7"), `meaning` what a failure means for the reader.
    """

    slug: str
    sentence: str
    passed: bool
    value: float
    limit: float
    meaning: str


def _plain(value: Any) -> Any:
    """Turn a field into what JSON knows; NaN and infinities become None."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (TokenTable, AnswerSpan)):
        value = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.to_dict() if isinstance(value, Result) else value


@dataclass(frozen=True)
class TokenTable:
    """The tokens of one input, special ones included, and where in the text they come from.

    Every field but the texts has one entry per position.
    """

    text: str
    text_pair: str | None
    ids: tuple[int, ...]
    tokens: tuple[str, ...]  # as a person reads them: ' cat', '##ing', '中', '[CLS]'; stray bytes as '\\xe4'
    raw: tuple[str, ...]  # as the vocabulary spells them: 'Ġcat', '▁cat'
    spans: tuple[tuple[int, int], ...]  # characters of text (segment 0) or text_pair (segment 1)
    words: tuple[int, ...]  # running word number over both segments, -1 for special tokens
    segments: tuple[int, ...]  # 0 for text and its special tokens, 1 for text_pair
    special: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain lists and strings."""
        return dict(_plain(self))


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """What every answer has: where it comes from, and plain forms of it."""

    provenance: Provenance = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, item.name, _frozen(value))
            elif isinstance(value, Mapping) and any(isinstance(x, np.ndarray) for x in value.values()):
                object.__setattr__(self, item.name, {k: _frozen(v) for k, v in value.items()})

    def to_dict(self) -> dict[str, Any]:
        """Give type and fields in forms that JSON knows; NaN becomes null."""
        plain = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        return {"type": type(self).__name__, **plain}

    def to_frame(self) -> pd.DataFrame:
        """Give one row per number (tidy)."""
        raise NotImplementedError


def _frozen(array: np.ndarray) -> np.ndarray:
    """Make an array read-only; floats become float32. The caller's own array stays as it was."""
    wanted = np.float32 if array.dtype.kind == "f" else array.dtype
    frozen = np.asarray(array, dtype=wanted).view()
    frozen.setflags(write=False)
    return frozen


def _tidy(values: np.ndarray, axes: Mapping[str, Any], name: str) -> pd.DataFrame:
    """Flatten an array to one row per entry, with one column per axis."""
    grids = np.meshgrid(*[np.arange(size) for size in values.shape], indexing="ij")
    columns = {axis: grid.ravel() for axis, grid in zip(axes, grids, strict=True)}
    for axis, labels in axes.items():
        if labels is not None:
            columns[f"{axis}_token"] = np.asarray(labels, dtype=object)[columns[axis]]
    return pd.DataFrame({**columns, name: values.ravel()})


@dataclass(frozen=True, eq=False)
class AttentionPattern(Result):
    """Attention after the softmax, or anything else with one number per layer, head, query and key."""

    tokens: tuple[str, ...]  # the queries' tokens
    pattern: Float32[np.ndarray, "layer head query key"]
    key_tokens: tuple[str, ...] | None = None  # None: the same as tokens; cross attention has others
    table: TokenTable | None = None
    key_table: TokenTable | None = None
    part: str = "encoder"  # encoder, decoder or cross

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer, head, query and key."""
        keys = self.tokens if self.key_tokens is None else self.key_tokens
        axes = {"layer": None, "head": None, "query": self.tokens, "key": keys}
        return _tidy(self.pattern, axes, "pattern")


@dataclass(frozen=True, eq=False)
class TokenMatrix(Result):
    """One number per query and key."""

    tokens: tuple[str, ...]
    values: Float32[np.ndarray, "query key"]
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per query and key."""
        return _tidy(self.values, {"query": self.tokens, "key": self.tokens}, "value")


@dataclass(frozen=True, eq=False)
class TokenScores(Result):
    """One signed number per token, in `unit`; `residue` is what the tokens do not explain.

    NaN where it is not defined, and `note` says why.
    """

    tokens: tuple[str, ...]
    scores: Float32[np.ndarray, " position"]
    target: str
    residue: float
    unit: str
    table: TokenTable | None = None
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per position."""
        return _tidy(self.scores, {"position": self.tokens}, "score")


@dataclass(frozen=True, eq=False)
class LayerPositionGrid(Result):
    """One number per layer and position, in `unit`."""

    tokens: tuple[str, ...]
    values: Float32[np.ndarray, "layer position"]
    unit: str
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and position."""
        return _tidy(self.values, {"layer": None, "position": self.tokens}, "value")


@dataclass(frozen=True, eq=False)
class LayerHeadGrid(Result):
    """One number per layer and head, in `unit`; NaN where it is not defined, and `note` says why."""

    values: Float32[np.ndarray, "layer head"]
    unit: str
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and head."""
        return _tidy(self.values, {"layer": None, "head": None}, "value")


@dataclass(frozen=True, eq=False)
class TokenDistributions(Result):
    """The most probable tokens at some positions; probabilities are natural, best first."""

    tokens: tuple[str, ...]
    positions: tuple[int, ...]
    candidates: tuple[tuple[str, ...], ...]
    candidate_ids: Int64[np.ndarray, "position candidate"]
    probabilities: Float32[np.ndarray, "position candidate"]
    entropy: Float32[np.ndarray, " position"]  # of the whole distribution, in nats
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per position and candidate, with its rank from 0."""
        frame = _tidy(self.probabilities, {"position": None, "rank": None}, "probability")
        row, rank = frame["position"].to_numpy(), frame["rank"].to_numpy()
        frame["candidate"] = [self.candidates[r][c] for r, c in zip(row, rank, strict=True)]
        frame["candidate_id"] = self.candidate_ids[row, rank]
        frame["position"] = np.asarray(self.positions, dtype=np.int64)[row]
        return frame


@dataclass(frozen=True, eq=False)
class LabelProbabilities(Result):
    """What a head says about a whole input, label by label.

    `kind` is "one of" (the labels share one), "each" (each has a probability of its own) or "value" (`logits` are
    values, probabilities are NaN and `note` says so).
    """

    labels: tuple[str, ...]
    probabilities: Float32[np.ndarray, " label"]
    logits: Float32[np.ndarray, " label"]
    kind: str
    note: str = ""
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per label."""
        columns = {"label": self.labels, "probability": self.probabilities, "logit": self.logits}
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class AnswerSpan:
    """A stretch of the text that may be the answer: its first and last position, and the probability of just these."""

    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class AnswerSpans(Result):
    """Where in a text the answer to a question may begin and end; `spans` are the most probable, best first.

    `start` and `end` are shares of one over the tokens of the text, zero elsewhere. `no_answer` is the share of the
    first position, [CLS], when it competes with them as it does in models trained on questions without answers; NaN
    where there is no [CLS].
    """

    tokens: tuple[str, ...]
    start: Float32[np.ndarray, " position"]
    end: Float32[np.ndarray, " position"]
    spans: tuple[AnswerSpan, ...]
    no_answer: float
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per position."""
        frame = _tidy(self.start, {"position": self.tokens}, "start")
        return frame.assign(end=self.end)


@dataclass(frozen=True, eq=False)
class QueryKeyProducts(Result):
    """What makes the scores of one query in one head: q times k, dimension by dimension.

    `scores` = `products` summed over dimensions times `scale`, passed through the soft cap where the model has one,
    plus `added` (mask, position bias). Rotary models: vectors are the rotated ones.
    """

    tokens: tuple[str, ...]
    layer: int
    head: int
    query: int
    query_vector: Float32[np.ndarray, " dimension"]
    key_vectors: Float32[np.ndarray, "key dimension"]
    products: Float32[np.ndarray, "key dimension"]
    added: Float32[np.ndarray, " key"]
    scores: Float32[np.ndarray, " key"]
    pattern: Float32[np.ndarray, " key"]
    scale: float
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per key and dimension."""
        return _tidy(self.products, {"key": self.tokens, "dimension": None}, "product")


def is_punctuation(text: str) -> bool:
    """Say whether a token is nothing but punctuation, blanks around it apart; an empty one is not."""
    bare = text.strip()
    return bool(bare) and all(unicodedata.category(character).startswith("P") for character in bare)
