"""What the compare page asks of two sides, remembered; and in what two models can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lmviz.analyses import ANALYSES
from lmviz.analyses.base import Progress, ignore
from lmviz.analyses.compare import cka
from lmviz.analyses.compare.compare import compare, compare_answers
from lmviz.analyses.compare.rows import tasks_for
from lmviz.analyses.compare.sides import Side
from lmviz.analyses.predictions.abilities import abilities
from lmviz.capture import budget
from lmviz.engine.local import gate
from lmviz.results import AttentionPattern, Difference, LayerHeadGrid, LayerMatrix, Result
from lmviz.ui import memory, selection
from lmviz.ui.predictions import Answer
from lmviz.ui.selection import Selection

CHARACTERS = 4.5  # of a token of English, about
IN_BATCHES = 0.5  # what a pass of several rows takes of the time of one pass for each, about
TITLES: Mapping[str, str] = {
    "token-distributions": "Expected tokens",
    "surprisal": "Surprisal",
    "generate": "Writing",
    "classify": "Labels",
    "next-sentence": "Next sentence",
    "tag-tokens": "Tags",
    "answer-span": "Answers",
    "attention-pattern": "Attention",
    "attention-rollout": "Rollout",
    "head-statistics": "Head statistics",
    "cka": "Layers",
    "attribution": "Attribution",
    "rows": "Many texts",
}
_NEEDS: Mapping[str, tuple[str, ...]] = {  # abilities of which each model must have one
    "token-distributions": ("fill-mask", "next-token"),
    "surprisal": ("surprisal",),
    "generate": ("generate",),
    "classify": ("classify",),
    "next-sentence": ("next-sentence",),
    "tag-tokens": ("tag-tokens",),
    "answer-span": ("answer-span",),
    "attribution": ("fill-mask", "next-token", "classify", "tag-tokens", "answer-span"),
}


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two models and what each reads, as the selection says."""

    a: Any
    b: Any
    chosen: Selection

    @property
    def is_same(self) -> bool:
        """Say whether there is nothing to compare: one model, one text."""
        return self.a is self.b and not self.has_own_text

    @property
    def has_own_text(self) -> bool:
        """Say whether B reads another text."""
        return bool(self.chosen.text_b.strip()) and self.chosen.text_b != self.chosen.text

    @property
    def texts(self) -> tuple[str, str]:
        """What A reads, and what B does."""
        return self.chosen.text, self.chosen.text_b if self.has_own_text else self.chosen.text

    @property
    def names(self) -> tuple[str, str]:
        """Say in a few words what A is and what B is: models where they differ, else the texts."""
        return (self.a.id, self.b.id) if self.a is not self.b else (_short(self.texts[0]), _short(self.texts[1]))

    @property
    def key(self) -> memory.Key:
        """Name both sides for the memory."""
        chosen = self.chosen
        return (self.a.id, self.b.id, chosen.dtype, chosen.device, chosen.text_pair, *self.texts)

    def side(self, which: int, slug: str, **more: Any) -> Side:
        """Give one side with the parameters of an analysis; 0 is A. The second text goes where one is taken."""
        takes = {item.name for item in fields(ANALYSES[slug].params)}
        has_pair = "text_pair" in takes and bool(self.chosen.text_pair.strip())
        pair = {"text_pair": self.chosen.text_pair} if has_pair else {}
        return Side((self.a, self.b)[which], {"text": self.texts[which], **pair, **more})


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line}”" if len(line) <= 60 else f"“{line[:59]}…”"


def pairing(a: Any, b: Any) -> Pairing:
    """Put two models together with what is selected."""
    return Pairing(a, b, selection.current())


def reasons(pair: Pairing) -> dict[str, str]:
    """Say of everything that can be compared why these two cannot; nothing where they can."""
    found = {slug: _reason(pair, slug) for slug in TITLES}
    tasks = tasks_for(pair.a, pair.b)
    return {**found, "rows": next(iter(tasks.values())) if all(tasks.values()) else ""}


def _reason(pair: Pairing, slug: str) -> str:
    needs = _NEEDS.get(slug, ())
    for model in (pair.a, pair.b) if needs else ():
        known = {ability.slug: ability for ability in abilities(model)}
        missing = [known[need].reason for need in needs if not known[need].is_available]
        if len(missing) == len(needs):
            return missing[0]
    if slug == "cka":
        lacking = next((model for model in (pair.a, pair.b) if not model.has_stream(model.parts[0])), None)
        return "" if lacking is None else f"It is not known where {lacking.id} keeps its residual stream."
    return ""


