"""The preference after a prompt as one number: the log odds of two continuations, here and after the counterfactual."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lmviz.analyses.bias.items import Item
from lmviz.analyses.bias.localisation.tasks import Positions, Reading, Task, check_fits
from lmviz.errors import InvalidParameter, LengthsDiffer

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

MASK = "[MASK]"  # as files write it, whatever a model calls it
ROLES = ("changed", "answer", "others", "all")
STREAMS = ("mlp_out", "resid_pre")
PLACES = frozenset({"resid_pre", "mlp_out", "pattern"})


def plan(model: "LoadedModel", item: Item) -> Task:
    """Ask for both continuations after the prompt and after the counterfactual.

    A continuation of several tokens has the mean of their log-probabilities (Vig et al., 2020): those of a decoder each
    after the ones before it, those of an encoder all masked at once. A decoder reads up to where the answer is; for an
    encoder the answer stands at the end, before a full stop, where the prompt has no `[MASK]`.

    Args:
        model: An encoder or a decoder.
        item: Prompt, counterfactual, stereotypical and anti-stereotypical continuation.

    Returns:
        A task whose number is the log odds, anti-stereotypical against stereotypical, in nats.

    Raises:
        LengthsDiffer: Prompt and counterfactual have different numbers of tokens, or the answer elsewhere.
        InvalidParameter: The tokens of a continuation cannot be told from those beside it.
        LmvizError: A text is empty or too long.
    """
    prompt, counterfactual, *words = item.texts[:4]
    readings, others = (_readings(model, text, words) for text in (prompt, counterfactual))
    sizes = [tuple((len(one.encoding.table), one.places) for one in side) for side in (readings, others)]
    if sizes[0] != sizes[1]:
        where = [f"{size} tokens with the answer at position {places[0]}" for (size, places), *_ in sizes]
        raise LengthsDiffer(
            f"The prompt has {where[0]}, and the counterfactual has {where[1]}; patching pairs them one to one. Reword "
            "until they match."
        )
    check_fits(model, (*readings, *others), places=PLACES)
    roles = tuple(roles_of(own, other) for own, other in zip(readings, others, strict=True))
    return Task(item, readings, others, roles)


def roles_of(own: Reading, other: Reading) -> Mapping[str, Positions]:
    """Tell the positions of an input apart.

    "changed" are those whose token is another one in the counterfactual, "answer" those where the continuation is read
    off, unless they are changed, and "others" the rest.
    """
    pairs = list(zip(own.encoding.table.ids, other.encoding.table.ids, strict=True))
    changed = tuple(place for place, (mine, its) in enumerate(pairs) if mine != its)
    answer = tuple(place for place in own.logits_at if place not in changed)
    others = tuple(place for place in range(len(pairs)) if place not in (*changed, *answer))
    return {"changed": changed, "answer": answer, "others": others, "all": tuple(range(len(pairs)))}


def _readings(model: "LoadedModel", prompt: str, words: Sequence[str]) -> tuple[Reading, ...]:
    """Give the inputs that both continuations take: one where they can be read off the same."""
    from lmviz.capture.given_ids import of_ids
    from lmviz.capture.texts import check_text

    check_text(prompt, "The prompt")
    if prompt.count(MASK) > 1:
        raise InvalidParameter(f"'{prompt[:60]}' has {prompt.count(MASK)} places for an answer. Leave one {MASK}.")
    asked: dict[tuple[int, ...], list[tuple[int, int, float]]] = {}
    for word, sign in zip(words, (-1.0, 1.0), strict=True):
        own, places = _placed(model, prompt, word)
        ids, first = _input(model, own, places)
        triples = [(first + number, own.table.ids[at], sign / len(places)) for number, at in enumerate(places)]
        asked.setdefault(ids, []).extend(triples)
    return tuple(
        Reading(of_ids(model, ids, like=own), *map(tuple, zip(*triples, strict=True))) for ids, triples in asked.items()
    )


def _placed(model: "LoadedModel", prompt: str, word: str) -> tuple["Encoding", tuple[int, ...]]:
    """Put a continuation where it belongs, and find its tokens there."""
    from lmviz.capture.tokens import encode

    before, _, after = prompt.partition(MASK)
    if model.kind != "encoder":
        before, after = f"{before.rstrip()} ", ""
    elif MASK not in prompt:
        before, after = f"{prompt} ", "."
    bare = word.strip()
    own = encode(model, before + bare + after)
    start, end = len(before), len(before) + len(bare)
    spans = own.table.spans
    places = tuple(at for at, (first, last) in enumerate(spans) if first < end and last > start)
    covered = own.table.text[spans[places[0]][0] : spans[places[-1]][1]].strip() if places else ""
    if not bare or covered != bare:
        raise InvalidParameter(
            f"In '{own.table.text[:80]}' the tokens of '{bare[:40]}' run into those beside it for {model.id}. Put a "
            "space between them, or reword."
        )
    return own, places


def _input(model: "LoadedModel", own: "Encoding", places: Positions) -> tuple[tuple[int, ...], int]:
    """Give what is read for a continuation, and the first position where its scores stand."""
    from lmviz.capture.batches import front

    ids = own.table.ids
    if model.kind == "encoder":
        mask = int(model.tokenizer.mask_token_id)
        return tuple(mask if at in places else known for at, known in enumerate(ids)), places[0]
    start = front(model, own)
    if not start and not places[0]:
        raise InvalidParameter(f"Nothing stands before the continuation, and {model.id} has no token to begin with.")
    return (*start, *ids[: places[-1]]), len(start) + places[0] - 1
