"""From the selection to what the attention page draws: one pass per text, everything else from what is remembered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lmviz.analyses import ANALYSES
from lmviz.analyses.attention import attention_rollout, head_statistics, maximum_flow, selecting
from lmviz.analyses.base import Progress, ignore
from lmviz.capture import budget, tokens
from lmviz.errors import NotForThisModel
from lmviz.figures.attention_payload import (
    ExplorerWords,
    HeadStatistic,
    PipeAddress,
    explorer_payload,
    payload_header,
    pipe_payload,
)
from lmviz.figures.provenance import caption
from lmviz.results import AttentionPattern, Check, QueryKeyProducts, TokenMatrix, TokenTable
from lmviz.ui import memory
from lmviz.ui.selection import Selection
from lmviz.ui.view import Extent, View

CHANNEL = "attention"
SLUGS = {"attention": "attention-pattern", "value-weighted": "value-weighted-attention"}
NAMES = {"attention": "Attention pattern", "value-weighted": "Value-weighted attention"}
ANNOUNCED_SECONDS = 2.0
FEW = 3
FOLLOWED = {"rollout": "attention-rollout", "flow": "attention-flow"}  # kinds of picture that follow tokens up
SIMPLE = ("head", "mean", "max")  # kinds of picture that any numbers per query and key have


@dataclass(frozen=True, eq=False)
class Look:
    """A text read by a model: the numbers, what is said about each head, and the bytes for the browser."""

    result: AttentionPattern
    statistics: dict[str, HeadStatistic]
    words: ExplorerWords
    checks: tuple[Check, ...]
    payload: bytes
    payload_id: str
    seconds: float
    lacks: tuple[str, ...]

    @property
    def tables(self) -> tuple[TokenTable, TokenTable]:
        """Tokens of the queries and of the keys."""
        table = self.result.table
        if table is None:
            raise TypeError("A look at a text has its tokens.")
        return table, self.result.key_table or table

    @property
    def extent(self) -> Extent:
        """How much there is to see."""
        layers, heads, queries, keys = self.result.pattern.shape
        return Extent(layers, heads, queries, keys, statistics=tuple(self.statistics))

    def habits(self, view: View) -> dict[str, float]:
        """Give the share of the open head's attention on each kind of place, as in "at the position before"."""
        ids = self.tables[0].ids
        is_rare = len(ids) - len(set(ids)) < FEW  # an average over one or two repeated tokens is no habit
        rare = ("induction", "duplicate_token") if is_rare else ()
        shares = (item for slug, item in self.statistics.items() if item.grid.unit == "share" and slug not in rare)
        return {item.explain: float(item.grid.values[view.layer, view.head]) for item in shares}


def key_of(selection: Selection) -> memory.Key:
    """Name what is read, by whom and which part; nothing about how it is looked at."""
    chosen = selection
    return (chosen.model, chosen.dtype, chosen.device, chosen.part, chosen.what, *chosen.all_texts)


def look(model: Any, selection: Selection) -> Look:
    """Read the text, or remember what was read.

    Raises:
        LmvizError: The text cannot be read by this model, or it would take more memory than allowed.
    """
    return memory.result(("look", *key_of(selection)), lambda: _look(model, selection))


def remembered(selection: Selection) -> Look | None:
    """Give what was read of this text, if it is still in memory; needs no model."""
    found: Look | None = memory.RESULTS.peek(("look", *key_of(selection)))
    return found


def announcement(model: Any, selection: Selection) -> str:
    """Say what a long job will take, before it runs; nothing for a short one.

    Raises:
        LmvizError: The text is empty, too long for this model, or would take more memory than allowed.
    """
    encoding = tokens.encode(model, selection.text, selection.texts.get("text_pair"))
    needs = ANALYSES[SLUGS[selection.what]].needs
    expected = budget.check(model, len(encoding.table), places=needs, part=_part(model, selection))
    if expected.seconds < ANNOUNCED_SECONDS:
        return ""
    return f"{len(encoding.table)} tokens: {expected}"


def _look(model: Any, selection: Selection) -> Look:
    analysis = ANALYSES[SLUGS[selection.what]]
    timed = memory.timed(lambda: analysis.answer(model, _given(model, selection)))
    result: AttentionPattern = timed.value
    if selection.what == "attention":
        statistics = _statistics(result)
    else:  # heads are sorted by what their attention does, whatever is drawn
        statistics = look(model, replace(selection, what="attention")).statistics
    words = ExplorerWords(
        model=model.entry.id,
        what=NAMES[selection.what],
        caption=caption(result),
        file_name=file_name(result),
        offers=offers(part=result.part, what=selection.what),
    )
    payload = explorer_payload(result, statistics, channel=CHANNEL, words=words)
    return Look(
        result=result,
        statistics=statistics,
        words=words,
        checks=analysis.check(result),
        payload=payload,
        payload_id=str(payload_header(payload)["id"]),
        seconds=timed.seconds,
        lacks=tuple(model.lacks),
    )


def offers(*, part: str, what: str) -> tuple[str, ...]:
    """Give the kinds of picture there are: rollout and flow need shares, and the same tokens on both sides."""
    return (*SIMPLE, *FOLLOWED) if what == "attention" and part != "cross" else SIMPLE