def ask(pair: Pairing, slug: str, *, given_b: Mapping[str, Any] | None = None, **given: Any) -> Answer:
    """Compare both sides in an analysis, or remember the comparison.

    Args:
        pair: The two sides.
        slug: The analysis.
        given_b: Parameters of B alone, in place of those of the same name.
        **given: Its parameters besides the texts.

    Raises:
        LmvizError: A side refuses, or they cannot be set side by side.
    """
    second = {**given, **(given_b or {})}
    key = ("compare", slug, repr(sorted(given.items())), repr(sorted(second.items())), *pair.key)

    def make() -> Answer:
        with gate(pair.a.device).entered():
            sides = pair.side(0, slug, **given), pair.side(1, slug, **second)
            timed = memory.timed(lambda: compare(*sides, analysis=ANALYSES[slug]))
        return Answer(timed.value, ANALYSES["compare"].check(timed.value), timed.seconds)

    return memory.result(key, make)


def heads(
    pair: Pairing, slug: str, *, pairs: tuple[str, ...] | None, on_progress: Progress = ignore, **given: Any
) -> Answer:
    """Compare attention or numbers per head; each side is asked once, whatever heads are then put together.

    Args:
        pair: The two sides.
        slug: An analysis that gives a pattern or a grid of heads.
        pairs: Which heads go together; None: those of the same name.
        on_progress: Told how far both sides are.
        **given: Its parameters besides the texts.

    Raises:
        LmvizError: A side refuses, or the heads cannot be paired.
    """
    left, right = (_one_side(pair, slug, which, given=given, on_progress=on_progress) for which in (0, 1))
    sides = pair.side(0, slug, **given), pair.side(1, slug, **given)
    key = ("heads", slug, repr(sorted(given.items())), ".".join(pairs or ()), *pair.key)

    def make() -> Answer:
        answers = left.value, right.value
        timed = memory.timed(
            lambda: compare_answers(*sides, analysis=ANALYSES[slug], answers=answers, head_pairs=pairs)
        )
        checks = ANALYSES["compare"].check(timed.value)
        return Answer(timed.value, checks, left.seconds + right.seconds + timed.seconds)

    return memory.result(key, make)


def _one_side(
    pair: Pairing, slug: str, which: int, *, given: Mapping[str, Any], on_progress: Progress
) -> memory.Timed[Result]:
    """Ask one side, or remember its answer."""
    side = pair.side(which, slug, **given)
    key = ("side", slug, repr(sorted(side.given.items())), side.model.id, pair.chosen.dtype, pair.chosen.device)

    def make() -> memory.Timed[Result]:
        with gate(side.model.device).entered():
            return memory.timed(lambda: ANALYSES[slug].answer(side.model, side.given, on_progress=on_progress))

    return memory.result(key, make)


def shapes(pair: Pairing, slug: str, **given: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Give layers and heads of both sides."""
    found = [_one_side(pair, slug, which, given=given, on_progress=ignore).value for which in (0, 1)]
    sizes = [
        one.pattern.shape if isinstance(one, AttentionPattern) else one.values.shape  # type: ignore[attr-defined]
        for one in found
    ]
    return sizes[0][:2], sizes[1][:2]


def head_differences(result: Difference) -> LayerHeadGrid:
    """Give the mean of |B − A| over queries and keys of each head."""
    values = np.asarray(np.nanmean(np.abs(result.delta), axis=(2, 3), dtype=np.float64), dtype=np.float32)
    return LayerHeadGrid(values=values, unit="mean |B − A|", provenance=result.provenance)


def layers(pair: Pairing, place: str) -> Answer:
    """Compare what the layers of both sides keep of each word, or remember it."""

    def make() -> Answer:
        texts = pair.texts
        second = pair.chosen.text_pair if pair.chosen.text_pair.strip() else None
        params = cka.Params(text=texts[0], text_b=texts[1], text_pair=second, place=place)
        with gate(pair.a.device).entered():
            timed = memory.timed(lambda: cka.layer_similarity(pair.a, pair.b, params=params))
        result: LayerMatrix = timed.value
        return Answer(result, ANALYSES["cka"].check(result), timed.seconds)

    return memory.result(("cka", place, *pair.key), make)


def seconds_for_rows(pair: Pairing, task: str, *, n_rows: int, n_characters: int) -> float:
    """Say about how long so many rows will take, from the length of a row and the speed of both models here."""
    n_tokens = max(4, round(n_characters / max(1, n_rows) / CHARACTERS))
    total = 0.0
    for model in (pair.a, pair.b):
        one = budget.estimate(model, n_tokens, places=()).seconds
        total += one * (n_tokens if task == "surprisal" and model.kind == "encoder" else 1)
    return total * n_rows * IN_BATCHES
