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
_FRAME = tuple[tuple[int, ...], tuple[int, ...]]  # what stands before and after the continuation


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
        LengthsDiffer: Prompt and counterfactual have different numbers of tokens.
        InvalidParameter: The tokens of a continuation cannot be told from those beside it.
        LmvizError: A text is empty or too long.
    """
    prompt, counterfactual, *words = item.texts[:4]
    readings, others = (_readings(model, text, words) for text in (prompt, counterfactual))
    for own, other in zip(readings, others, strict=True):
        if len(own.encoding.table) != len(other.encoding.table):
            raise LengthsDiffer(
                f"The prompt has {len(own.encoding.table)} tokens and the counterfactual "
                f"{len(other.encoding.table)}; patching pairs them one to one. Reword until they match."
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

    texts = _texts(model, prompt)
    own, frame = _framed(model, texts)
    asked: dict[tuple[int, ...], list[tuple[int, int, float]]] = {}
    for word, sign in zip(words, (-1.0, 1.0), strict=True):
        pieces = _pieces(model, texts[0] + word + texts[1], frame)
        ids, first = _input(model, own, (frame, pieces))
        triples = [(first + place, piece, sign / len(pieces)) for place, piece in enumerate(pieces)]
        asked.setdefault(ids, []).extend(triples)
    return tuple(
        Reading(of_ids(model, ids, like=own), *map(tuple, zip(*triples, strict=True))) for ids, triples in asked.items()
    )


def _texts(model: "LoadedModel", prompt: str) -> tuple[str, str]:
    """Give what stands before and after the continuation."""
    if prompt.count(MASK) > 1:
        raise InvalidParameter(f"'{prompt[:60]}' has {prompt.count(MASK)} places for an answer. Leave one {MASK}.")
    before, _, after = prompt.partition(MASK)
    if model.kind == "encoder":
        return (before, after) if MASK in prompt else (f"{prompt} ", ".")
    return f"{before.rstrip()} ", ""


def _framed(model: "LoadedModel", texts: tuple[str, str]) -> tuple["Encoding", _FRAME]:
    """Give the prompt as tokens, and those before and after the continuation."""
    from lmviz.capture.tokens import encode

    if model.kind != "encoder":
        own = encode(model, texts[0].rstrip())
        return own, (_without_end(own), ())
    mask = int(model.tokenizer.mask_token_id)
    own = encode(model, texts[0] + str(model.tokenizer.mask_token) + texts[1])
    ids = own.table.ids
    if ids.count(mask) != 1:
        raise InvalidParameter(f"'{own.table.text[:60]}' has {ids.count(mask)} masks for {model.id}. Leave one.")
    return own, (ids[: ids.index(mask)], ids[ids.index(mask) + 1 :])


def _without_end(own: "Encoding") -> tuple[int, ...]:
    """Leave out special tokens at the end of a decoder's text: nothing could go on after them."""
    table = own.table
    end = max((place + 1 for place in range(len(table)) if not table.special[place]), default=len(table))
    return table.ids[:end]


def _pieces(model: "LoadedModel", text: str, frame: _FRAME) -> tuple[int, ...]:
    """Find the tokens of a continuation where it stands."""
    from lmviz.capture.tokens import encode

    own = encode(model, text)
    ids = own.table.ids if model.kind == "encoder" else _without_end(own)
    before, after = frame
    end = len(ids) - len(after)
    if ids[: len(before)] != before or ids[end:] != after or end <= len(before):
        raise InvalidParameter(
            f"In '{text[:80]}' the tokens of the continuation run into those beside it for {model.id}. Put a space "
            "between them, or reword."
        )
    return ids[len(before) : end]


def _input(model: "LoadedModel", own: "Encoding", parts: tuple[_FRAME, tuple[int, ...]]) -> tuple[tuple[int, ...], int]:
    """Give what is read for a continuation, and the first position where its scores stand."""
    from lmviz.capture.batches import front

    (before, after), pieces = parts
    if model.kind == "encoder":
        masks = (int(model.tokenizer.mask_token_id),) * len(pieces)
        return (*before, *masks, *after), len(before)
    start = front(model, own)
    return (*start, *before, *pieces[:-1]), len(start) + len(before) - 1