def _refusal(look_: Look, shown: str) -> str:
    name = {"max": "Maximum"}.get(shown, shown.capitalize())
    if look_.result.part == "cross":
        return (
            f"{name} follows tokens through layers, so queries and keys must be the same tokens; cross attention has "
            "others. Choose the encoder or the decoder; the open head is shown meanwhile."
        )
    return (
        f"{name} follows shares of attention, which sum to one; value-weighted numbers are lengths and do not. "
        "Choose Attention above the picture; the open head is shown meanwhile."
    )


def _part(model: Any, selection: Selection) -> str:
    return selection.part if selection.part in model.parts else str(model.parts[0])


def _given(model: Any, selection: Selection) -> dict[str, Any]:
    """Give the parameters that all attention analyses share."""
    given = {**selection.texts, "part": _part(model, selection)}
    if model.kind != "encoder-decoder":
        given.pop("target_text", None)  # kept for the next encoder-decoder
    return given


def file_name(result: AttentionPattern) -> str:
    """Give a stem for files that hold this result."""
    model = str(result.provenance.get("model", "model")).rsplit("/", maxsplit=1)[-1]
    return "".join(
        letter if letter.isalnum() or letter in "-_." else "-" for letter in f"{model}-{result.part}-attention"
    )


def _statistics(result: AttentionPattern) -> dict[str, HeadStatistic]:
    if result.table is None:
        return {}
    grids = head_statistics.all_statistics(result.pattern, result.table, key_table=result.key_table)
    known = head_statistics.STATISTICS
    return {slug: HeadStatistic(known[slug].title, known[slug].explain, grid) for slug, grid in grids.items()}


def matrix(look_: Look, selection: Selection, *, on_progress: Progress = ignore) -> tuple[np.ndarray, str]:
    """Give what the head panel shows, from the remembered numbers; never runs the model.

    Args:
        look_: What was read.
        selection: Its view says which head, or which aggregate of which heads.
        on_progress: Told now and then while a long aggregate is computed.

    Returns:
        The matrix and its name, as in L5H1 or "mean of 12 heads".

    Raises:
        LmvizError: This aggregate cannot be had here.
    """
    view = selection.view
    pattern = look_.result.pattern
    if view.shown == "head":
        return pattern[view.layer, view.head], view.name
    n_heads = pattern.shape[0] * pattern.shape[1] if view.chosen is None else len(view.chosen)
    heads = "all heads" if view.chosen is None else f"{n_heads} head{'s' * (n_heads != 1)}"
    name = {"max": "maximum"}.get(view.shown, view.shown)
    return aggregate(look_, selection, on_progress=on_progress).values, f"{name} of {heads}"


def aggregate(look_: Look, selection: Selection, *, on_progress: Progress = ignore) -> TokenMatrix:
    """Sum the chosen heads up as the view says, from the remembered numbers.

    Raises:
        LmvizError: This aggregate cannot be had here.
    """
    view, pattern = selection.view, look_.result.pattern
    if view.shown not in look_.words.offers:
        raise NotForThisModel(_refusal(look_, view.shown))

    def make() -> TokenMatrix:
        about = dict(look_.result.provenance)
        if view.shown == "flow":
            layers = selecting.mixed_with_identity(pattern, view.chosen)
            flow, about["error_bound"] = maximum_flow.bounded_flow(layers, on_progress=on_progress)
            values = flow.astype(np.float32)
        else:
            makers: dict[str, Callable[..., np.ndarray]] = {
                "mean": selecting.mean,
                "max": selecting.maximum,
                "rollout": attention_rollout.rollout,
            }
            values = makers[view.shown](pattern, view.chosen)
        return TokenMatrix(tokens=look_.result.tokens, values=values, table=look_.result.table, provenance=about)

    chosen = "" if view.chosen is None else ".".join(f"{layer}-{head}" for layer, head in view.chosen)
    found: TokenMatrix = memory.result(("aggregate", view.shown, chosen, *key_of(selection)), make)
    return found


def aggregate_checks(look_: Look, selection: Selection) -> tuple[Check, ...]:
    """Check the aggregate that is seen; a single head's checks are those of the look itself."""
    shown = selection.view.shown
    return ANALYSES[FOLLOWED[shown]].check(aggregate(look_, selection)) if shown in FOLLOWED else ()


def query_key(get_model: Callable[[], Any], selection: Selection, *, query: int) -> QueryKeyProducts:
    """Split the scores of one query in the open head; runs the model once per head and query.

    Args:
        get_model: Gives the model; called only when these scores are not remembered.
        selection: Its view says which head.
        query: Position of the token that looks.

    Raises:
        LmvizError: This model does not show its queries and keys.
    """
    view = selection.view

    def make() -> QueryKeyProducts:
        model = get_model()
        given = {**_given(model, selection), "layer": view.layer, "head": view.head, "query": query}
        answered: QueryKeyProducts = ANALYSES["query-key"].answer(model, given)
        return answered

    found: QueryKeyProducts = memory.result(("query-key", view.layer, view.head, query, *key_of(selection)), make)
    return found


def pipe(look_: Look, view: View, *, shown: tuple[np.ndarray, str], revision: int) -> bytes:
    """Pack the focused matrix for the browser."""
    address = PipeAddress(channel=CHANNEL, explorer_id=look_.payload_id, revision=revision)
    return pipe_payload(shown[0], view.to_json(), to=address, label=shown[1])
