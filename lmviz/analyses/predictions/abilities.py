"""What a loaded model can answer by itself, and why not the rest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmviz.errors import NotForThisModel

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_TITLES = {
    "fill-mask": "Fill in a mask",
    "next-token": "Predict the next token",
    "surprisal": "Surprisal of a text",
    "next-sentence": "Does B follow A?",
    "classify": "Classify a text",
    "tag-tokens": "Tag tokens",
    "answer-span": "Answer from a text",
    "generate": "Continue a text",
}
_HEADS = {  # slug -> ending of the class, what the head is called, a model that has one
    "classify": ("ForSequenceClassification", "sequence-classification head", "minilm-sentiment"),
    "tag-tokens": ("ForTokenClassification", "token-classification head", "minilm-ner"),
    "answer-span": ("ForQuestionAnswering", "question-answering head", "deepset/minilm-uncased-squad2"),
}


@dataclass(frozen=True)
class Ability:
    """Something a model may be able to do; `reason` says in a sentence why it is not, and what to choose."""

    slug: str
    title: str
    is_available: bool
    reason: str = ""


def abilities(model: "LoadedModel") -> tuple[Ability, ...]:
    """Say what a model can do, told from its class, its kind and its tokenizer.

    Returns:
        Every ability there is, in the order in which a page offers them.
    """
    reasons = {slug: _reason(model, slug) for slug in _TITLES}
    return tuple(Ability(slug, _TITLES[slug], not reason, reason) for slug, reason in reasons.items())


def can(model: "LoadedModel", slug: str) -> bool:
    """Say whether a model has an ability."""
    return not _reason(model, slug)


def require(model: "LoadedModel", slug: str) -> None:
    """Refuse a model that lacks an ability.

    Raises:
        NotForThisModel: With the reason.
    """
    reason = _reason(model, slug)
    if reason:
        raise NotForThisModel(reason)


def no_language_model(model: "LoadedModel") -> str:
    """Say that a model cannot turn a position into probabilities of tokens; empty where it can."""
    if model.hf_model.get_output_embeddings() is not None:
        return ""
    return (
        f"{model.id} has no language-model head: it gives no probabilities of tokens. "
        "Choose a model that was trained to fill in or continue text, such as minilm-mlm or smollm2-135m."
    )


def _reason(model: "LoadedModel", slug: str) -> str:
    """Say why a model lacks an ability; empty where it has it."""
    if slug == "next-sentence":
        return _no_next_sentence(model)
    if slug in _HEADS:
        ending, name, example = _HEADS[slug]
        has_it = any(ending in kind.__name__ for kind in type(model.hf_model).__mro__)
        return (
            "" if has_it else f"{model.id} has no {name}. Choose a model that was trained with one, such as {example}."
        )
    return no_language_model(model) or _wrong_kind(model, slug)


def _no_next_sentence(model: "LoadedModel") -> str:
    """BERT and those built like it keep the head beside the masked language model's."""
    if getattr(getattr(model.hf_model, "cls", None), "seq_relationship", None) is not None:
        return ""
    return f"{model.id} has no next-sentence head. Choose a BERT that was saved with one, such as minilm-mlm."


def _wrong_kind(model: "LoadedModel", slug: str) -> str:
    """Say why a language model cannot do what another kind of language model can."""
    is_encoder, can_write = model.kind == "encoder", model.hf_model.can_generate()
    if slug == "fill-mask" and not is_encoder:
        return f"{model.id} continues text and fills in no masks. Choose an encoder such as minilm-mlm."
    if slug in ("fill-mask", "surprisal") and is_encoder and model.tokenizer.mask_token is None:
        return f"{model.id} has no mask token, so nothing can be hidden from it. Choose a model with one: minilm-mlm."
    if slug in ("next-token", "generate") and is_encoder:
        return f"{model.id} reads text from both sides and continues none. Choose a decoder such as smollm2-135m."
    if slug == "generate" and not can_write:
        return f"{model.id} cannot write by itself. Choose a model that can, such as smollm2-135m."
    return ""
